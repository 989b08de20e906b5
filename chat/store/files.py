"""Where the database lies, who may read it, and the backups beside it."""

import sqlite3
import stat
from collections.abc import Callable
from contextlib import closing, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from chat.errors import StoreError
from chat.store.faults import ANOTHER_FILE

KEPT_BACKUPS: Final = 3
_PAGES: Final = 4096
"""Pages that are copied at once."""


def default_path() -> Path:
    """The database in the folder where this platform keeps a user's data."""
    # Not needed where the user names a file.
    from platformdirs import user_data_path

    return user_data_path("idefics-chat") / "sessions.db"


def make_private(path: Path, *, owns_folder: bool) -> None:
    """Make sure that there is a file only its owner can read, in a folder that is so too where it has to be made.

    Args:
        path: The file.
        owns_folder: The folder is this program's alone: it is made private wherever it comes from.

    Raises:
        StoreError: Something that is no file has this name.
        OSError: The file or its folder cannot be made.
    """
    if not path.parent.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.parent.chmod(0o700)
    elif owns_folder and stat.S_IMODE(path.parent.stat().st_mode) & 0o077:
        with suppress(OSError):
            path.parent.chmod(0o700)
    if not path.exists():
        # Another process may be faster.
        with suppress(FileExistsError):
            create_private(path)
    _refuse_other_kinds(path)


def create_private(path: Path) -> None:
    """Create an empty file that only its owner can read, under any umask; raises FileExistsError."""
    path.touch(mode=0o600, exist_ok=False)
    path.chmod(0o600)


def tighten(path: Path) -> None:
    """Take a database that is known to be ours from the eyes of others, where we may."""
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077:
        with suppress(OSError):
            path.chmod(mode & 0o700)


def _refuse_other_kinds(path: Path) -> None:
    mode = path.stat().st_mode
    if stat.S_ISDIR(mode):
        raise StoreError(f"{path} is a folder: give a file with --db")
    if not stat.S_ISREG(mode):
        raise StoreError(f"{path} is not a plain file: {ANOTHER_FILE}")


def back_up(path: Path, go_on: Callable[[], None]) -> None:
    """Copy a database beside itself, as a whole or not at all, and drop all but the newest copies.

    The caller holds the database's write lock.

    Args:
        path: The database.
        go_on: Is called after each part of it.
    """
    unfinished = path.with_name(f"{path.name}.unfinished-backup")
    unfinished.unlink(missing_ok=True)
    create_private(unfinished)
    with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(unfinished)) as copy:
        # A journal on the disk could outlive this process and be taken for that of the next copy.
        copy.execute("PRAGMA journal_mode = MEMORY")
        source.backup(copy, pages=_PAGES, progress=lambda *_: go_on())
    unfinished.replace(path.with_name(f"{path.name}.backup-{datetime.now(UTC):%Y%m%dT%H%M%S.%f}"))
    for outdated in backups(path)[:-KEPT_BACKUPS]:
        outdated.unlink()


def backups(path: Path) -> list[Path]:
    """The copies made of a database, the oldest first."""
    beginning = f"{path.name}.backup-"
    return sorted(entry for entry in path.parent.iterdir() if entry.name.startswith(beginning))


def copies(path: Path) -> list[Path]:
    """The copies that lie beside a database, whoever asked for them, the oldest first."""
    beginning = f"{path.stem}-2"
    asked_for = [
        entry
        for entry in path.parent.iterdir()
        if entry.name.startswith(beginning) and entry.suffix == path.suffix and entry.is_file()
    ]
    return sorted([*backups(path), *asked_for], key=lambda entry: entry.stat().st_mtime)
