"""What a store can do with sessions as a whole."""

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Protocol

from chat.records import Imported

# The first frame moves no session.
if TYPE_CHECKING:
    from chat.transcript import Transcript


class WholeSessions(Protocol):
    """Gives sessions away as values, and takes them."""

    def session_id(self, id_or_prefix: str) -> str:
        """The whole id of a session, also of one that cannot be read; raises UnknownSessionError."""

    def export(self, session_id: str) -> "Transcript":
        """A session, deleted or not, with all its branches, and where its replies came from."""

    def add_session(self, transcript: "Transcript") -> str:
        """Keep a session of its own, whatever is there, its pictures' bytes included; gives its id."""

    def import_sessions(
        self, transcripts: "Iterable[Transcript]", tell: Callable[[Sequence[Imported]], None] = ...
    ) -> Sequence[Imported]:
        """Keep these sessions, each as a whole; gives what became of each.

        One that was brought in before, or that comes from one that is there, is not made twice: the one that is there
        gets the turns that it lacks, and is brought back where it had been deleted.

        Others can use the store meanwhile: a few sessions are taken and kept, then the next few. Where that ends early,
        be it that one cannot be taken or kept, what was kept before stays; the same again brings the rest.

        Args:
            transcripts: Taken one by one.
            tell: Is given what became of a few as soon as they are kept.
        """
