"""The program as a person or a script runs it, with a database of its own."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from chat.conversation import Image
from tests.cli.program import Run


@pytest.fixture
def picture(tmp_path: Path, scene_image: Callable[..., Image]) -> Path:
    path = tmp_path / "a picture.png"
    path.write_bytes(scene_image(1, 2).read())
    return path


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Runs the program with its own database; gives what it printed and its exit code."""

    def run_program(*arguments: str | Path, stdin: bytes = b"", **environment: str) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [sys.executable, "-m", "chat", *map(str, arguments)],
            input=stdin,
            capture_output=True,
            check=False,
            cwd=tmp_path,
            env={**os.environ, "IDEFICS_CHAT_DB": str(tmp_path / "sessions.db"), **environment},
        )
        return subprocess.CompletedProcess(done.args, done.returncode, done.stdout.decode(), done.stderr.decode())

    return run_program
