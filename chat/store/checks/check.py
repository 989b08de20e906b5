"""All checks in turn: the file, the tables, the rows, what follows from the rows, and the pictures."""

import sqlite3
import threading
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Final

from chat.store.checks import derived, file, likenesses, pictures, rows, structure, values, words
from chat.store.checks.difference import Difference, Differences, Tell
from chat.store.connection import connect, ended_by
from chat.store.faults import store_errors, understood

NOTHING_REPAIRED: Final = (
    "the file is damaged, so nothing was repaired and no more was looked at: keep it, and go on with a backup"
)
NO_MORE: Final = "without what is lost no more was looked at: keep the file, and go on with a backup"


class Check:
    """Looks through a database of the present version, which others may use meanwhile.

    It reads in short transactions, so that nobody waits long to write, and no more than one picture at a time.
    """

    def __init__(self, path: Path, tell: Tell, stop: threading.Event) -> None:
        """Prepare it.

        Args:
            path: The database.
            tell: Is told how far it is.
            stop: Set when nobody wants to know any more; then what is found ends early, or with a StoreError.
        """
        self._path, self._tell, self._stop = path.absolute(), tell, stop
        self.sessions = 0
        """Sessions that were looked at."""
        self.turns = 0
        """Turns that were looked at."""
        self.pictures = 0
        """Pictures that were looked at."""

    def differences(self) -> Differences:
        """What is wrong, as it is found; what follows from the rest is repaired.

        Raises:
            StoreError: The database cannot be read to its end.
        """
        with (
            store_errors(self._path),
            understood(str(self._path), "keep the file, and go on with a backup"),
            closing(connect(self._path)) as connection,
            ended_by(self._stop, connection),
        ):
            # What is garbled is told, and cannot end the reading of all that follows.
            connection.text_factory = partial(str, encoding="utf-8", errors="replace")
            is_damaged = False
            for found, is_damage in file.differences(connection, self._tell):
                is_damaged = is_damaged or is_damage
                yield found
            if is_damaged:
                yield Difference(NOTHING_REPAIRED)
            else:
                yield from self._beyond_the_file(connection)

    def _beyond_the_file(self, connection: sqlite3.Connection) -> Differences:
        made, columns = structure.present()
        lost = list(structure.lost(connection, columns))
        if lost:
            yield from (*lost, Difference(NO_MORE))
        else:
            yield from self._beyond_the_tables(connection, made, columns)

    def _beyond_the_tables(
        self, connection: sqlite3.Connection, made: dict[str, structure.Made], tables: structure.Tables
    ) -> Differences:
        self.sessions, self.turns = (
            connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in ("sessions", "turns")
        )
        for part in (
            structure.differences(connection, made, self._tell),
            likenesses.differences(connection, self._tell),
            file.lost_references(connection, self._tell),
            rows.differences(connection, self._tell),
            derived.differences(connection, self._tell),
            values.differences(connection, tables, self._tell),
            words.differences(connection, made[words.INDEX].sql, self._tell, self._stop),
        ):
            if self._stop.is_set():
                return
            yield from part
        for number, found_in_picture in enumerate(pictures.differences(connection, self._tell), start=1):
            if self._stop.is_set():
                return
            self.pictures = number
            yield from found_in_picture
