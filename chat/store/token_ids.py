"""The token ids of a reply as the store holds them."""

import json
import re
from collections.abc import Iterator, Sequence
from typing import Final, overload

_ARRAY: Final = re.compile(r"\[(?:\d+(?:, ?\d+)*)?\]")


class StoredIds(Sequence[int]):
    """Reads its ids when somebody looks at them: those of a long session are a million, and few are looked at."""

    __slots__ = ("_json",)

    def __init__(self, text: str) -> None:
        """Take a JSON array of integers; raises ValueError where it is none."""
        if not _ARRAY.fullmatch(text):
            raise ValueError(f"no token ids: {text[:40]}")
        self._json = text

    def _ids(self) -> tuple[int, ...]:
        return tuple(json.loads(self._json))

    @overload
    def __getitem__(self, place: int) -> int: ...
    @overload
    def __getitem__(self, place: slice) -> tuple[int, ...]: ...
    def __getitem__(self, place: int | slice) -> int | tuple[int, ...]:
        return self._ids()[place]

    def __len__(self) -> int:
        return len(self._ids())

    def __iter__(self) -> Iterator[int]:
        return iter(self._ids())

    def __eq__(self, other: object) -> bool:
        if isinstance(other, StoredIds):
            return self._json == other._json or self._ids() == other._ids()
        return self._ids() == other

    def __hash__(self) -> int:
        return hash(self._ids())

    def __repr__(self) -> str:
        return repr(self._ids())
