"""How the program ends when a signal asks for it, or when ending takes too long.

Textual leaves the terminal as it is when a signal kills it, and waits for threads that may not end for minutes.
"""

import asyncio
import os
import signal
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Final

SIGNALS: Final = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGHUP", "SIGINT") if hasattr(signal, name))
PATIENCE_S: Final = 1.5
"""Seconds that an orderly end may take."""

# Leave the alternate screen, show the cursor, and end the reports of mouse, focus, paste and keys.
_RESTORE: Final = (
    b"\x1b[?1049l\x1b[?25h\x1b[?1000l\x1b[?1002l\x1b[?1003l\x1b[?1015l\x1b[?1006l\x1b[?1004l\x1b[?2004l\x1b[<u"
)


class Ending:
    """Watches over the end of the program; made while the terminal is still as it was."""

    def __init__(self) -> None:
        self._terminal_modes = _terminal_modes()
        self._was_signalled = False

    def listen(self, quit_app: Callable[[int], object]) -> None:
        """Have signals end the program in order; a second one ends it at once.

        Args:
            quit_app: Begins the end; takes the exit code.
        """
        loop = asyncio.get_running_loop()
        for number in SIGNALS:
            # Windows has no such handlers; there closing the window ends the process.
            with suppress(NotImplementedError):
                loop.add_signal_handler(number, self._take_signal, 128 + number, quit_app)

    def limit(self, exit_code: int, last_words: str = "") -> None:
        """End the process by force if it has not ended in a moment, with a line where one is given."""
        timer = threading.Timer(PATIENCE_S, self._force, (exit_code, last_words))
        timer.daemon = True
        timer.start()

    def _take_signal(self, exit_code: int, quit_app: Callable[[int], object]) -> None:
        if self._was_signalled:
            self._force(exit_code)
        self._was_signalled = True
        self.limit(exit_code)
        quit_app(exit_code)

    def _force(self, exit_code: int, last_words: str = "") -> None:
        """Give the terminal back and end; everything worth keeping was kept before."""
        with suppress(OSError):
            if os.isatty(sys.__stderr__.fileno() if sys.__stderr__ else 2):
                os.write(2, _RESTORE)
        _restore_modes(self._terminal_modes)
        with suppress(OSError):
            os.write(2, last_words.encode())
        os._exit(exit_code)


def _terminal_modes() -> list[object] | None:
    try:
        import termios

        return list(termios.tcgetattr(0))
    except (ImportError, OSError, ValueError):
        return None
    except termios.error:
        return None


def _restore_modes(modes: list[object] | None) -> None:
    if modes is not None:
        import termios

        with suppress(OSError, termios.error):
            termios.tcsetattr(0, termios.TCSANOW, modes)  # type: ignore[arg-type]
