"""A program in a pseudo-terminal, with the time at which it answers."""

import fcntl
import os
import pty
import select
import struct
import subprocess
import termios
import time
from collections.abc import Callable, Sequence

ALTERNATE_SCREEN = b"\x1b[?1049h"

ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
"""A person's: with the variable left out, a program in its source tree would be compiled anew at every start."""


class Terminal:
    """Runs a program in a terminal of 80 columns and 24 rows."""

    def __init__(self, command: Sequence[str], environment: dict[str, str]) -> None:
        self._started = time.perf_counter()
        self._screen, inner = pty.openpty()
        fcntl.ioctl(inner, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        self._process = subprocess.Popen(
            command,
            stdin=inner,
            stdout=inner,
            stderr=inner,
            close_fds=True,
            start_new_session=True,
            env={**ENVIRONMENT, "TERM": "xterm-256color", "COLORTERM": "truecolor", **environment},
        )
        os.close(inner)
        self.output = b""

    def wait_for(self, is_there: Callable[[bytes], bool], limit_s: float = 60.0) -> float:
        """Read until the output since the last `forget` satisfies this; gives the seconds since the program's start."""
        deadline = time.perf_counter() + limit_s
        while not is_there(self.output):
            if time.perf_counter() > deadline:
                raise TimeoutError(f"not seen within {limit_s} s: {self.output[-300:]!r}")
            if select.select([self._screen], [], [], 0.05)[0]:
                self.output += os.read(self._screen, 1 << 16)
        return time.perf_counter() - self._started

    def forget(self) -> None:
        """Look only at what comes from now on."""
        self.output = b""

    def read_for(self, seconds: float) -> None:
        """Read whatever comes for a while."""
        deadline = time.perf_counter() + seconds
        while (left := deadline - time.perf_counter()) > 0:
            if select.select([self._screen], [], [], left)[0]:
                self.output += os.read(self._screen, 1 << 16)

    def send(self, keys: str) -> None:
        """Press keys."""
        os.write(self._screen, keys.encode())

    def close(self) -> None:
        """End the program, whatever it does."""
        self._process.kill()
        self._process.wait()
        os.close(self._screen)


def first_frame_s(command: Sequence[str], environment: dict[str, str]) -> float:
    """Seconds from a program's start to its first whole frame."""
    terminal = Terminal(command, environment)
    try:
        # Setting the terminal up takes short sequences; a frame of 24 rows of 80 cells is far longer.
        return terminal.wait_for(lambda output: len(output.partition(ALTERNATE_SCREEN)[2]) > 1900)
    finally:
        terminal.close()


def echo_times(terminal: Terminal, keys: int, pause_s: float, until: bytes | None = None) -> list[float]:
    """Seconds from pressing a key to seeing it, key after key; the key is a sign that nothing else draws.

    It ends early once `until` is seen.
    """
    times: list[float] = []
    for _ in range(keys):
        terminal.read_for(pause_s)
        if until is not None and until in terminal.output:
            break
        terminal.forget()
        pressed = time.perf_counter()
        terminal.send("§")
        terminal.wait_for(lambda output: "§".encode() in output, 10)
        times.append(time.perf_counter() - pressed)
    return times
