"""The part of the store that reads and writes sessions as a whole."""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Final

from chat.conversation import Image
from chat.records import Imported
from chat.store import pictures
from chat.store.connection import Database

# The first frame moves no session.
if TYPE_CHECKING:
    from chat.transcript import Transcript

TURNS_AT_ONCE: Final = 500
"""Turns that are enough for a transaction: it takes about a tenth of a second."""
PICTURE_BYTES_AT_ONCE: Final = 8 * 2**20
"""Bytes of pictures that are enough for a transaction."""
PAUSE_S: Final = 0.02
"""Seconds between two transactions, in which others get their turn."""

_TURNS_OF_A_PICTURE: Final = 25
"""Turns that take as much memory as the picture that a file holds."""
# What is written before the end of a transaction locks those out who read.
_NO_SPILL: Final = "PRAGMA cache_spill = OFF"


class WholeSessionStore:
    """Gives sessions away as values, and takes them; see `chat.whole_sessions.WholeSessions`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def export(self, session_id: str) -> "Transcript":
        """A session with all its branches, and where its replies came from; no picture's bytes are read."""
        from chat.store.exporting import transcript_of

        with self._database.reading(session_id) as connection:
            return transcript_of(connection, self._database.path, session_id)

    def add_session(self, transcript: "Transcript") -> str:
        """Keep a session of its own, whatever is there, its pictures' bytes included; gives its id."""
        from chat.store.importing import add

        with self._database.writing() as connection:
            return add(connection, transcript)

    def import_sessions(
        self, transcripts: "Iterable[Transcript]", tell: Callable[[Sequence[Imported]], None] = lambda _: None
    ) -> list[Imported]:
        """Keep sessions, a few in each transaction; what is there already is not made twice; see the protocol."""
        imported: list[Imported] = []
        for became in map(self._import_some, _few_at_a_time(transcripts)):
            imported += became
            tell(became)
        return imported

    def _import_some(self, transcripts: "Sequence[Transcript]") -> list[Imported]:
        """Keep some sessions, all of them or none; whatever can be done before the database is locked is."""
        from chat.store.importing import bring_in
        from chat.transcript.fingerprint import fingerprint

        marks = [fingerprint(transcript) for transcript in transcripts]
        self._keep_pictures(transcripts)
        with self._database.writing() as connection:
            connection.execute(_NO_SPILL)
            return [
                bring_in(connection, self._database.path, transcript, mark)
                for transcript, mark in zip(transcripts, marks, strict=True)
            ]

    def _keep_pictures(self, transcripts: "Sequence[Transcript]") -> None:
        """Keep the pictures that are not there, some at a time: also those of a session that is, and has lost them."""
        with self._database.reading() as connection:
            present = [image for one in transcripts for image in one.present]
            lacking = pictures.missing(connection, present, reads=True)
        read: list[tuple[Image, bytes]] = []
        for number, image in enumerate(lacking, start=1):
            read.append((image, pictures.check(image, image.read())))
            if number < len(lacking) and sum(len(data) for _, data in read) < PICTURE_BYTES_AT_ONCE:
                continue
            with self._database.writing() as connection:
                for kept, data in read:
                    pictures.insert(connection, kept, data)
            read.clear()
            time.sleep(PAUSE_S)


def _few_at_a_time(transcripts: "Iterable[Transcript]") -> "Iterator[list[Transcript]]":
    """Whole sessions, as many as one transaction keeps."""
    some: list[Transcript] = []
    weight = 0
    for transcript in transcripts:
        some.append(transcript)
        weight += len(transcript.turns) + len(transcript.others) + _TURNS_OF_A_PICTURE * len(transcript.images)
        if weight >= TURNS_AT_ONCE:
            yield some
            some, weight = [], 0
            time.sleep(PAUSE_S)
    if some:
        yield some
