"""What is told of a run of the program, and what it has kept."""

import json
import sqlite3
import subprocess
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any, Final

Run = Callable[..., subprocess.CompletedProcess[str]]
Begin = Callable[..., "Fork"]
CLOSED: Final = "closed"
"""In the place of a file of a run: there is none."""
GONE: Final = "gone"
"""In the place of a file of a run: a pipe whose reader has gone away."""


def told(done: subprocess.CompletedProcess[str]) -> str:
    """The one line on stderr."""
    lines = done.stderr.splitlines()
    assert len(lines) == 1, done.stderr
    assert "Traceback" not in done.stderr
    return lines[0]


def stored(tmp_path: Path, query: str) -> list[Any]:
    with closing(sqlite3.connect(tmp_path / "sessions.db")) as database:
        return database.execute(query).fetchall()


class Fork:
    """A run of the program, or of a script that goes on to it, as a fork of `tests.cli.warm`."""

    def __init__(self, warm: "subprocess.Popen[str]", files: list[str], **asked: object) -> None:
        """Begin it, on files in the place of stdin, stdout and stderr."""
        assert warm.stdin is not None
        self._warm = warm
        self._files = files
        print(json.dumps({"files": files, **asked}), file=warm.stdin, flush=True)
        self.pid = int(self._told())

    def wait_for_output(self, size: int, seconds: float = 60) -> str:
        """Wait until it has written so many bytes to stdout; gives them."""
        end = time.monotonic() + seconds
        while len(said := Path(self._files[1]).read_bytes()) < size:
            assert time.monotonic() < end, said
            time.sleep(0.01)
        return said[:size].decode()

    def wait(self) -> subprocess.CompletedProcess[str]:
        """Wait until it has ended; gives what it printed, where that was a file, and its exit code."""
        code = int(self._told())
        printed = [path.read_bytes().decode() if (path := Path(file)).is_file() else "" for file in self._files[1:]]
        return subprocess.CompletedProcess([], code, *printed)

    def _told(self) -> str:
        assert self._warm.stdout is not None
        line = self._warm.stdout.readline()
        assert line, "the warm Python has ended"
        return line


def slow_script(seconds: float) -> str:
    """The program, each of whose tokens takes so long."""
    return (
        "import sys, time\n"
        "from chat.models import sampling\n"
        "choose = sampling.Sampler.choose\n"
        f"def slow(*args): time.sleep({seconds}); return choose(*args)\n"
        "sampling.Sampler.choose = slow\n"
        "from chat.cli.app import run\n"
        "sys.exit(run(sys.argv[1:]))\n"
    )
