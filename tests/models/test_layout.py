"""Where new tokens stand, and what each of them sees."""

import torch
from torch import Tensor

from chat.models.layout import branching, following, side_by_side

LIKE = torch.empty(0)


def seen(mask: Tensor | None) -> list[list[int]]:
    """Of a mask's last two dimensions, the columns that every row sees."""
    assert mask is not None
    return [[place for place, added in enumerate(row) if added == 0] for row in mask.tolist()]


def test_tokens_that_go_on_see_themselves_and_the_new_ones_before_them() -> None:
    layout = following(7, 3, LIKE)
    assert layout.places.tolist() == [[7, 8, 9]]
    assert seen(layout.mask) == [[0], [0, 1], [0, 1, 2]]
    assert following(7, 1, LIKE).mask is None


def test_padding_counts_no_place_and_is_seen_by_nobody_else() -> None:
    layout = side_by_side(0, 4, torch.tensor([0, 2]), LIKE)
    assert layout.places.tolist() == [[0, 1, 2, 3], [0, 0, 0, 1]]
    assert layout.mask is not None
    assert seen(layout.mask[0, 0]) == [[0], [0, 1], [0, 1, 2], [0, 1, 2, 3]]
    assert seen(layout.mask[1, 0]) == [[0], [1], [2], [2, 3]]
    later = side_by_side(4, 1, torch.tensor([0, 2]), LIKE)
    assert later.places.tolist() == [[4], [2]]
    assert later.mask is not None
    assert [seen(row[0]) for row in later.mask] == [[[0, 1, 2, 3, 4]], [[2, 3, 4]]]


def test_branches_see_their_beginning_and_themselves() -> None:
    layout = branching(2, [2, 1, 0, 2], LIKE)
    assert layout.places.tolist() == [[2, 3, 2, 2, 3]]
    assert layout.mask is not None
    assert seen(layout.mask[0, 0]) == [[0, 1, 2], [0, 1, 2, 3], [0, 1, 4], [0, 1, 5], [0, 1, 5, 6]]
