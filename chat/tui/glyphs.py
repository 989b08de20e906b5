"""The signs of the UI, and plain ones for terminals whose locale is not UTF-8."""

import locale
import os
from collections.abc import Mapping
from typing import Final, NamedTuple


class Glyphs(NamedTuple):
    """One sign for each state; every one of them stands beside a word that says the same."""

    ready: str = "●"
    loading: str = "◌"
    busy: tuple[str, ...] = ("◐", "◓", "◑", "◒")
    failed: str = "✕"
    warning: str = "▲"
    caret: str = "▍"
    pointer: str = "›"
    here: str = "▸"
    meter: str = "━"
    meter_rest: str = "─"
    remove: str = "×"
    down: str = "↓"
    up: str = "↑"
    chosen: str = "✓"
    playing: str = "▶"
    paused: str = "‖"
    turn: str = "○"
    line_end: str = "↵"
    pinned: str = "★"
    cut: str = "┄"
    before: str = "‹"
    after: str = "›"
    same: str = "="
    differs: str = "≠"


UNICODE: Final = Glyphs()
ASCII: Final = Glyphs(
    "*",
    ".",
    ("~",),
    "x",
    "!",
    "_",
    ">",
    ">",
    "=",
    "-",
    "x",
    "v",
    "^",
    "*",
    ">",
    "=",
    "o",
    "\\n",
    "*",
    "-",
    "<",
    ">",
    "=",
    "!=",
)


def glyphs_for(environ: Mapping[str, str] | None = None, encoding: str | None = None) -> Glyphs:
    """The signs this terminal can show: plain ones where `IDEFICS_CHAT_GLYPHS` is `ascii`, or the locale not UTF-8."""
    asked = (os.environ if environ is None else environ).get("IDEFICS_CHAT_GLYPHS", "").lower()
    if asked in ("ascii", "unicode"):
        return ASCII if asked == "ascii" else UNICODE
    name = (locale.getencoding() if encoding is None else encoding).lower().replace("-", "")
    return UNICODE if name == "utf8" else ASCII


GLYPHS: Final = glyphs_for()
"""The signs of this process's terminal."""
