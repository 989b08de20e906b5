"""The token ids of a reply as the store holds them."""

import json
from collections.abc import Iterator, Sequence
from typing import overload

from chat.errors import StoreError
from chat.store.faults import CHECK


class StoredIds(Sequence[int]):
    """Reads its ids when somebody looks at them: those of a long session are a million, and few are looked at."""

    __slots__ = ("_count", "_text")

    def __init__(self, text: str, count: int) -> None:
        """Take a JSON array of so many integers."""
        self._text = text
        self._count = count

    def _ids(self) -> tuple[int, ...]:
        ids = json.loads(self._text)
        if not {int}.issuperset(map(type, ids)):
            raise StoreError(f"the token ids of a reply are no numbers: {CHECK}")
        return tuple(ids)

    @overload
    def __getitem__(self, place: int) -> int: ...
    @overload
    def __getitem__(self, place: slice) -> tuple[int, ...]: ...
    def __getitem__(self, place: int | slice) -> int | tuple[int, ...]:
        return self._ids()[place]

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[int]:
        return iter(self._ids())

    def __eq__(self, other: object) -> bool:
        return self._ids() == (other._ids() if isinstance(other, StoredIds) else other)

    def __hash__(self) -> int:
        return hash(self._ids())

    def __repr__(self) -> str:
        return repr(self._ids())
