"""What a model has computed of several prompts side by side, each a row that is padded at its left."""

from collections.abc import Mapping, Sequence
from typing import Final

import torch

from chat.conversation import Image
from chat.models.features import KeptFeatures, Seen
from chat.models.kv_cache import GrowingCache
from chat.models.sights import StackedSights
from chat.models.tokens import Key

PADDING: Final[Key] = (0, "")
"""Fills the columns before a prompt. No token sees it, and nothing is read of it."""


class PaddedState:
    """The key-value cache of several prompts, and the tokens it was computed from."""

    def __init__(self, rows: Sequence[int], room: int, device: torch.device) -> None:
        """Begin with nothing computed.

        Args:
            rows: How many tokens each prompt has.
            room: Tokens of the longest row in the end, its reply included.
            device: Where scores are computed.
        """
        self.cache = GrowingCache(least_room=room)
        self.width = max(rows)
        """Columns that the prompts take."""
        self._skipped = [self.width - length for length in rows]
        self.padding = torch.tensor(self._skipped, device=device)
        """Columns at the left of every row that hold nothing, (rows,)."""
        self.rows: list[list[Key]] = [[] for _ in rows]
        """The tokens computed of every row, padding left out."""
        self.seen: dict[str, Seen] = {}
        """What was seen in the prompts' pictures, by digest."""
        self.sights: StackedSights | None = None
        """What the rows look at while they go on, in the family that looks at pictures apart."""
        self._columns = 0

    def __len__(self) -> int:
        return self._columns

    def look(self, images: Mapping[str, Image], digest: str, features: KeptFeatures) -> None:
        """Hold what was seen in a picture for as long as a row shows it, whatever is let go of elsewhere."""
        self.seen.setdefault(digest, features.of(images[digest]))

    def latest_image(self, row: int) -> str:
        """Digest of the newest picture among a row's tokens, or an empty string."""
        return next((digest for _, digest in reversed(self.rows[row]) if digest), "")

    def computed(self, columns: Sequence[Sequence[Key]]) -> None:
        """Note the columns that a forward pass has added to the cache, row by row."""
        for row, keys, skipped in zip(self.rows, columns, self._skipped, strict=True):
            row.extend(keys[max(0, skipped - self._columns) :])
        self._columns += len(columns[0])

    def keep_rows(self, rows: Sequence[int]) -> None:
        """Let go of all rows but these."""
        self.cache.keep_rows(rows)
        self.padding = self.padding[list(rows)]
        self.rows = [self.rows[row] for row in rows]
        self._skipped = [self._skipped[row] for row in rows]
        if self.sights is not None:
            self.sights.keep(rows)
