"""A real pseudo-terminal with a program in it."""

import fcntl
import os
import pty
import select
import signal
import struct
import sys
import termios
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

ROOT = Path(__file__).parents[2]
PATIENCE_S: Final = 60
"""For what comes at once, unless the machine is busy with other things."""


class Terminal:
    """Runs a program, `tests.tui.program` unless told, and hears every byte it writes."""

    def __init__(
        self,
        *arguments: str,
        module: str = "tests.tui.program",
        cwd: Path | None = None,
        size: tuple[int, int] = (80, 24),
        is_signalled: bool = True,
        environment: Mapping[str, str | None] = MappingProxyType({}),
    ) -> None:
        """Start the program; without `is_signalled` no signal tells it that the terminal has hung up.

        What the environment has beyond the usual is given; None takes something out of it.
        """
        self.output = b""
        self._mark = 0
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.chdir(cwd or ROOT)
            if not is_signalled:
                # Letting go of the terminal sends the signal once.
                signal.signal(signal.SIGHUP, signal.SIG_IGN)
                fcntl.ioctl(0, termios.TIOCNOTTY)
                signal.signal(signal.SIGHUP, signal.SIG_DFL)
            around: dict[str, str | None] = {
                **os.environ,
                "TERM": "xterm-256color",
                "COLORTERM": "truecolor",
                "LC_ALL": "C.UTF-8",
                "PYTHONPATH": str(ROOT),
                "TEXTUAL_ANIMATIONS": "none",
                **environment,
            }
            kept = {name: value for name, value in around.items() if value is not None}
            os.execve(sys.executable, [sys.executable, "-m", module, *arguments], kept)
        self.resize(*size)
        self.modes = termios.tcgetattr(self.fd)
        self.status: int | None = None

    def __enter__(self) -> "Terminal":
        return self

    def __exit__(self, *ignored: Any) -> None:
        if self.status is None:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        if self.fd >= 0:
            os.close(self.fd)

    def resize(self, columns: int, rows: int) -> None:
        """Give the window another size."""
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def read(self, seconds: float = 0.05) -> None:
        """Take what the program has written, waiting a moment for more."""
        while self.fd >= 0 and select.select([self.fd], [], [], seconds)[0]:
            try:
                data = os.read(self.fd, 65536)
            except OSError:
                # The program has closed its end.
                return
            if not data:
                return
            self.output += data
            seconds = 0

    def wait_for(self, text: str, seconds: float = PATIENCE_S) -> None:
        """Wait until the program has written a text since the last wait."""
        end = time.monotonic() + seconds
        wanted = text.encode()
        while (found := self.output.find(wanted, self._mark)) < 0:
            if time.monotonic() > end:
                raise AssertionError(f"{text!r} did not come; the last was {self.output[-600:]!r}")
            self.read()
        self._mark = found + len(wanted)

    def type_until(self, keys: str, text: str) -> None:
        """Press keys, again and again where they come too early, until the program has written a text."""
        for _ in range(PATIENCE_S // 3):
            self.type(keys)
            with suppress(AssertionError):
                return self.wait_for(text, 3)
        return self.wait_for(text, 0)

    def wait_until(self, is_so: Callable[[], object], seconds: float = PATIENCE_S) -> None:
        """Wait for a condition while reading."""
        end = time.monotonic() + seconds
        while not is_so():
            if time.monotonic() > end:
                raise AssertionError("it did not come")
            self.read()

    def type(self, keys: str | bytes) -> None:
        """Press keys, or send any bytes."""
        os.write(self.fd, keys.encode() if isinstance(keys, str) else keys)

    def hang_up(self) -> None:
        """Close the terminal, as when its window is closed."""
        os.close(self.fd)
        self.fd = -1

    def seconds_to_end(self, limit: float = PATIENCE_S) -> float:
        """Wait until the program has ended; give how long that took."""
        start = time.monotonic()
        while time.monotonic() - start < limit:
            self.read(0.01)
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.status = status
                self.read(0)
                return time.monotonic() - start
            time.sleep(0.01)
        raise AssertionError(f"the program still runs after {limit} s")
