"""How the program ends when a signal asks for it, or when ending takes too long.

Textual leaves the terminal as it is when a signal kills it, and waits for threads that may not end for minutes.
"""

import asyncio
import os
import select
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final

SIGNALS: Final = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGHUP", "SIGINT") if hasattr(signal, name))
KEYED: Final = tuple(getattr(signal, name) for name in ("SIGINT", "SIGQUIT") if hasattr(signal, name))
"""What keys send to whatever has the terminal."""
PATIENCE_S: Final = 1.5
"""Seconds that an orderly end may take."""
LENT_S: Final = 0.2
"""Seconds until a ctrl-C that was another program's has been passed over."""

# Leave the alternate screen, show the cursor, and end the reports of mouse, focus, paste and keys.
_RESTORE: Final = (
    b"\x1b[?1049l\x1b[?25h\x1b[?1000l\x1b[?1002l\x1b[?1003l\x1b[?1015l\x1b[?1006l\x1b[?1004l\x1b[?2004l\x1b[<u"
)


class Ending:
    """Watches over the end of the program; made while the terminal is still as it was."""

    def __init__(self) -> None:
        self._terminal_modes = _terminal_modes()
        self._was_signalled = False
        self._is_ending = False
        self._quit_app: Callable[[int], object] | None = None

    def listen(self, quit_app: Callable[[int], object]) -> None:
        """Have signals end the program in order; a second one ends it at once.

        Args:
            quit_app: Begins the end; takes the exit code.
        """
        loop = asyncio.get_running_loop()
        self._quit_app = quit_app
        for number in SIGNALS:
            self._listen_to(loop, number, quit_app)
        if hasattr(select, "poll"):
            threading.Thread(target=self._watch_terminal, args=(loop, quit_app), name="terminal", daemon=True).start()

    def _listen_to(
        self, loop: asyncio.AbstractEventLoop, number: signal.Signals, quit_app: Callable[[int], object]
    ) -> None:
        # Windows has no such handlers; there closing the window ends the process.
        with suppress(NotImplementedError):
            loop.add_signal_handler(number, self._take_signal, 128 + number, quit_app)

    @contextmanager
    def lent(self) -> Iterator[None]:
        """While another program has the terminal, keys that send signals are for it; the event loop waits."""
        if self._quit_app is None:
            yield
            return
        loop = asyncio.get_running_loop()
        with suppress(NotImplementedError):
            loop.remove_signal_handler(signal.SIGINT)
        # Ignored would be inherited by the other program.
        before = {number: signal.signal(number, lambda *_: None) for number in KEYED}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
            # Those that came meanwhile are seen by the loop once it goes on.
            loop.call_later(LENT_S, self._listen_to, loop, signal.SIGINT, self._quit_app)

    def _watch_terminal(self, loop: asyncio.AbstractEventLoop, quit_app: Callable[[int], object]) -> None:
        """End the program when its terminal is gone: not every one that vanishes sends a signal.

        Textual would go on without it and keep a core busy.
        """
        terminal = select.poll()
        # Asked for nothing, it still tells of a terminal that has hung up.
        terminal.register(0, 0)
        terminal.poll()
        # The loop may have ended since: then the program ends anyway.
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(self._end, 128 + signal.SIGHUP, quit_app)
        # From here, since the loop may be waiting for Textual to write.
        self.limit(128 + signal.SIGHUP)

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
        self._end(exit_code, quit_app)

    def _end(self, exit_code: int, quit_app: Callable[[int], object]) -> None:
        """Begin the end, once: a window that is closed sends a signal and hangs up."""
        if not self._is_ending:
            self._is_ending = True
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


def _terminal_modes() -> list[Any] | None:
    try:
        import termios

        return list(termios.tcgetattr(0))
    except (ImportError, OSError, ValueError):
        return None
    except termios.error:
        return None


def _restore_modes(modes: list[Any] | None) -> None:
    if modes is not None:
        import termios

        with suppress(OSError, termios.error):
            termios.tcsetattr(0, termios.TCSANOW, modes)
