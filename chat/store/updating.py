"""Bringing a database of an earlier version up to date, which may take minutes: who does it says so, others wait.

A file beside the database tells other processes what they wait for. It says nothing by itself: only where the database
is locked does it matter whether there is one, and whether it was touched lately.
"""

import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from chat.store.files import create_private

Tell = Callable[[str], None]
"""Takes what goes on, in words, about once a second."""

EVERY_S: Final = 1.0
"""Seconds between two words on what goes on; what is done sooner is not worth one."""
FORGOTTEN_S: Final = 60.0
"""Seconds after which a sign that nobody touched is that of a process that died."""
_STEPS: Final = 20_000
"""Steps of SQLite's between two looks at the clock, a few milliseconds of work."""


def _sign(path: Path) -> Path:
    return path.with_name(f"{path.name}.updating")


def is_under_way(path: Path) -> bool:
    """Whether another process has been bringing this database up to date just now."""
    try:
        # A sign of the future is that of a clock which was set back, and says as little as an old one.
        return abs(time.time() - _sign(path).stat().st_mtime) < FORGOTTEN_S
    except OSError:
        return False


@contextmanager
def under_way(connection: sqlite3.Connection, path: Path, tell: Tell) -> Iterator[Callable[[], None]]:
    """Let others know while the body brings a database up to date, and tell how long it has taken.

    The body is given what it calls now and then during work that SQLite itself does not take step by step.
    """
    sign, begun = _sign(path), time.monotonic()
    told = begun

    def go_on() -> None:
        nonlocal told
        if time.monotonic() - told >= EVERY_S:
            told = time.monotonic()
            with suppress(OSError):
                os.utime(sign)
            tell(f"the database is being brought up to date, {told - begun:.0f} s")

    # Where no file can be made, others wait no longer than usual.
    with suppress(OSError):
        sign.unlink(missing_ok=True)
        create_private(sign)
    connection.set_progress_handler(go_on, _STEPS)
    try:
        yield go_on
    finally:
        connection.set_progress_handler(None, _STEPS)
        with suppress(OSError):
            sign.unlink(missing_ok=True)
