"""Where new tokens stand, and which of all tokens each of them may see.

One conversation that goes on is the plain case. Prompts side by side are padded at the left, so that all end together;
branches are several ways on from one beginning, computed in one row, of which none sees another.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Layout:
    """New tokens in their places."""

    places: Tensor
    """Of every new token, counted from 0, (1 or rows, new)."""
    mask: Tensor | None
    """What is added to scores: of the new tokens for each other (new, new), where each sees all earlier ones; or for
    all tokens (1 or rows, 1, new, all). None for a single new token, which sees everything."""


def following(past: int, count: int, like: Tensor) -> Layout:
    """New tokens that go on with one conversation.

    Args:
        past: How many tokens stand before them.
        count: How many are new.
        like: A tensor of the dtype and on the device where scores are computed.
    """
    places = torch.arange(past, past + count, device=like.device)[None]
    return Layout(places, None if count == 1 else _later(count, like))


def side_by_side(past: int, count: int, padding: Tensor, like: Tensor) -> Layout:
    """New tokens of several prompts.

    Args:
        past: How many columns stand before them, padding included.
        count: How many are new in every row.
        padding: How many columns at the left of every row hold nothing, (rows,).
        like: A tensor of the dtype and on the device where scores are computed.
    """
    columns = torch.arange(past, past + count, device=like.device)
    places = (columns[None] - padding[:, None]).clamp(min=0)
    earlier = torch.arange(past + count, device=like.device)
    is_seen = (earlier[None, None] >= padding[:, None, None]) & (earlier[None, None] <= columns[None, :, None])
    # What stands in the padding sees itself: a row of scores that are all minus infinity has no softmax.
    is_seen = is_seen | (earlier[None, None] == columns[None, :, None])
    return Layout(places, _added(is_seen, like)[:, None])


def branching(past: int, lengths: Sequence[int], like: Tensor) -> Layout:
    """New tokens of several ways on from one beginning.

    Args:
        past: How many tokens are the beginning.
        lengths: Tokens of every branch, which stand one branch behind the other.
        like: A tensor of the dtype and on the device where scores are computed.
    """
    branch = torch.repeat_interleave(torch.tensor(lengths, device=like.device))
    places = torch.cat([torch.arange(past, past + length, device=like.device) for length in lengths])
    is_seen = (branch[:, None] == branch[None]) & (places[:, None] >= places[None])
    is_seen = torch.cat((is_seen.new_ones(len(branch), past), is_seen), dim=1)
    return Layout(places[None], _added(is_seen, like)[None, None])


def _later(count: int, like: Tensor) -> Tensor:
    return torch.full((count, count), -torch.inf, dtype=like.dtype, device=like.device).triu(1)


def _added(is_seen: Tensor, like: Tensor) -> Tensor:
    """Zeros where a token is seen, minus infinity where it is not."""
    return torch.zeros(is_seen.shape, dtype=like.dtype, device=like.device).masked_fill(~is_seen, -torch.inf)
