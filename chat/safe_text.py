"""What may be shown in a terminal: the sanitiser that every text not our own goes through.

Textual hands escape characters on as they are, so a reply or a file name could write to the clipboard, change the
window's title or reverse the line it stands in.
"""

import re
from typing import Final

_UNSAFE: Final = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)
_UNSAFE_IN_A_LINE: Final = re.compile(_UNSAFE.pattern.replace("\x08\x0b", "\x08\t\n\x0b"))

_CONTROL_PICTURES: Final = 0x2400
"""Where Unicode keeps a visible sign for each of the controls from 0 to 31."""


def printable(text: str, *, multiline: bool = True) -> str:
    """The text with a visible mark in the place of every character that could steer a terminal.

    Marked are the controls, those that change the direction of writing, the two separators that Unicode adds to the
    line feed, and halves of surrogate pairs. Each is judged alone but for a carriage return: before a line feed it ends
    a line with that, as Windows has it, and nothing is shown of it. `PrintablePieces` takes a text that is cut anyhow.

    Args:
        text: Anything.
        multiline: Leave line feeds and tabs as they are; otherwise they are marked too, and the result is one line.
    """
    return _UNSAFE.sub(_mark_in_lines, text) if multiline else _UNSAFE_IN_A_LINE.sub(_mark, text)


class PrintablePieces:
    """Makes a text printable that comes in pieces: all of them together are what `printable` makes of the whole."""

    def __init__(self) -> None:
        self._held = ""

    def of(self, piece: str) -> str:
        """What can be shown by now."""
        text = self._held + piece
        self._held = "\r" if text.endswith("\r") else ""
        return printable(text.removesuffix(self._held))

    def rest(self) -> str:
        """What is still to be shown where no piece follows."""
        held, self._held = self._held, ""
        return printable(held)


def json_line(document: object) -> str:
    """The document as one line of JSON in which every character that could steer a terminal is an escape sequence."""
    import json

    return _UNSAFE.sub(lambda unsafe: f"\\u{ord(unsafe[0]):04x}", json.dumps(document, ensure_ascii=False))


def short_line(text: str, most: int = 160) -> str:
    """The text as one printable line, with its middle left out where it is longer than `most` characters."""
    line = printable(text, multiline=False)
    if len(line) <= most:
        return line
    return f"{line[: most // 2]}…{line[len(line) - (most - most // 2 - 1) :]}"


def _mark_in_lines(unsafe: re.Match[str]) -> str:
    return "" if unsafe[0] == "\r" and unsafe.string.startswith("\n", unsafe.end()) else _mark(unsafe)


def _mark(unsafe: re.Match[str]) -> str:
    code = ord(unsafe[0])
    if code < 0x20:
        return chr(_CONTROL_PICTURES + code)
    return "␡" if code == 0x7F else f"<U+{code:04X}>"
