"""What a check found, in words."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Self

Tell = Callable[[str], None]
"""Takes how far long work has come, in words."""


@dataclass(frozen=True, slots=True)
class Difference:
    """Something that is not as it should be."""

    words: str
    """What is wrong, without where."""
    session_id: str | None = None
    turn_id: int | None = None
    image: str | None = None
    """The digest of a picture, as its row has it."""
    is_repaired: bool = False
    """Whether it was made right: only what follows from the rest of the database ever is."""

    def __post_init__(self) -> None:
        # What names them may be spoiled itself.
        if not isinstance(self.session_id, str | None):
            object.__setattr__(self, "session_id", str(self.session_id))
        if not isinstance(self.turn_id, int | None):
            object.__setattr__(self, "turn_id", None)

    @property
    def line(self) -> str:
        """Where it is and what it is; the line may hold anything that the database does."""
        places = [
            f"session {self.session_id}" if self.session_id is not None else "",
            f"turn {self.turn_id}" if self.turn_id is not None else "",
            f"picture {self.image[:8]}" if self.image is not None else "",
        ]
        where = ", ".join(place for place in places if place) or "the database"
        return f"{where}: {self.words}{' (repaired)' if self.is_repaired else ''}"

    def repaired(self) -> Self:
        """The same, made right."""
        return replace(self, is_repaired=True)

    def not_repaired(self, reason: str) -> Self:
        """The same, which could not be made right."""
        return replace(self, words=f"{self.words} (not repaired: {reason})")


Differences = Iterator[Difference]
