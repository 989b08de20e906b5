"""What sqlite3 and the file system complain of, said in one line that names the file and the cure."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from chat.errors import StoreBusyError, StoreError

BUSY_S: Final = 5
"""Seconds to wait for another program that writes to the database, unless told otherwise."""

ANOTHER_FILE: Final = "give another file with --db"
NOT_OURS: Final = f"is not an idefics-chat database: {ANOTHER_FILE}"

# Keyed by extended result code first, then by the primary one.
_LINES: Final = {
    sqlite3.SQLITE_READONLY_DBMOVED: "was moved or deleted while it was in use: put it back, or start again",
    sqlite3.SQLITE_READONLY: f"is read-only: make the file and its folder writable, or {ANOTHER_FILE}",
    sqlite3.SQLITE_NOTADB: NOT_OURS,
    sqlite3.SQLITE_CORRUPT: f"is damaged: keep it, and go on with a backup that lies beside it, or {ANOTHER_FILE}",
    sqlite3.SQLITE_BUSY: "is locked by another program: close that one, or try again",
    sqlite3.SQLITE_FULL: "cannot grow because the disk is full: free some space and try again",
    sqlite3.SQLITE_IOERR: f"cannot be read or written, the disk reports an error: check the disk, or {ANOTHER_FILE}",
    sqlite3.SQLITE_CANTOPEN: f"cannot be opened: check that it is there and yours to read, or {ANOTHER_FILE}",
}


@contextmanager
def store_errors(path: Path) -> Iterator[None]:
    """Raise what SQLite and the file system raise as `StoreError`.

    A `ProgrammingError`, such as the use of a closed store, passes: it is a mistake of this program and not of a file.
    """
    try:
        yield
    except sqlite3.ProgrammingError:
        raise
    except sqlite3.Error as error:
        raise (StoreBusyError if is_busy(error) else StoreError)(f"{path} {in_words(error)}") from error
    except OSError as error:
        raise StoreError(f"{path} cannot be used ({error.strerror or error}): {ANOTHER_FILE}") from error


def is_busy(error: sqlite3.Error) -> bool:
    """Whether another connection holds the database."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_BUSY


def in_words(error: sqlite3.Error) -> str:
    """What SQLite complains of, to stand behind the name of the file."""
    code = getattr(error, "sqlite_errorcode", 0)
    line = _LINES.get(code) or _LINES.get(code & 0xFF)
    return line or f"cannot be used ({error}): try again, or {ANOTHER_FILE}"
