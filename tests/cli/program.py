"""What is told of a run of the program, and what it has kept."""

import sqlite3
import subprocess
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

Run = Callable[..., subprocess.CompletedProcess[str]]


def told(done: subprocess.CompletedProcess[str]) -> str:
    """The one line on stderr."""
    lines = done.stderr.splitlines()
    assert len(lines) == 1, done.stderr
    assert "Traceback" not in done.stderr
    return lines[0]


def stored(tmp_path: Path, query: str) -> list[Any]:
    with closing(sqlite3.connect(tmp_path / "sessions.db")) as database:
        return database.execute(query).fetchall()
