"""What sqlite3 and the file system complain of, said in one line that names the file and the cure."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from chat.errors import InvalidTurnError, StoreBusyError, StoreError, UsageError, in_one_line

BUSY_S: Final = 5
"""Seconds to wait for another program that writes to the database, unless told otherwise."""

ANOTHER_FILE: Final = "give another file with --db"
CHECK: Final = "`idefics-chat sessions check` tells what is wrong"
NOT_UNDERSTOOD: Final = (
    InvalidTurnError,
    UsageError,
    KeyError,
    OverflowError,
    RecursionError,
    TypeError,
    ValueError,
)
"""What is raised where values are made of rows that hold something else than this program writes."""
NOT_OURS: Final = f"is not an idefics-chat database: {ANOTHER_FILE}"

# Keyed by extended result code first, then by the primary one.
_LINES: Final = {
    sqlite3.SQLITE_READONLY_DBMOVED: "was moved or deleted while it was in use: put it back, or start again",
    sqlite3.SQLITE_CORRUPT_VTAB: "has an index of words that does not agree with its texts: "
    "`idefics-chat sessions check` makes it anew",
    sqlite3.SQLITE_READONLY: f"is read-only: make the file and its folder writable, or {ANOTHER_FILE}",
    sqlite3.SQLITE_NOTADB: NOT_OURS,
    sqlite3.SQLITE_CORRUPT: f"is damaged: keep it, and {ANOTHER_FILE}",
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
        cure = _cure_beside(path) if is_of_damage(error) else ""
        raise (StoreBusyError if is_busy(error) else StoreError)(f"{path} {in_words(error)}{cure}") from error
    except OSError as error:
        raise StoreError(f"{path} cannot be used ({error.strerror or error}): {ANOTHER_FILE}") from error


def _cure_beside(path: Path) -> str:
    """Where to go on from a damaged database; empty where no copy lies beside it."""
    # Which imports this module.
    from chat.store.files import copies

    with suppress(OSError):
        for newest in copies(path)[-1:]:
            return f", such as its copy {newest.name}"
    return ""


@contextmanager
def understood(whose: str, cure: str = CHECK) -> Iterator[None]:
    """Raise StoreError where values are made of rows that hold something else than this program writes.

    Args:
        whose: What is read: a session, or the file.
        cure: What to do about it.
    """
    try:
        yield
    except NOT_UNDERSTOOD as error:
        raise not_understood(whose, str(error) or in_one_line(error), cure) from error
    except sqlite3.OperationalError as error:
        if not is_of_a_value(error):
            raise
        raise not_understood(whose, str(error), cure) from error


def not_understood(whose: str, problem: str, cure: str = CHECK) -> StoreError:
    """What is raised for rows that cannot be read."""
    return StoreError(f"{whose} holds a value that is not understood ({problem}): {cure}")


def is_of_a_value(error: sqlite3.OperationalError) -> bool:
    """Whether something is there that cannot be read, such as text that is none, and the file itself is sound."""
    return getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) == sqlite3.SQLITE_ERROR


def is_busy(error: sqlite3.Error) -> bool:
    """Whether another connection holds the database."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_BUSY


def is_of_damage(error: sqlite3.Error) -> bool:
    """Whether the file itself is not sound."""
    code = getattr(error, "sqlite_errorcode", 0)
    return code & 0xFF == sqlite3.SQLITE_CORRUPT and code != sqlite3.SQLITE_CORRUPT_VTAB


def in_words(error: sqlite3.Error) -> str:
    """What SQLite complains of, to stand behind the name of the file."""
    code = getattr(error, "sqlite_errorcode", 0)
    line = _LINES.get(code) or _LINES.get(code & 0xFF)
    return line or f"cannot be used ({error}): try again, or {ANOTHER_FILE}"
