"""An open database: safe settings, and transactions whose failures are `StoreError`s."""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Final

from chat.errors import StoreError
from chat.store.counts import SessionCount
from chat.store.faults import ANOTHER_FILE, BUSY_S, NOT_OURS, store_errors

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


@contextmanager
def understood(path: Path) -> Iterator[None]:
    """Raise StoreError where values are made of rows that hold something else than this program writes."""
    try:
        yield
    except (KeyError, TypeError, ValueError) as error:
        raise StoreError(f"{path} holds a value that is not understood ({error}): {ANOTHER_FILE}") from error


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
    def reading(self) -> Iterator[sqlite3.Connection]:
        """See the database as it is at one moment; the block makes values of rows, and does nothing else."""
        with understood(self.path), store_errors(self.path), transaction(self._connection, "BEGIN"):
            yield self._connection

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """Change the database; all of it is on the disk after the block, or nothing is.

        The write lock is taken at the start: a reader that turned into a writer could fail without waiting.
        """
        with store_errors(self.path), transaction(self._connection):
            yield self._connection

    def close(self) -> None:
        """Close the connection; a second time does nothing."""
        self._connection.close()
