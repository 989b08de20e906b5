"""The program as a person or a script runs it, with a database of its own."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from chat.conversation import Image
from tests.cli.program import Begin, Fork, Run

ROOT = Path(__file__).parents[2]


@pytest.fixture
def picture(tmp_path: Path, scene_image: Callable[..., Image]) -> Path:
    path = tmp_path / "a picture.png"
    path.write_bytes(scene_image(1, 2).read())
    return path


@pytest.fixture(scope="session")
def warm() -> Iterator["subprocess.Popen[str]"]:
    """A Python that has imported what a model needs, whose forks become the program."""
    command = [sys.executable, "-m", "tests.cli.warm"]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield process
        assert process.stdin is not None
        process.stdin.close()


@pytest.fixture
def begin(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, warm: "subprocess.Popen[str]") -> Begin:
    """Begins the program, or a script, with its own database as a fork of the warm Python; one at a time."""

    def begin_program(
        *words: str, stdin: bytes = b"", script: str = "", outputs: Sequence[str] = (), **environment: str
    ) -> Fork:
        folder = tmp_path_factory.mktemp("run")
        files = [folder / name for name in ("stdin", "stdout", "stderr")]
        for file, content in zip(files, (stdin, b"", b""), strict=True):
            file.write_bytes(content)
        around = {**os.environ, "IDEFICS_CHAT_DB": str(tmp_path / "sessions.db"), **environment}
        return Fork(
            warm,
            [str(files[0]), *(outputs or map(str, files[1:]))],
            arguments=words,
            cwd=str(tmp_path),
            environment=around,
            script=script,
        )

    return begin_program


@pytest.fixture
def run(tmp_path: Path, request: pytest.FixtureRequest) -> Run:
    """Runs the program with its own database; gives what it printed and its exit code.

    Questions are asked of a fork of a warm Python, but not in a chosen environment: what was imported has read its own.
    """

    def run_program(*arguments: str | Path, stdin: bytes = b"", **environment: str) -> subprocess.CompletedProcess[str]:
        words = [*map(str, arguments)]
        if words[:1] in (["ask"], ["prompt"], ["bench"]) and not environment:
            begin: Begin = request.getfixturevalue("begin")
            return begin(*words, stdin=stdin).wait()
        done = subprocess.run(
            [sys.executable, "-m", "chat", *words],
            input=stdin,
            capture_output=True,
            check=False,
            cwd=tmp_path,
            env={**os.environ, "IDEFICS_CHAT_DB": str(tmp_path / "sessions.db"), **environment},
        )
        return subprocess.CompletedProcess(words, done.returncode, done.stdout.decode(), done.stderr.decode())

    return run_program
