"""Where the conversation is written: whole lines and growing ones, never a line twice.

Nothing moves a cursor. The one sequence a terminal may get is that for bold labels.
"""

import sys
from collections.abc import Mapping
from contextlib import suppress
from typing import Final

from chat.safe_text import printable

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
        self._is_line_open = False

    def say(self, text: str = "") -> None:
        """Write a line, or several."""
        self.end_line()
        self._write(f"{printable(text)}\n")

    def begin(self, speaker: str, text: str = "") -> None:
        """Begin what somebody says, after the label that tells who it is."""
        self.end_line()
        self._write(f"{self.label(printable(speaker, multiline=False))} ")
        self.go_on(text)

    def go_on(self, text: str) -> None:
        """Write a piece of what is being said."""
        self._write(printable(text))

    def end_line(self) -> None:
        """End the line that is being written, if one is."""
        if self._is_line_open:
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
                sys.stderr.write(f"{printable(text, multiline=False)}\n")
                sys.stderr.flush()

    def _write(self, text: str) -> None:
        if text and sys.stdout is not None:
            sys.stdout.write(text)
            sys.stdout.flush()
            self._is_line_open = not text.endswith("\n")


def may_be_steered(environment: Mapping[str, str]) -> bool:
    """Whether the terminal says of itself that it can do more than print."""
    return environment.get("TERM", "dumb") != "dumb"
