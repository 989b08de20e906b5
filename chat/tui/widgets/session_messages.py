"""What a list of sessions tells the screen it is on, and what it is told."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from textual.message import Message

from chat.safe_text import short_line

# The first frame searches nothing.
if TYPE_CHECKING:
    from chat.search import Query
    from chat.summaries import FoundSessions, SessionHit


class SessionAct(Message):
    """Something is to be done with a session; the screen of the conversation does it."""

    def __init__(self, session_id: str) -> None:
        super().__init__()
        self.session_id = session_id

    @property
    def done(self) -> str:
        """What is said in the list once it is done, where that is to be said."""
        return ""


class SessionOpened(SessionAct):
    """A session is to be shown, at a turn if one is named."""

    def __init__(self, session_id: str, turn_id: int | None = None) -> None:
        super().__init__(session_id)
        self.turn_id = turn_id


class SessionReplayed(SessionAct):
    """A session is to be played back."""


class SessionDeleted(SessionAct):
    """A session is to be taken out of the list."""

    def __init__(self, session_id: str, title: str) -> None:
        super().__init__(session_id)
        self.title = title


class SessionRestored(SessionAct):
    """A session that was deleted is to come back."""

    def __init__(self, session_id: str, title: str) -> None:
        super().__init__(session_id)
        self.title = title

    @property
    def done(self) -> str:
        """Which one is back."""
        return f"“{short_line(self.title, 40) or '(no title)'}” is back"


class SessionPinned(SessionAct):
    """A session is to stand before the others, or among them again."""

    def __init__(self, session_id: str, is_pinned: bool) -> None:
        super().__init__(session_id)
        self.is_pinned = is_pinned

    @property
    def done(self) -> str:
        """Where it stands."""
        return "pinned · it stands before the others" if self.is_pinned else "not pinned any more"


class SessionRenamed(SessionAct):
    """A session gets a title; a blank one is that of its first words."""

    def __init__(self, session_id: str, title: str) -> None:
        super().__init__(session_id)
        self.title = title

    @property
    def done(self) -> str:
        """Which title it has."""
        return "renamed" if self.title.strip() else "called after its first words again"


class SessionsWanted(Message):
    """Sessions are to be looked for; the list takes them as `SessionsTaken` with the same number and offset."""

    def __init__(self, query: "Query", number: int, offset: int, limit: int) -> None:
        super().__init__()
        self.query = query
        self.number = number
        """Of the asking: what comes under the number of an earlier one comes too late."""
        self.offset = offset
        self.limit = limit


class SessionsTaken(Message, bubble=False):
    """What was looked for was found, or could not be."""

    def __init__(self, number: int, offset: int, found: "FoundSessions | None", problem: str = "") -> None:
        super().__init__()
        self.number = number
        self.offset = offset
        self.found = found
        self.problem = problem


class PicturesCompared(Message, bubble=False):
    """What was looked for takes a while: pictures are looked at that were never compared."""

    def __init__(self, number: int, done: int, of: int) -> None:
        super().__init__()
        self.number = number
        """Of the asking, as that of `SessionsWanted`."""
        self.done = done
        self.of = of

    def can_replace(self, message: Message) -> bool:
        """Only the newest matters."""
        return isinstance(message, PicturesCompared)


class SessionHighlighted(Message):
    """Another session is under the pointer, or none, or other words are looked for."""

    def __init__(self, hit: "SessionHit | None", words: Sequence[str]) -> None:
        super().__init__()
        self.hit = hit
        self.words = words


class NextMatchWanted(Message):
    """The next turn with the words is to be shown beside the list."""


class SessionsCounted(Message):
    """How many sessions there are, or match, in words."""

    def __init__(self, words: str) -> None:
        super().__init__()
        self.words = words
