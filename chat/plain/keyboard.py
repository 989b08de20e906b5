"""How a terminal takes keys while the program writes: unseen, so that none stand in what it writes, and all kept."""

import os
import select
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final

_LOCAL_MODES: Final = 3
"""Their place in what termios gives."""


class Keyboard:
    """The keys of the terminal, which is given back as it was found; without a terminal nothing is done."""

    def __init__(self) -> None:
        self.shows_later = False
        """Whether what reads a line shows what was typed ahead of it; then the terminal does not while none is read."""
        self.has_forgotten = False
        """Whether something that was typed ahead was dropped, and nobody has been told."""
        self._termios: Any = None
        self._fd = -1
        self._found: list[Any] | None = None
        if sys.stdin is not None and sys.stdin.isatty():
            # Windows has none.
            with suppress(ImportError):
                import termios

                self._termios = termios
                self._fd = sys.stdin.fileno()

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Take keys as the program needs them for as long as the block runs."""
        self._found = self._modes()
        self._set(self._while_working())
        try:
            yield
        finally:
            self.give_back()

    @contextmanager
    def heard(self) -> Iterator[None]:
        """Read a line in the block; what was typed ahead is read first."""
        self._set(self._while_reading())
        try:
            yield
        finally:
            self._set(self._while_working())

    @contextmanager
    def given_back(self) -> Iterator[None]:
        """Leave the terminal to others for as long as the block runs."""
        used = self._modes()
        self.give_back()
        yield
        self._set(used)

    def give_back(self) -> None:
        """Make the terminal what it was."""
        self._set(self._found)

    def forget(self) -> None:
        """Drop what was typed ahead, as a terminal does by itself at ctrl+z: a shell would take it for commands."""
        if self._found is None:
            return
        with suppress(OSError, self._termios.error):
            self.has_forgotten |= bool(select.select([self._fd], [], [], 0)[0])
            self._termios.tcflush(self._fd, self._termios.TCIFLUSH)

    def _while_working(self) -> list[Any] | None:
        if self._found is None:
            return None
        # Ctrl+C would have the terminal forget the lines that were typed ahead.
        modes = self._changed(on=self._termios.NOFLSH)
        if self.shows_later:
            # Every key waits as it was pressed, also those that edit a line.
            modes[_LOCAL_MODES] &= ~(self._termios.ECHO | self._termios.ICANON)
        return modes

    def _while_reading(self) -> list[Any] | None:
        # Where the terminal edits lines, ctrl+c drops the one that is begun by just that forgetting.
        return self._changed(on=self._termios.NOFLSH) if self._found and self.shows_later else self._found

    def _changed(self, *, on: int) -> list[Any]:
        modes = [*(self._found or ())]
        modes[_LOCAL_MODES] |= on
        return modes

    def _modes(self) -> list[Any] | None:
        if self._termios is None:
            return None
        try:
            return list(self._termios.tcgetattr(self._fd))
        except self._termios.error:
            # The terminal is gone.
            return None

    def _set(self, modes: list[Any] | None) -> None:
        # Whoever is in the background and sets modes is stopped.
        if modes is not None and _is_in_front(self._fd):
            # The terminal may be gone.
            with suppress(self._termios.error):
                self._termios.tcsetattr(self._fd, self._termios.TCSANOW, modes)


def _is_in_front(fd: int) -> bool:
    try:
        return os.tcgetpgrp(fd) == os.getpgrp()
    except OSError:
        # No jobs are controlled from this terminal.
        return True
