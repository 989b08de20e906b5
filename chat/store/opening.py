"""How a database is opened: waited for, brought up to date, and kept from the eyes of others."""

import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import Final

from chat.store.connection import connect, usual_wait_s
from chat.store.faults import is_busy
from chat.store.files import tighten
from chat.store.schema import is_outdated, prepare
from chat.store.updating import Tell, is_under_way

LOOK_S: Final = 1.0
"""Seconds to wait for a lock before looking who holds it."""


def opened(path: Path, tell: Tell) -> sqlite3.Connection:
    """A connection to an up-to-date database, however long another process takes to bring it there.

    Args:
        path: A file that exists.
        tell: Is told what goes on where it takes longer than a second.

    Raises:
        StoreError: It is another program's, or of a newer version.
        sqlite3.Error: It cannot be used, or is locked for another reason for longer than usual.
    """
    begun = time.monotonic()
    while True:
        try:
            return _opened(path, tell)
        except sqlite3.OperationalError as error:
            waited = time.monotonic() - begun
            if not is_busy(error) or (waited >= usual_wait_s() and not is_under_way(path)):
                raise
            if is_under_way(path):
                tell(f"another program is bringing the database up to date, {waited:.0f} s")


def needs_update(path: Path) -> bool:
    """Whether opening a database may take long, because it is of an earlier version."""
    try:
        if not path.stat().st_size:
            return False
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=0)) as looking:
            looking.row_factory = sqlite3.Row
            return is_outdated(looking)
    except sqlite3.Error as error:
        # What else is wrong is told by whoever opens it.
        return is_busy(error) and is_under_way(path)
    except OSError:
        return False


def _opened(path: Path, tell: Tell) -> sqlite3.Connection:
    opened = connect(path, wait_s=min(LOOK_S, usual_wait_s()))
    try:
        prepare(opened, path, tell)
        tighten(path)
        opened.execute(f"PRAGMA busy_timeout = {round(usual_wait_s() * 1000)}")
    except BaseException:
        opened.close()
        raise
    return opened
