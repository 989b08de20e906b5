"""What a list tells of sessions: frozen values, without a word on how they are kept."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

# A list without a search finds no words.
if TYPE_CHECKING:
    from chat.search import Piece


class SessionSummary(NamedTuple):
    """A line of the session list."""

    id: str
    title: str
    """What the user called it, or the first words of its first message; may be empty."""
    created_at: str
    """ISO 8601, UTC."""
    updated_at: str
    """ISO 8601, UTC."""
    turn_count: int
    image_count: int
    checkpoint: str
    """Of the newest reply; empty when there is none."""
    system: str
    is_pinned: bool = False
    """Whether it stands before the others in the list."""
    problem: str = ""
    """What of this cannot be read, in words; then something empty, or what is left of a text, stands in its place."""


class PictureMatch(NamedTuple):
    """A picture of a session that is the one looked for, or looks like it."""

    digest: str
    name: str
    distance: int
    """0: it is the same file. Otherwise in how many bits it looks different, 1 at least."""
    turn_id: int | None
    """The newest turn it came with; None where it came with a question that was not sent, before the first turn."""


class SessionHit(NamedTuple):
    """A session that was found."""

    summary: SessionSummary
    turn_id: int | None = None
    """The newest turn in which the words were found; None where they are in the title alone.

    Where no words were given, that of the picture, or None.
    """
    snippet: "tuple[Piece, ...]" = ()
    """The part of that turn's text around the words."""
    picture: PictureMatch | None = None
    """Where a picture was looked for, the likest one."""
    is_named: bool = False
    """Whether what was looked for is its id, or the beginning of it."""


@dataclass(frozen=True, slots=True)
class FoundSessions:
    """A page of the sessions that were found."""

    hits: tuple[SessionHit, ...]
    count: int
    """How many sessions were found, on this page and on others."""
    is_cut: bool
    """Whether there are more than were counted."""
    total: int
    """How many sessions there are."""
