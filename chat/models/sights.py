"""What the tokens of IDEFICS look at: the newest picture before each, by keys and values made once a picture."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from chat.models.attention import attend

Sight = tuple[Tensor, ...]
"""A picture as the decoder takes it: of every cross-attention layer the keys, then the values, each
(1, heads, latents, head width)."""


class Sights(Protocol):
    """What the new tokens of one or several rows look at."""

    @property
    def is_blind(self) -> bool:
        """Whether no token looks at anything."""

    def attended(self, queries: Tensor, layer: int) -> Tensor:
        """What the tokens take from their pictures, (rows, heads, new, head width); zeros where there is none.

        Args:
            queries: Of the new tokens, (rows, heads, new, head width).
            layer: The number of the cross-attention layer, from 0.
        """


@dataclass(frozen=True, slots=True)
class Stretch:
    """Neighbouring tokens that attend to one picture, or to none."""

    start: int
    end: int
    sight: Sight | None


class StretchSights:
    """Rows whose tokens may look at several pictures, stretch by stretch."""

    def __init__(self, rows: Sequence[Sequence[Stretch]]) -> None:
        """Take every row's stretches, in order and without gaps."""
        self._rows = rows

    @property
    def is_blind(self) -> bool:
        """Whether no token looks at anything."""
        return not any(stretch.sight for row in self._rows for stretch in row)

    def attended(self, queries: Tensor, layer: int) -> Tensor:
        """See `Sights.attended`."""
        rows = [_attended(queries[number : number + 1], row, layer) for number, row in enumerate(self._rows)]
        return rows[0] if len(rows) == 1 else torch.cat(rows)


class StackedSights:
    """Rows whose every new token looks at one picture, the row's newest: all rows are computed at once."""

    def __init__(self, sights: Sequence[Sight | None]) -> None:
        """Take every row's picture, None where it has none yet; they are copied together."""
        self._has_picture = [sight is not None for sight in sights]
        shown = [sight for sight in sights if sight is not None]
        self._stacked: list[Tensor] = []
        for number in range(len(shown[0]) if shown else 0):
            nothing = torch.zeros_like(shown[0][number])
            self._stacked.append(torch.cat([nothing if sight is None else sight[number] for sight in sights]))

    @property
    def is_blind(self) -> bool:
        """Whether no token looks at anything."""
        return not any(self._has_picture)

    def attended(self, queries: Tensor, layer: int) -> Tensor:
        """See `Sights.attended`; of values that are zeros nothing is taken."""
        return attend(queries, self._stacked[2 * layer], self._stacked[2 * layer + 1])

    def keep(self, rows: Sequence[int]) -> None:
        """Let go of all rows but these."""
        self._has_picture = [self._has_picture[row] for row in rows]
        self._stacked = [part[list(rows)] for part in self._stacked]


def _attended(queries: Tensor, stretches: Sequence[Stretch], layer: int) -> Tensor:
    """One row's share, (1, heads, new, head width)."""
    parts = [
        attend(
            queries[:, :, stretch.start : stretch.end],
            stretch.sight[2 * layer],
            stretch.sight[2 * layer + 1],
        )
        if stretch.sight
        else torch.zeros_like(queries[:, :, stretch.start : stretch.end])
        for stretch in stretches
    ]
    return parts[0] if len(parts) == 1 else torch.cat(parts, dim=2)
