"""Where the conversation is written: whole lines and growing ones, never a line twice.

Nothing moves a cursor. The one sequence a terminal may get is that for bold labels. A line begins with a label where a
turn begins and nowhere else, whatever is said.
"""

import sys
from collections.abc import Mapping
from contextlib import suppress
from typing import Final

from chat.safe_text import PrintablePieces, printable
from chat.talk.labels import OWN, SET_OFF, set_off

_BOLD: Final = "\x1b[1m"
_PLAIN: Final = "\x1b[0m"


class Output:
    """The conversation goes to stdout, everything beside it to stderr. A stream that was closed takes nothing."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        """Write to the streams of the program.

        Args:
            environment: Says whether a terminal is to be styled: not where NO_COLOR is set, nor for a dumb one.
        """
        is_terminal = sys.stdout is not None and sys.stdout.isatty()
        self.is_styled = is_terminal and not environment.get("NO_COLOR") and may_be_steered(environment)
        """Whether labels may be bold."""
        self._labels = {*OWN}
        """Those that turns have here, without case."""
        self._said = PrintablePieces()
        self._gap = SET_OFF
        """Stands before the next character, unless that ends the line; at the beginning of a line it sets off."""

    def say(self, text: str = "") -> None:
        """Write a line beside the turns, or several, of which the later ones are set off."""
        self.end_line()
        self._write(f"{self._beside(printable(text))}\n")

    def begin(self, speaker: str, text: str = "") -> None:
        """Begin what somebody says, after the label that tells who it is."""
        self.end_line()
        label = printable(speaker, multiline=False)
        self._labels.add(label.casefold())
        self._write(self.label(label))
        self._gap = " "
        self.go_on(text)

    def go_on(self, text: str) -> None:
        """Write a piece of what is being said, cut anyhow; each line that it begins is set off."""
        self._go_on(self._said.of(text))

    def _go_on(self, text: str) -> None:
        """Write what is printable."""
        gap = "" if text.startswith("\n") else self._gap
        if text:
            self._write(f"{gap}{set_off(text)}")

    def end_line(self) -> None:
        """End the line that is being written, if one is."""
        self._go_on(self._said.rest())
        if self._gap != SET_OFF:
            self._write("\n")

    def label(self, speaker: str, *, edges: tuple[str, str] = ("", "")) -> str:
        """A speaker's name, as it stands before what is said.

        Args:
            speaker: The name.
            edges: Stand around what takes no room, for whoever counts the cells of a line.
        """
        if not self.is_styled:
            return f"{speaker}:"
        before, after = edges
        return f"{before}{_BOLD}{after}{speaker}:{before}{_PLAIN}{after}"

    def notice(self, text: str) -> None:
        """Write a line beside the conversation."""
        # Nobody may be there to hear it.
        with suppress(OSError):
            self.end_line()
            if sys.stderr is not None:
                sys.stderr.write(f"{self._beside(printable(text, multiline=False))}\n")
                sys.stderr.flush()

    def _beside(self, text: str) -> str:
        """Words that are no turn, set off where something that is named first in them reads like one."""
        is_like_turn = text.casefold().startswith(tuple(f"{label}:" for label in self._labels))
        return f"{SET_OFF if is_like_turn else ''}{set_off(text)}"

    def _write(self, text: str) -> None:
        if sys.stdout is not None:
            sys.stdout.write(text)
            sys.stdout.flush()
        self._gap = SET_OFF if text.endswith("\n") else ""


def may_be_steered(environment: Mapping[str, str]) -> bool:
    """Whether the terminal says of itself that it can do more than print."""
    return environment.get("TERM", "dumb") != "dumb"
