"""When the program looks for garbage: Python would do it while a reply is drawn, and keys would wait for it.

To look over everything that the program has made takes as long as twenty keys. What is set aside is looked over only
when it is asked for; what is made afterwards is little, and Python may look it over at any time.
"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


def set_aside() -> None:
    """Have what there is not looked over, which takes no time."""
    gc.freeze()


@contextmanager
def paused() -> Iterator[None]:
    """Make much that stays: Python would look it over again and again while it grows."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        set_aside()
        if was_on:
            gc.enable()


def collect() -> None:
    """Look over everything once, and set aside what is left."""
    gc.unfreeze()
    gc.collect()
    gc.freeze()


def release() -> None:
    """Set nothing aside any more."""
    gc.unfreeze()
