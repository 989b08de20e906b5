"""What the program prints reaches its reader, and nothing in it acts on a terminal."""

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from chat.cli.app import run as run_here
from chat.conversation import user_turn
from chat.scripted import ScriptedGenerator
from chat.store import open_store
from tests.cli.program import CLOSED, GONE, Begin, Run, stored


@pytest.mark.parametrize("buffering", ["", "1"])
def test_a_reader_that_goes_away_ends_the_program_quietly(tmp_path: Path, buffering: str) -> None:
    open_store(tmp_path / "sessions.db").close()
    script = f"{sys.executable} -m chat sessions list | true; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(
        ["bash", "-c", script],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "IDEFICS_CHAT_DB": str(tmp_path / "sessions.db"), "PYTHONUNBUFFERED": buffering},
    )
    assert (done.stdout, done.stderr) == ("0\n", "")


@pytest.mark.parametrize("buffering", ["", "1"])
def test_a_reader_that_goes_away_ends_a_reply_quietly(begin: Begin, tmp_path: Path, buffering: str) -> None:
    errors = tmp_path / "errors"
    errors.touch()
    done = begin("ask", "Hello", outputs=[GONE, str(errors)], PYTHONUNBUFFERED=buffering).wait()
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("buffering", ["", "1"])
@pytest.mark.parametrize("command", [["sessions", "list"], ["--help"]])
def test_an_output_that_is_full_is_one_line(tmp_path: Path, command: list[str], buffering: str) -> None:
    open_store(tmp_path / "sessions.db").close()
    settings = {"IDEFICS_CHAT_DB": str(tmp_path / "sessions.db"), "PYTHONUNBUFFERED": buffering}
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "chat", *command],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            env={**os.environ, **settings},
        )
    assert (done.returncode, done.stderr) == (3, "idefics-chat: the output: No space left on device\n")


def test_a_terminal_that_cannot_show_a_character_is_told_its_number(run: Run, tmp_path: Path) -> None:
    with open_store(tmp_path / "sessions.db") as store:
        store.new_session(title="snow ☃")
    done = run("sessions", "list", PYTHONIOENCODING="latin-1")
    assert (done.returncode, "snow \\u2603" in done.stdout) == (0, True)


def test_nothing_a_session_holds_can_act_on_the_terminal(run: Run, tmp_path: Path) -> None:
    hostile = "\x1b]52;c;aGk=\x07\x1b[2J\u202e\x9b31m title"
    with open_store(tmp_path / "sessions.db") as store:
        store.add_user_turn(store.new_session(), user_turn(hostile))
    outputs = [run("ask", "x", "--checkpoint", "./\x1b[31mnowhere").stderr, run("sessions", "list").stdout]
    session = outputs[1].splitlines()[-1].split()[0]
    outputs += [run("sessions", "show", session).stdout, run("sessions", "show", "\x1b[31m").stderr]
    listed, shown = run("sessions", "list", "--json").stdout, run("sessions", "show", session, "--json").stdout
    assert json.loads(listed)[-1]["title"] == json.loads(shown)["title"] == hostile
    for output in (*outputs, listed, shown):
        assert not set(output) & {chr(code) for code in [*range(9), *range(11, 32), *range(127, 160), 0x202E]}
        assert output


@pytest.mark.parametrize("closed", [(1,), (2,), (1, 2)])
def test_an_output_that_is_closed_takes_nothing_and_the_reply_is_kept(
    begin: Begin, tmp_path: Path, closed: tuple[int, ...]
) -> None:
    files = {1: tmp_path / "stdout", 2: tmp_path / "stderr"}
    for file in files.values():
        file.touch()
    outputs = [CLOSED if number in closed else str(file) for number, file in files.items()]
    done = begin("ask", "Hello", outputs=outputs).wait()
    ((reason, reply),) = stored(tmp_path, "select stop_reason, text from generations join parts using (turn_id)")
    assert (done.returncode, done.stderr, reason) == (0, "", "end_of_utterance")
    assert done.stdout == ("" if 1 in closed else f"{reply}\n")


class _Pieces(io.StringIO):
    """Keeps what is written between one flush and the next; may refuse a line break."""

    def __init__(self, *, is_left_early: bool = False) -> None:
        super().__init__()
        self.pieces: list[str] = []
        self._is_left_early = is_left_early

    def write(self, text: str) -> int:
        if self._is_left_early and text == "\n":
            raise BrokenPipeError
        return super().write(text)

    def flush(self) -> None:
        if piece := self.getvalue():
            self.pieces.append(piece)
            self.seek(0)
            self.truncate()


@pytest.mark.parametrize("is_left_early", [False, True])
def test_a_reply_comes_piece_by_piece_and_is_whole_when_its_line_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_left_early: bool
) -> None:
    output, model = _Pieces(is_left_early=is_left_early), ScriptedGenerator(["Two small cats."])
    monkeypatch.setattr("chat.cli.running.loader", lambda request: lambda tell, stop: model)
    monkeypatch.setattr(sys, "stdout", output)
    assert run_here(["ask", "Hello", "--db", str(tmp_path / "sessions.db")]) == 0
    assert output.pieces == ["Two ", "small ", "cats.", *([] if is_left_early else ["\n"])]
    query = "select stop_reason, text from generations join parts using (turn_id)"
    assert stored(tmp_path, query) == [("end_of_utterance", "Two small cats.")]


def test_a_reply_that_the_terminal_cannot_show_is_told_by_numbers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    output, model = io.TextIOWrapper(io.BytesIO(), encoding="ascii"), ScriptedGenerator(["snow ☃"])
    monkeypatch.setattr("chat.cli.running.loader", lambda request: lambda tell, stop: model)
    monkeypatch.setattr(sys, "stdout", output)
    assert run_here(["ask", "Hello", "--db", str(tmp_path / "sessions.db")]) == 0
    output.seek(0)
    assert output.read() == "snow \\u2603\n"
