"""The part of the store that reads and writes sessions as a whole."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from chat.records import Imported
from chat.store.connection import Database

# The first frame moves no session.
if TYPE_CHECKING:
    from chat.transcript import Transcript


class WholeSessionStore:
    """Gives sessions away as values, and takes them; see `chat.whole_sessions.WholeSessions`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def export(self, session_id: str) -> "Transcript":
        """A session with all its branches, and where its replies came from; no picture's bytes are read."""
        from chat.store.exporting import transcript_of

        with self._database.reading() as connection:
            return transcript_of(connection, self._database.path, session_id)

    def add_session(self, transcript: "Transcript") -> str:
        """Keep a session of its own, whatever is there, its pictures' bytes included; gives its id."""
        from chat.store.importing import add

        with self._database.writing() as connection:
            return add(connection, transcript)

    def import_sessions(self, transcripts: "Iterable[Transcript]") -> list[Imported]:
        """Keep all of these sessions or, where one cannot be, none; what is there already is not made twice."""
        from chat.store.importing import bring_in

        with self._database.writing() as connection:
            return [bring_in(connection, self._database.path, transcript) for transcript in transcripts]
