"""Textual's driver, for terminals as they are: some send bytes that are no text, some show no signs beyond ASCII."""

import sys
from codecs import IncrementalDecoder, getincrementaldecoder
from collections.abc import Callable
from functools import partial
from typing import Final

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


_SIGNS: Final = str.maketrans(
    {
        sign: plain
        for signs, plain in (
            ("·–—─╌┄╸╺╴╶", "-"),
            ("━", "="),
            ("×✕", "x"),
            ("…", "."),
            ("“”„", '"'),
            ("‘’", "'"),
            ("←‹«", "<"),
            ("→›»▸", ">"),
            ("↑▴", "^"),
            ("↓▾", "v"),
            ("•●○°", "o"),
            ("⏎↵", "<"),
            ("│┃▌▍▏▎▕", "|"),
            # The ends of a scrollbar, and parts of a picture.
            ("▁▂▃▄▅▆▇▀▉▊▋", " "),
            ("█", "#"),
            ("".join(map(chr, range(0x2400, 0x2427))), "?"),
            ("┌┐└┘├┤┬┴┼╭╮╰╯", "+"),
        )
        for sign in signs
    }
)
"""What stands for a sign in a terminal that does not show it; as wide as that."""


def plain(driver_class: type[Driver]) -> type[Driver]:
    """A driver that writes the signs of the UI and the like as characters of ASCII."""

    class PlainDriver(driver_class):  # type: ignore[misc, valid-type]
        """Writes what any terminal shows; letters of whatever alphabet stay."""

        def write(self, data: str) -> None:
            super().write(data.translate(_SIGNS))

    # It reads as the other one does, whose module is looked up by its name.
    PlainDriver.__module__ = driver_class.__module__
    found: type[Driver] = PlainDriver
    return found
