"""Ctrl+C and requests to end: noted for whoever works, raised for whoever waits for a line.

So nothing is interrupted half-way: what works looks at the notes between two steps.
"""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

from chat.plain.keyboard import Keyboard

_ENDS: Final = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGHUP", "SIGQUIT") if hasattr(signal, name))
_PAUSES: Final = tuple(getattr(signal, name) for name in ("SIGTSTP",) if hasattr(signal, name))
_LOOK_SECONDS: Final = 0.3
"""A signal between two keys is looked for so often; see `_looked_for`."""


class Ended(BaseException):
    """The program was asked to end. No error, so that nothing takes it for one."""

    def __init__(self, exit_code: int) -> None:
        super().__init__(exit_code)
        self.exit_code = exit_code


class Signals:
    """What was signalled."""

    def __init__(self, keyboard: Keyboard) -> None:
        """Note nothing yet.

        Args:
            keyboard: Is given back where the program ends at once or is paused.
        """
        self._keyboard = keyboard
        self.presses = 0
        """How often ctrl+c was pressed since it was last forgotten."""
        self.line_so_far: Callable[[], str] = str
        """Gives what was typed of a line that is being read."""
        self.unfinished = ""
        """What had been typed when a signal ended the reading of a line."""
        self._exit_code = 0
        self._is_reading = False

    @contextmanager
    def listen(self) -> Iterator[None]:
        """Take signals for as long as the block runs; one that was ignored before, as by nohup, stays so."""
        takers = {signal.SIGINT: self._take}
        for numbers, taker in ((_ENDS, self._take), (_PAUSES, self._pause)):
            takers |= {number: taker for number in numbers if signal.getsignal(number) is not signal.SIG_IGN}
        before = {number: signal.signal(number, taker) for number, taker in takers.items()}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _take(self, number: int, _: FrameType | None) -> None:
        if number == signal.SIGINT:
            self.presses += 1
        else:
            self._keyboard.forget()
            self._note_end(number)
        if self._is_reading:
            self.unfinished = self.line_so_far()
            self._raise()

    def _note_end(self, number: int) -> None:
        if self._exit_code:
            # Asked twice: whatever is under way does not come to its end.
            self._keyboard.give_back()
            os._exit(self._exit_code)
        self._exit_code = 128 + number

    def _pause(self, number: int, _: FrameType | None) -> None:
        """Let ctrl+z do what it does to any program."""
        self._keyboard.forget()
        with self._keyboard.given_back():
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
            signal.signal(number, self._pause)

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Wait for a line: a signal, also one from before, ends the block with KeyboardInterrupt or Ended."""
        self._is_reading = True
        self.unfinished = ""
        try:
            with _looked_for():
                self._raise()
                yield
        finally:
            self._is_reading = False

    def _raise(self) -> None:
        self.check()
        if self.presses:
            raise KeyboardInterrupt

    def check(self) -> None:
        """Raise Ended where the program was asked to end."""
        if self._exit_code:
            raise Ended(self._exit_code)

    def forget_presses(self) -> None:
        """Ctrl+C has done what it was pressed for."""
        self.presses = 0


@contextmanager
def _looked_for() -> Iterator[None]:
    """See soon whatever is signalled in the block.

    A signal ends the wait for a key, but one that comes a moment before that wait has begun, or is taken by another
    thread, would be seen behind the next key alone.
    """
    # Windows has none.
    if not hasattr(signal, "setitimer"):
        yield
        return
    before = signal.signal(signal.SIGALRM, lambda *_: None)
    signal.setitimer(signal.ITIMER_REAL, _LOOK_SECONDS, _LOOK_SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
