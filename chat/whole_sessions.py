"""What a store can do with sessions as a whole."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Protocol

from chat.records import Imported

# The first frame moves no session.
if TYPE_CHECKING:
    from chat.transcript import Transcript


class WholeSessions(Protocol):
    """Gives sessions away as values, and takes them."""

    def export(self, session_id: str) -> "Transcript":
        """A session, deleted or not, with all its branches, and where its replies came from."""

    def add_session(self, transcript: "Transcript") -> str:
        """Keep a session of its own, whatever is there, its pictures' bytes included; gives its id."""

    def import_sessions(self, transcripts: "Iterable[Transcript]") -> Sequence[Imported]:
        """Keep all of these sessions or, where one cannot be, none; gives what became of each.

        One that was brought in before, or that comes from one that is there, is not made twice: the one that is there
        gets the turns that it lacks, and is brought back where it had been deleted.
        """
