"""Where lines come from: somebody at a terminal, or a pipe or a file."""

import os
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, Final, Protocol

from chat.errors import InputError
from chat.plain.keyboard import Keyboard
from chat.plain.output import Output, may_be_steered
from chat.plain.signals import Ended, Signals

MOST_CHARACTERS: Final = 1_000_000
"""Of a line; what is longer is no message."""
GOES_ON: Final = "\\"
"""Ends a line that the message goes on after."""

_NO_ROOM: Final = ("\x01", "\x02")
"""Tell readline what of a label takes no room."""

Complete = Callable[[str], list[str]]
"""Gives what a line that was begun may become."""


class Lines(Protocol):
    """Gives line after line."""

    is_interactive: bool
    """Whether somebody is there who can be asked, and who sees what is said at once."""

    def read(self, speaker: str) -> str | None:
        """The next line without its end; None after the last one.

        Raises:
            KeyboardInterrupt: Ctrl+C was pressed.
            Ended: The program was asked to end.
            InputError: The line is too long to be one.
        """


class TerminalLines:
    """Somebody types. Where the terminal and the machine can, lines are edited and earlier ones come back."""

    is_interactive = True

    def __init__(
        self,
        signals: Signals,
        keyboard: Keyboard,
        output: Output,
        environment: Mapping[str, str],
        complete: Complete,
    ) -> None:
        self._signals = signals
        self._keyboard = keyboard
        self._output = output
        self._readline: Any = None
        if sys.stdout is not None and sys.stdout.isatty() and may_be_steered(environment):
            # Windows has none.
            with suppress(ImportError):
                import readline

                self._readline = readline
                _prepare(readline, complete, takes_pastes=output.is_styled)
                signals.line_so_far = readline.get_line_buffer
                keyboard.shows_later = True

    def read(self, speaker: str) -> str | None:
        """The next line; None after ctrl+d."""
        # Pressed while something else was done, it was meant for that.
        self._signals.forget_presses()
        if self._keyboard.has_forgotten:
            self._keyboard.has_forgotten = False
            self._output.notice("What was typed ahead of ctrl+z is dropped.")
        try:
            with self._keyboard.heard(), self._signals.reading():
                return self._read(speaker)
        except EOFError:
            self._output.say()
            return None
        except OSError:
            # The terminal is gone.
            return None
        except Ended:
            # What comes after the program begins a line of its own; the terminal may be gone.
            with suppress(OSError):
                self._output.say()
            raise
        except KeyboardInterrupt:
            if self._readline is not None and self._signals.unfinished.strip():
                self._readline.add_history(self._signals.unfinished)
            self._output.say()
            raise

    def _read(self, speaker: str) -> str | None:
        if self._readline is not None:
            line = input(f"{self._output.label(speaker, edges=_NO_ROOM)} ")
            if count := line.count("\n"):
                # The terminal showed them as they were pasted, also one that reads like a turn.
                self._output.notice(f"These {count + 1:,} lines are taken as one.")
            return line
        label = self._output.label(speaker)
        shown = sys.stdout if sys.stdout is not None and sys.stdout.isatty() else sys.stderr
        if shown is not None:
            shown.write(f"{label} ")
            shown.flush()
        line = sys.stdin.readline()
        if not line:
            raise EOFError
        return line.rstrip("\r\n")


def _prepare(readline: Any, complete: Complete, *, takes_pastes: bool) -> None:
    """Set up the editing of lines; nothing of it is written to a file."""
    found: list[str] = []

    def completed(text: str, number: int) -> str | None:
        if number == 0:
            found[:] = complete(text)
        return found[number] if number < len(found) else None

    readline.set_completer(completed)
    # The whole line at once: a path may have spaces.
    readline.set_completer_delims("\n")
    if "libedit" in (readline.__doc__ or ""):
        readline.parse_and_bind("bind ^I rl_complete")
        return
    readline.parse_and_bind("tab: complete")
    # With it, a text of several lines that is pasted is one message.
    readline.parse_and_bind(f"set enable-bracketed-paste {'on' if takes_pastes else 'off'}")


class PipedLines:
    """Lines of a pipe or a file."""

    is_interactive = False

    def __init__(self, signals: Signals) -> None:
        self._signals = signals
        self.number = 0
        """Of the line read last, from 1."""

    def read(self, speaker: str) -> str | None:
        """The next line; None at the end."""
        # A closed stdin is None.
        if sys.stdin is None:
            return None
        with self._signals.reading():
            line = sys.stdin.readline(MOST_CHARACTERS + 1)
            if not line:
                return None
            self.number += 1
            if len(line) > MOST_CHARACTERS:
                while line and not line.endswith("\n"):
                    line = sys.stdin.readline(MOST_CHARACTERS)
                raise InputError(f"it has more than {MOST_CHARACTERS:,} characters: give less at once")
        return (line.removeprefix("\ufeff") if self.number == 1 else line).rstrip("\r\n")


class Messages:
    """Joins lines to what is to be said: one that ends with a backslash goes on in the next."""

    def __init__(self, lines: Lines, signals: Signals) -> None:
        self._lines = lines
        self._signals = signals
        self.unfinished = ""
        """What was written of a message whose reading a signal ended."""

    def read(self) -> str | None:
        """The next message; None after the last one. Raises what `Lines.read` does."""
        begun: list[str] = []
        self.unfinished = ""
        try:
            while (line := self._lines.read("More" if begun else "You")) is not None:
                if not line.endswith(GOES_ON):
                    return "\n".join([*begun, line])
                begun.append(line.removesuffix(GOES_ON))
        except Ended:
            self.unfinished = "\n".join([*begun, self._signals.unfinished])
            raise
        return "\n".join(begun) if begun else None


def paths_begun(text: str) -> list[str]:
    """The paths that a path which was begun may become; folders end with a slash."""
    folder, _, begun = text.rpartition("/")
    start = f"{folder}/" if "/" in text else ""
    try:
        with os.scandir(os.path.expanduser(start) or ".") as found:
            entries = [(entry.name, entry.is_dir()) for entry in found]
    except OSError:
        return []
    wanted = (entry for entry in sorted(entries) if entry[0].startswith(begun) and entry[0].isprintable())
    return [f"{start}{name}{'/' * is_folder}" for name, is_folder in wanted if begun or not name.startswith(".")]
