"""`idefics-chat ask` as a person or a script runs it: real processes, real files, real exit codes."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from chat.conversation import Image

Run = Callable[..., subprocess.CompletedProcess[str]]


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


def told(done: subprocess.CompletedProcess[str]) -> str:
    """The one line on stderr."""
    lines = done.stderr.splitlines()
    assert len(lines) == 1, done.stderr
    assert "Traceback" not in done.stderr
    return lines[0]


def stored(tmp_path: Path, query: str) -> list[Any]:
    with closing(sqlite3.connect(tmp_path / "sessions.db")) as database:
        return database.execute(query).fetchall()


def test_a_question_is_answered_on_stdout_and_goes_on_tomorrow(run: Run, picture: Path) -> None:
    first = run("ask", "What is in the picture?", "-i", picture)
    assert (first.returncode, first.stderr) == (0, "")
    assert first.stdout.startswith("A ")
    assert first.stdout.endswith(".\n")
    second = run("ask", "How many shapes are there?", "--continue", "--json")
    document = json.loads(second.stdout)
    assert document["reply"] == "There are two shapes."
    assert document["usage"]["prompt_tokens"] > 30
    assert json.loads(run("sessions", "list", "--json").stdout)[0]["turns"] == 4


def test_json_has_the_promised_keys_and_nothing_else_is_on_stdout(run: Run, picture: Path) -> None:
    done = run("ask", "What is in the picture?", "-i", picture, "--json")
    document = json.loads(done.stdout)
    assert list(document) == [
        "session", "turn", "reply", "stop_reason", "checkpoint", "images", "usage", "timing",
    ]  # fmt: skip
    (image,) = document["images"]
    assert list(image) == ["digest", "width", "height", "source"]
    assert image["source"] == picture.name
    assert list(document["usage"]) == ["prompt_tokens", "cached_tokens", "new_tokens"]
    assert list(document["timing"]) == ["load_s", "first_token_s", "total_s"]
    assert (document["stop_reason"], document["checkpoint"]) == ("end_of_utterance", "shapes")


def test_a_picture_can_come_from_stdin_and_so_can_the_question(run: Run, picture: Path) -> None:
    by_stdin = run("ask", "What is in the picture?", "-i", "-", stdin=picture.read_bytes())
    asked_by_stdin = run("ask", "-", "-i", picture, stdin=b"What is in the picture?\n")
    assert by_stdin.returncode == asked_by_stdin.returncode == 0
    assert by_stdin.stdout == asked_by_stdin.stdout


def test_everything_about_a_reply_is_kept(run: Run, picture: Path, tmp_path: Path) -> None:
    run("ask", "Tell me a story.", "-i", picture, "--temperature", "0.7", "--seed", "5", "--max-new-tokens", "9")
    ((checkpoint, reason, seed, ids, prompt_tokens, total_s),) = stored(
        tmp_path, "select checkpoint, stop_reason, seed, token_ids, prompt_tokens, total_s from generations"
    )
    assert (checkpoint, reason, seed) == ("shapes", "max_new_tokens", 5)
    assert len(json.loads(ids)) == 9
    assert prompt_tokens > 5
    assert total_s > 0


BAD = {
    "a missing picture": (["ask", "Hi", "-i", "nowhere.png"], 3, "nowhere.png"),
    "a directory": (["ask", "Hi", "-i", "."], 3, "folder"),
    "a very long checkpoint name": (["ask", "Hi", "--checkpoint", "./" + "a" * 300], 4, "is no folder"),
    "an unknown home": (["ask", "Hi", "--checkpoint", "~nosuchuser/x"], 4, "is no folder"),
    "a revision of a folder": (["ask", "Hi", "--revision", "main"], 2, "--revision is for checkpoints of the hub"),
    "a temperature too near to nothing": (["ask", "Hi", "--temperature", "1e-9"], 2, "temperature is 1e-09"),
    "an endless device": (["ask", "Hi", "-i", "/dev/zero"], 3, "/dev/zero"),
    "an empty question": (["ask", "  "], 3, "the message is empty"),
    "an unknown session": (["ask", "Hi", "--session", "zzz"], 3, "zzz"),
    "two sessions": (["ask", "Hi", "--session", "a", "--continue"], 2, "choose one"),
    "stdin twice": (["ask", "-", "-i", "-"], 2, "stdin can be read once"),
    "an unknown checkpoint folder": (["ask", "Hi", "--checkpoint", "./nowhere"], 4, "./nowhere is no folder"),
    "a wrong setting": (["ask", "Hi", "--top-p", "7"], 2, "top-p is 7.0"),
    "no terminal for the UI": ([], 2, "needs a terminal"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_one_line_and_the_right_exit_code(run: Run, name: str) -> None:
    arguments, code, words = BAD[name]
    done = run(*arguments)
    assert done.returncode == code
    assert words in told(done)
    assert done.stdout == ""


@pytest.mark.parametrize(
    "arguments", [["ask"], ["ask", "Hi", "--nonsense"], ["sessions", "nonsense"], ["ask", "Hi", "a\x1b]0;evil\x07"]]
)
def test_wrong_usage_exits_with_2(run: Run, arguments: list[str]) -> None:
    done = run(*arguments)
    assert done.returncode == 2
    assert "Usage:" in done.stderr
    assert "\x1b" not in done.stderr


def test_options_before_a_command_are_wrong_usage(run: Run) -> None:
    done = run("--max-new-tokens", "4", "ask", "Hi")
    assert (done.returncode, "ask comes first" in done.stderr) == (2, True)


@pytest.mark.parametrize("command", [["sessions", "list"], ["ask", "Hello"]])
def test_a_reader_that_goes_away_ends_the_program_quietly(tmp_path: Path, command: list[str]) -> None:
    script = f"{sys.executable} -m chat {' '.join(command)} | true; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(
        ["bash", "-c", script],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "IDEFICS_CHAT_DB": str(tmp_path / "sessions.db")},
    )
    assert (done.stdout, done.stderr) == ("0\n", "")


def test_an_output_that_is_full_is_one_line(run: Run, tmp_path: Path) -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "chat", "sessions", "list", "--db", str(tmp_path / "sessions.db")],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == 3
    assert done.stderr.splitlines()[0] == "idefics-chat: the output: No space left on device"
    assert "Traceback" not in done.stderr


def test_a_terminal_that_cannot_show_a_character_is_told_its_number(run: Run) -> None:
    run("ask", "snow ☃", "--checkpoint", "./nowhere")
    done = run("sessions", "list", PYTHONIOENCODING="latin-1")
    assert (done.returncode, "snow \\u2603" in done.stdout) == (0, True)


def test_a_question_that_is_no_text_is_answered_all_the_same(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "chat", "ask", b"\xff hello", "--db", str(tmp_path / "sessions.db")],
        capture_output=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, b"")


def test_an_endless_picture_from_stdin_is_refused(tmp_path: Path) -> None:
    with open("/dev/zero", "rb") as endless:
        done = subprocess.run(
            [sys.executable, "-m", "chat", "ask", "Hi", "-i", "-", "--db", str(tmp_path / "sessions.db")],
            stdin=endless,
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 3
    assert "stdin gives more than" in done.stderr


def test_a_message_that_does_not_fit_is_kept_and_spoils_nothing(run: Run, picture: Path) -> None:
    done = run("ask", "red " * 1200, "-i", picture)
    assert done.returncode == 4
    assert "room for 1,024" in told(done)
    assert run("ask", "How many shapes are there?", "-i", picture, "--continue").stdout == "There are two shapes.\n"


def test_ctrl_c_while_loading_exits_with_130(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "chat", "ask", "Hello", "--db", str(tmp_path / "sessions.db")],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    while not (tmp_path / "sessions.db").exists() or not stored(tmp_path, "select name from sqlite_master"):
        time.sleep(0.05)
    while not stored(tmp_path, "select id from turns"):
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=30)
    assert (process.returncode, output, errors) == (130, b"", b"")


def test_a_picture_that_cannot_be_read_leaves_no_session_behind(run: Run, tmp_path: Path) -> None:
    (tmp_path / "text.png").write_text("not a picture")
    assert run("ask", "Hi", "-i", "text.png").returncode == 3
    assert not (tmp_path / "sessions.db").exists()


def test_a_message_is_kept_when_the_checkpoint_cannot_be_loaded(run: Run, picture: Path, tmp_path: Path) -> None:
    done = run("ask", "Keep me", "-i", picture, "--checkpoint", "./nowhere")
    assert "your message is kept as turn 1 of session" in told(done)
    assert stored(tmp_path, "select text from parts where kind = 'text'") == [("Keep me",)]
    assert run("ask", "How many shapes are there?", "--continue").stdout == "There are two shapes.\n"


def test_a_database_of_something_else_is_refused_and_left_alone(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("my notes, not a database, and long enough to be taken for one" * 20)
    before = path.read_bytes()
    done = run("ask", "Hi", "--db", path)
    assert done.returncode == 3
    assert "notes.txt" in told(done)
    assert path.read_bytes() == before


def test_a_traceback_is_shown_on_request_alone(run: Run) -> None:
    assert "Traceback" in run("ask", "", "--debug").stderr
    assert "Traceback" not in run("ask", "").stderr


def test_nothing_a_session_holds_can_act_on_the_terminal(run: Run) -> None:
    hostile = "\x1b]52;c;aGk=\x07\x1b[2J\u202e\x9b31m title"
    run("ask", hostile, "--checkpoint", "./\x1b[31mnowhere")
    outputs = [run("ask", "x", "--checkpoint", "./\x1b[31mnowhere").stderr, run("sessions", "list").stdout]
    session = outputs[1].splitlines()[-1].split()[0]
    outputs += [run("sessions", "show", session).stdout, run("sessions", "show", "\x1b[31m").stderr]
    for output in outputs:
        assert not set(output) & {chr(code) for code in [*range(9), *range(11, 32), *range(127, 160), 0x202E]}
        assert output


def slow_ask(tmp_path: Path, picture: Path, seconds: float) -> "subprocess.Popen[bytes]":
    """Asks for a story whose every token takes so long."""
    script = (
        "import sys, time\n"
        "from chat.models import sampling\n"
        "choose = sampling.Sampler.choose\n"
        f"def slow(*args): time.sleep({seconds}); return choose(*args)\n"
        "sampling.Sampler.choose = slow\n"
        "from chat.cli.app import run\n"
        "sys.exit(run(sys.argv[1:]))\n"
    )
    return subprocess.Popen(
        [sys.executable, "-c", script, "ask", "Tell me a story.", "-i", str(picture)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "IDEFICS_CHAT_DB": str(tmp_path / "sessions.db")},
    )


def test_a_reply_that_is_killed_is_kept_as_interrupted(tmp_path: Path, picture: Path, run: Run) -> None:
    process = slow_ask(tmp_path, picture, 0.4)
    assert process.stdout is not None
    said = process.stdout.read(12)
    time.sleep(1.2)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert said.startswith(b"Once upon")
    (text,) = stored(tmp_path, "select text from parts order by turn_id desc limit 1")[0]
    assert text.startswith("Once upon")
    shown = run("sessions", "show", stored(tmp_path, "select id from sessions")[0][0]).stdout
    assert "(interrupted)" in shown
    assert run("ask", "How many shapes are there?", "--continue").stdout == "There are two shapes.\n"


def test_ctrl_c_keeps_what_was_said_and_exits_with_130(tmp_path: Path, picture: Path) -> None:
    process = slow_ask(tmp_path, picture, 0.2)
    assert process.stdout is not None
    process.stdout.read(9)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=20)
    assert (process.returncode, errors) == (130, b"")
    ((reason, text),) = stored(
        tmp_path,
        "select stop_reason, text from generations join parts using (turn_id)",
    )
    assert reason == "cancelled"
    assert text.startswith("Once upon")
