"""Textual's driver, but for bytes that are no text: they end its reading of keys, and with that the program."""

import sys
from codecs import IncrementalDecoder, getincrementaldecoder
from collections.abc import Callable
from functools import partial

from textual.driver import Driver


def _forgiving(encoding: str) -> Callable[[], IncrementalDecoder]:
    """Makes decoders that put a sign in the place of what they cannot decode."""
    return partial(getincrementaldecoder(encoding), errors="replace")


def patient(driver_class: type[Driver]) -> type[Driver]:
    """A driver that takes any byte from a terminal: one that pastes in another encoding may send them."""
    module = sys.modules[driver_class.__module__]
    # The decoder is made inside the function that reads; there is no other place to choose it.
    if "getincrementaldecoder" in vars(module):
        vars(module)["getincrementaldecoder"] = _forgiving
    return driver_class
