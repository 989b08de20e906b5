"""Whatever goes wrong is one line that names it, and the right exit code."""

import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from chat.cli.app import run as run_here
from chat.errors import GenerationError
from chat.generation import Chunk, GenerationSettings, Reply
from chat.prompt import Prompt
from chat.scripted import ScriptedGenerator
from tests.cli.program import Run, stored, told

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


@pytest.mark.parametrize(
    ("option", "value"), [("--dtype", "int8"), ("--quantize", "3bit"), ("--image-detail", "mid"), ("--top-k", "many")]
)
def test_a_value_that_does_not_fit_its_option_is_told_in_one_line(run: Run, option: str, value: str) -> None:
    done = run("ask", "Hi", option, value)
    assert done.returncode == 2
    assert option in told(done)
    assert value in told(done)


@pytest.mark.parametrize(("command", "code", "words"), [("ask -", 3, "is empty"), ("chat", 2, "needs a terminal")])
def test_an_input_that_is_closed_is_told(tmp_path: Path, command: str, code: int, words: str) -> None:
    script = f"{sys.executable} -m chat {command} --db {tmp_path / 'sessions.db'} <&-"
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == code
    assert words in told(done)


@pytest.mark.parametrize("arguments", [["asq"], ["asq", "Hi", "-i", "cat.jpg"], ["sessions", "lst"]])
def test_a_mistyped_command_is_told_its_neighbour(run: Run, arguments: list[str]) -> None:
    done = run(*arguments)
    assert done.returncode == 2
    assert "id you mean 'ask'?" in done.stderr or "id you mean 'list'?" in done.stderr


@pytest.mark.parametrize("name", ["asq", "ask.png"])
def test_a_picture_called_nearly_like_a_command_is_a_picture(run: Run, picture: Path, name: str) -> None:
    picture.rename(picture.with_name(name))
    assert "needs a terminal" in told(run(name))


def test_a_picture_that_is_missing_is_no_mistyped_command(run: Run) -> None:
    assert "ask.png: there is no such file" in told(run("ask.png"))


def test_options_before_a_command_are_wrong_usage(run: Run) -> None:
    done = run("--max-new-tokens", "4", "ask", "Hi")
    assert (done.returncode, "ask comes first" in done.stderr) == (2, True)


def test_a_group_without_its_command_shows_its_help(run: Run) -> None:
    done = run("sessions")
    assert done.returncode == 2
    assert "  export " in done.stderr
    assert "␊" not in done.stderr


def test_the_help_keeps_its_examples_apart(run: Run) -> None:
    lines = [line.strip() for line in run("--help").stdout.splitlines()]
    assert any(line.startswith("idefics-chat chat --help ") for line in lines)
    assert any(line.startswith("--debug ") for line in lines)
    assert any(line.startswith("idefics-chat cat.jpg ") for line in lines)
    assert not any("\\b" in line or "\b" in line for line in lines)


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


def test_a_traceback_may_be_asked_for_twice(run: Run) -> None:
    done = run("--debug", "sessions", "--debug", "list", "--debug", IDEFICS_CHAT_DB="")
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("asked", [[], ["--debug", "--debug"]])
def test_behind_two_dashes_nothing_asks_for_a_traceback(run: Run, asked: list[str]) -> None:
    done = run("sessions", "show", *asked, "--", "--debug", IDEFICS_CHAT_DB="")
    assert (done.returncode, "no session '--debug'" in done.stderr) == (3, True)
    assert done.stderr.startswith("Traceback") == bool(asked)


@pytest.mark.parametrize("name", ["two sessions", "a directory", "an unknown checkpoint folder"])
def test_a_traceback_changes_no_exit_code(run: Run, name: str) -> None:
    arguments, code, _ = BAD[name]
    done = run(*arguments, "--debug")
    assert (done.returncode, done.stderr.startswith("Traceback")) == (code, True)


def test_a_traceback_cannot_act_on_the_terminal(run: Run) -> None:
    done = run("ask", "Hi", "a\x1b]0;evil\x07", "--debug")
    assert (done.returncode, "evil" in done.stderr, "\x1b" in done.stderr) == (2, True, False)


class _Failing(ScriptedGenerator):
    """Says a word, and ends without a reply."""

    def __init__(self, failure: BaseException | None) -> None:
        super().__init__([])
        self._failure = failure

    def generate(self, prompt: Prompt, settings: GenerationSettings, stop: threading.Event) -> Iterator[Chunk | Reply]:
        yield Chunk("Well, ", 1)
        if self._failure is not None:
            raise self._failure


@pytest.mark.parametrize(
    ("failure", "code", "reason", "words"),
    [
        (None, 4, "error", "the model ended without a reply: try again (your message is kept as turn 1 of session"),
        (GenerationError("out of memory"), 4, "error", "out of memory (your message is kept as turn 1 of session"),
        (RuntimeError("a mistake\nat line 3"), 4, "error", "an error of the program: RuntimeError: a mistake (--debug"),
        (OSError(28, "No space left on device"), 3, "cancelled", "the output: No space left on device"),
        (KeyboardInterrupt(), 130, "cancelled", ""),
    ],
)
def test_a_reply_that_breaks_off_is_closed_as_far_as_it_came(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    failure: BaseException | None,
    code: int,
    reason: str,
    words: str,
) -> None:
    monkeypatch.setattr("chat.cli.running.loader", lambda request: lambda tell, stop: _Failing(failure))
    assert run_here(["ask", "Hello", "--db", str(tmp_path / "sessions.db")]) == code
    query = "select stop_reason, text from generations join parts using (turn_id)"
    assert stored(tmp_path, query) == [(reason, "Well, ")]
    printed = capsys.readouterr()
    assert (printed.out, printed.err.count("\n")) == ("Well, ", 1 if words else 0)
    assert words in printed.err
