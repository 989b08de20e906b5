"""Token ids that are read when somebody looks at them."""

import pytest

from chat.store.token_ids import StoredIds


def test_they_are_as_a_tuple_of_them() -> None:
    ids = StoredIds("[3, 1, 4]")
    assert tuple(ids) == (3, 1, 4)
    assert len(ids) == 3
    assert ids[-1] == 4
    assert ids[:2] == (3, 1)
    assert repr(ids) == "(3, 1, 4)"
    assert not StoredIds("[]")


def test_they_are_compared_with_any_other_ids() -> None:
    ids = StoredIds("[3, 1, 4]")
    assert ids == (3, 1, 4)
    assert (3, 1, 4) == ids
    assert ids == StoredIds("[3,1,4]")
    assert ids != StoredIds("[3, 1]")
    assert hash(ids) == hash((3, 1, 4))


@pytest.mark.parametrize("text", ["", "1", "[1,]", "[1.5]", "[-1]", '["1"]', "{}", "[1][2]", "[true]"])
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no token ids"):
        StoredIds(text)
