"""An open database: safe settings, and transactions whose failures are `StoreError`s."""

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager, suppress
from pathlib import Path
from typing import Final, TypeVar

from chat.errors import StoreError
from chat.store.counts import SessionCount
from chat.store.faults import BUSY_S, NOT_OURS, is_of_a_value, store_errors, understood

Read = TypeVar("Read")

APPLICATION_ID: Final = int.from_bytes(b"idfc")
"""Marks a SQLite file as this program's."""

_SETTINGS: Final = (
    "PRAGMA journal_mode = DELETE",
    # One step above FULL: the folder is synced too, so a power cut cannot bring back a journal that undoes a commit.
    "PRAGMA synchronous = EXTRA",
    "PRAGMA foreign_keys = ON",
    "PRAGMA secure_delete = ON",
    "PRAGMA trusted_schema = OFF",
    "PRAGMA cell_size_check = ON",
    # Sorting shall not leave messages in the folder for temporary files.
    "PRAGMA temp_store = MEMORY",
)


def connect(path: Path, *, wait_s: float | None = None) -> sqlite3.Connection:
    """Open this program's database, or an empty file that is to become one; another program's is left untouched.

    Args:
        path: The file.
        wait_s: Seconds to wait for another program that writes, if not as long as usual.

    Raises:
        StoreError: The file belongs to another program.
        sqlite3.Error: The file cannot be opened or is damaged.
    """
    if path.stat().st_size:
        _refuse_foreign(path)
    connection = sqlite3.connect(path, timeout=usual_wait_s() if wait_s is None else wait_s, isolation_level=None)
    try:
        connection.row_factory = sqlite3.Row
        # The first statement that reads: it waits for locks and finds what the look above could not tell.
        connection.execute("PRAGMA application_id").fetchone()
        for setting in _SETTINGS:
            connection.execute(setting)
    except BaseException:
        connection.close()
        raise
    return connection


def usual_wait_s() -> float:
    """Seconds to wait for another program that writes, unless told otherwise."""
    return BUSY_S


def _refuse_foreign(path: Path) -> None:
    """Raise StoreError for another program's database, without a lock and without a file beside it.

    Reading the header as a plain file would not do: closing it drops the locks this process holds on the database.
    """
    with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro&immutable=1", uri=True)) as peek:
        try:
            application_id = peek.execute("PRAGMA application_id").fetchone()[0]
        except sqlite3.DatabaseError:
            # It may only seem damaged: a look without locks can meet a commit half written, by a process that lives or
            # one that died. The connection that follows waits for the one, undoes the other, and tells real damage.
            return
    if application_id != APPLICATION_ID:
        raise StoreError(f"{path} {NOT_OURS}")


@contextmanager
def transaction(connection: sqlite3.Connection, begin: str = "BEGIN IMMEDIATE") -> Iterator[None]:
    """Commit what the body does, or nothing of it."""
    try:
        connection.execute(begin)
        yield
        connection.execute("COMMIT")
    except BaseException:
        # Does nothing where SQLite has rolled back by itself, as it does on a full disk.
        connection.rollback()
        raise


def read_whatever(connection: sqlite3.Connection, read: Callable[[], Read]) -> Read:
    """What is read, also where a text is none that can be decoded: in its place stand its bytes.

    It is read once more then: to decode each text here takes longer.
    """
    try:
        return read()
    except sqlite3.OperationalError as error:
        if not is_of_a_value(error):
            raise
    usual = connection.text_factory
    connection.text_factory = _text_or_bytes
    try:
        return read()
    finally:
        connection.text_factory = usual


def _text_or_bytes(data: bytes) -> str | bytes:
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data


@contextmanager
def ended_by(stop: threading.Event, connection: sqlite3.Connection) -> Iterator[None]:
    """Break off a statement that takes long when `stop` is set: Python is asked for nothing while one runs."""
    is_over = threading.Event()

    def watch() -> None:
        stop.wait()
        # It may be over by the time that this is said.
        with suppress(sqlite3.ProgrammingError):
            if not is_over.is_set():
                connection.interrupt()

    # It may wait for ever where nobody stops anything.
    threading.Thread(target=watch, daemon=True).start()
    try:
        yield
    finally:
        is_over.set()


class Database:
    """A connection that is used in transactions only. Belongs to the thread that made it."""

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self.path = path
        self.session_count = SessionCount()
        self._connection = connection

    @contextmanager
    def reading(self, session_id: str | None = None) -> Iterator[sqlite3.Connection]:
        """See the database as it is at one moment; the block makes values of rows, and does nothing else.

        Args:
            session_id: The session that is read, which is named where it cannot be understood; None for several.
        """
        with store_errors(self.path), self._understood(session_id), transaction(self._connection, "BEGIN"):
            yield self._connection

    @contextmanager
    def writing(self, session_id: str | None = None) -> Iterator[sqlite3.Connection]:
        """Change the database; all of it is on the disk after the block, or nothing is.

        The write lock is taken at the start: a reader that turned into a writer could fail without waiting.

        Args:
            session_id: As for `reading`.
        """
        with store_errors(self.path), self._understood(session_id), transaction(self._connection):
            yield self._connection

    def _understood(self, session_id: str | None) -> AbstractContextManager[None]:
        return understood(str(self.path) if session_id is None else f"session {session_id}")

    def close(self) -> None:
        """Close the connection; a second time does nothing."""
        self._connection.close()
