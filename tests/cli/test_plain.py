"""`--plain` as a script runs it, on the bundled checkpoint."""

import os
import subprocess
import sys
from pathlib import Path

from tests.cli.program import Run, stored


def test_a_piped_conversation_about_a_picture_is_answered_and_stored(run: Run, tmp_path: Path, picture: Path) -> None:
    lines = f"{picture}\nHow many shapes are there?\n\n/context\n/describe\nWhat is in the picture?\n"
    done = run("--plain", stdin=lines.encode())
    assert done.returncode == 0
    announced, counted, used, described, told = done.stdout.splitlines()
    assert announced.startswith("[1] a picture.png, ")
    assert counted == "shapes: There are two shapes."
    assert used.endswith(" of 1,024 tokens of the context are used.")
    assert described.removeprefix("[1] ") == told.removeprefix("shapes: ")
    said = stored(tmp_path, "select role, text from turns join parts on turn_id = turns.id where text is not null")
    assert [*map(tuple, said)] == [
        ("user", "How many shapes are there?"),
        ("assistant", "There are two shapes."),
        ("user", "What is in the picture?"),
        ("assistant", told.removeprefix("shapes: ")),
    ]
    (data,) = stored(tmp_path, "select data from images")[0]
    assert data == picture.read_bytes()
    again = run("chat", "--plain", "--continue", stdin=b"/last\n")
    assert again.stdout == f"{told}\n"


def test_lines_that_fail_give_the_exit_code_of_the_first(run: Run) -> None:
    done = run("--plain", stdin=b"/nosuch\nnosuch.png\n/system \xff\xfe\n/help\n")
    assert done.returncode == 2
    assert done.stderr.splitlines()[0].startswith("idefics-chat: line 1: There is no command /nosuch")
    assert "Traceback" not in done.stderr


def test_a_reader_that_has_seen_enough_is_no_error(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "chat", "--plain", "--db", str(tmp_path / "sessions.db")]
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(command, input=b"/help\n/help\n", stdout=writer, stderr=subprocess.PIPE, check=False)
    os.close(writer)
    assert (done.returncode, done.stderr) == (0, b"")


def test_without_stdin_and_stdout_it_ends_at_once(tmp_path: Path) -> None:
    line = f"{sys.executable} -m chat --plain --db {tmp_path}/sessions.db <&- >&-"
    done = subprocess.run(["sh", "-c", line], stderr=subprocess.PIPE, check=False)
    assert (done.returncode, done.stderr) == (0, b"")


def test_a_session_that_is_not_there_is_told_in_a_line(run: Run) -> None:
    done = run("--plain", "--session", "nosuch", stdin=b"Hello\n")
    assert done.returncode == 3
    assert done.stderr.count("\n") == 1
    assert "no session 'nosuch'" in done.stderr
