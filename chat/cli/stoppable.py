"""Long work on the database that ctrl-C stops at once: what is inside SQLite hears of no signal by itself."""

import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

from chat.cli.app import INTERRUPTED
from chat.cli.progress import ProgressLine
from chat.cli.running import stopping
from chat.errors import ChatError

Result = TypeVar("Result")
_REWRITTEN_S: Final = 0.1
"""Seconds between two looks of the line."""
Work = Callable[[threading.Event, Callable[[str], None]], Result]


def stoppable(work: Work[Result], line: ProgressLine) -> Result:
    """What the work gives; ctrl-C ends the program as soon as the work has noticed.

    Args:
        work: Is called on another thread, with the event that is set when it is to stop, and with what is told how far
            it is.
        line: Shows that.
    """
    stop, told = threading.Event(), 0.0

    def tell(words: str) -> None:
        nonlocal told
        if time.monotonic() - told >= _REWRITTEN_S:
            told = time.monotonic()
            line.show(words)

    with stopping(stop), ThreadPoolExecutor(1) as pool:
        try:
            result = pool.submit(work, stop, tell).result()
        except ChatError:
            if not stop.is_set():
                raise
        finally:
            line.clear()
    if stop.is_set():
        sys.exit(INTERRUPTED)
    return result
