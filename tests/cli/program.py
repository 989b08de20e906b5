"""What is told of a run of the program, and what it has kept."""

import json
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


def run_as_fork(
    warm: "subprocess.Popen[str]", words: list[str], cwd: Path, environment: dict[str, str], stdin: bytes, folder: Path
) -> subprocess.CompletedProcess[str]:
    """Run the program as a fork of `tests.cli.warm`; its stdin, stdout and stderr are files in a folder."""
    assert warm.stdin is not None
    assert warm.stdout is not None
    files = [folder / name for name in ("stdin", "stdout", "stderr")]
    for file, content in zip(files, (stdin, b"", b""), strict=True):
        file.write_bytes(content)
    asked = {"arguments": words, "cwd": str(cwd), "environment": environment, "files": [*map(str, files)]}
    print(json.dumps(asked), file=warm.stdin, flush=True)
    code = warm.stdout.readline()
    assert code, "the warm Python has ended"
    return subprocess.CompletedProcess(words, int(code), *(file.read_bytes().decode() for file in files[1:]))
