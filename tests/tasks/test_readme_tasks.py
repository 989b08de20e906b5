"""What the README says of the guide's tasks runs as it stands, on the bundled checkpoint."""

import re
import shlex
from collections.abc import Iterator
from glob import glob
from pathlib import Path

import pytest

from chat.cli.app import run
from chat.generation import TextGenerator

ROOT = Path(__file__).parents[2]
HEADING = "## Everything the guide does"
SAID = "→"
"""Stands before what a line prints, or the beginning of it."""


def block(kind: str) -> str:
    """The first block of a kind in the README's section."""
    text = (ROOT / "README.md").read_text()
    assert HEADING in text, f"the README has no section {HEADING!r}"
    section = re.split(r"\n## ", text.split(HEADING, 1)[1], maxsplit=1)[0]
    found = re.search(rf"```{kind}\n(.*?)```", section, re.DOTALL)
    assert found, f"the section has no block of {kind}"
    return found[1]


@pytest.fixture
def at_root(shapes: TextGenerator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder where the samples lie as at the root, and the checkpoint that was loaded already."""
    (tmp_path / "sample_sessions").symlink_to(ROOT / "sample_sessions")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("IDEFICS_CHAT_DB", str(tmp_path / "sessions.db"))
    monkeypatch.setattr("chat.models.loading.load_generator", lambda *arguments: shapes)
    return tmp_path


def words_of(line: str) -> Iterator[str]:
    """The words of a command line, patterns of file names put in as a shell does."""
    for word in shlex.split(line, comments=True):
        yield from sorted(glob(word)) or [word]


def test_every_command_line_runs_and_prints_what_is_said_of_it(
    at_root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = [line for line in block("sh").splitlines() if line and not line.startswith("#")]
    assert len(lines) >= 9
    for line in lines:
        program, *arguments = words_of(line)
        assert program == "idefics-chat"
        assert run(arguments) == 0, (line, capsys.readouterr().err)
        output = capsys.readouterr().out
        assert (said(line) or "") in output, (line, output)
        assert output or "--out" in line


def said(line: str) -> str | None:
    """What a comment at the end of a line says that it prints."""
    _, mark, words = line.partition(f"# {SAID} ")
    return words.strip() if mark else None


def test_the_python_runs(at_root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = block("python")
    exec(compile(source, "README.md", "exec"), {"__name__": "readme"})
    output = capsys.readouterr().out
    expected = [words for line in source.splitlines() if (words := said(line))]
    assert expected
    for words in expected:
        assert words in output
