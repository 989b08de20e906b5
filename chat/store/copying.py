"""A copy of the database as it is at one moment, while others go on writing to it."""

import os
import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from itertools import chain, count
from pathlib import Path
from typing import Final, NamedTuple

from chat.errors import StoreBusyError, StoreError
from chat.files import whole_file
from chat.store.checks.file import of_a_copy
from chat.store.connection import connect, ended_by
from chat.store.faults import store_errors

PAGES: Final = 4096
"""Pages that are copied before others may write."""
MOST_BEGINNINGS: Final = 4
"""Times that the copy begins anew because of what others wrote, before they are made to wait for it."""


class Copied(NamedTuple):
    """What became of a copy."""

    size: int
    """Bytes."""
    problems: int
    """Things in it that may not be, as in the database; SQLite finds no more at a quick look."""


def copy_beside(path: Path) -> Path:
    """What a copy is called that nobody has named: like the database, with the time, beside it, and nothing else is."""
    stem = f"{path.stem}-{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
    names = (f"{stem}{mark}{path.suffix}" for mark in chain([""], (f"-{number}" for number in count(2))))
    return next(beside for name in names if not os.path.lexists(beside := path.with_name(name)))


def copy(path: Path, target: Path, *, overwrite: bool, tell: Callable[[str], None], stop: threading.Event) -> Copied:
    """Copy a database; the copy is a sound file, which only its owner can read.

    It is made also where values in it may not be, and never takes the place of another one then.

    Args:
        path: The database.
        target: What the copy is called.
        overwrite: Take the place of a file that has this name.
        tell: Is told how far it is.
        stop: Set when nobody wants the copy any more; then StoreError is raised.

    Raises:
        StoreError: The database cannot be read or its file is damaged, the copy cannot be written, or there is a file
            with its name.
    """
    path, target = path.absolute(), target.absolute()
    with store_errors(path), closing(connect(path)) as source:
        if target.exists() and target.samefile(path):
            raise StoreError(f"{target}: is the database itself: choose another name")
        with whole_file(target, overwrite=overwrite, error=StoreError) as unfinished:
            with store_errors(target), closing(sqlite3.connect(unfinished, isolation_level=None)) as written:
                # A journal on the disk could outlive this process.
                written.execute("PRAGMA journal_mode = MEMORY")
                _copy(source, written, _Pace(path, tell, stop))
                tell("looking through the copy")
                with ended_by(stop, written):
                    problems = _problems(written, path)
            if problems and os.path.lexists(target):
                raise StoreError(
                    f"{target}: stays, because {path} holds what may not be, and so would the copy: choose another name"
                )
            return Copied(unfinished.stat().st_size, problems)


def _copy(source: sqlite3.Connection, written: sqlite3.Connection, pace: "_Pace") -> None:
    try:
        source.backup(written, pages=PAGES, progress=pace)
    except _OvertakenError:
        # Whoever holds a lock for reading sees the database as it is at one moment, and nobody can change it.
        source.execute("BEGIN")
        source.execute("SELECT count(*) FROM sqlite_master").fetchone()
        pace.is_overtaken = False
        source.backup(written, pages=PAGES, progress=pace)
        source.execute("COMMIT")


def _problems(written: sqlite3.Connection, path: Path) -> int:
    """How many things in a copy may not be; raises StoreError where its file is damaged."""
    damage, problems = of_a_copy(written)
    if damage:
        raise StoreError(f"{path} is damaged, and so would a copy be: `idefics-chat sessions check` tells more")
    return problems


class _OvertakenError(Exception):
    """Others write so often that the copy does not come to its end."""


class _Pace:
    """Is told after each part how far the copy is."""

    def __init__(self, path: Path, tell: Callable[[str], None], stop: threading.Event) -> None:
        self._path, self._tell, self._stop = path, tell, stop
        self._beginnings = 0
        self._left: int | None = None
        self.is_overtaken = True
        """Whether others can write between two parts, so that it begins anew."""

    def __call__(self, status: int, left: int, total: int) -> None:
        """Tell it; raises what ends the copy."""
        if self._stop.is_set():
            raise StoreError(f"{self._path} was not copied: interrupted")
        if status in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            # SQLite has waited as long as for everything else.
            raise StoreBusyError(f"{self._path} is locked by another program: close that one, or try again")
        if self._left is not None and left >= self._left:
            self._beginnings += 1
        self._left = left
        if self.is_overtaken and self._beginnings >= MOST_BEGINNINGS:
            raise _OvertakenError
        self._tell(f"copying, {1 - left / max(total, 1):.0%}")
