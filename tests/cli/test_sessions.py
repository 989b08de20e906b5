"""`idefics-chat sessions` as a person or a script runs it."""

import json
from pathlib import Path

import pytest

from tests.cli.program import Run, told


@pytest.fixture
def session(run: Run, picture: Path) -> str:
    """The id of a session with one exchange about a picture."""
    done = run("ask", "How many shapes are there?", "-i", picture, "--json")
    found: str = json.loads(done.stdout)["session"]
    return found


def listed(run: Run) -> list[str]:
    return [summary["session"] for summary in json.loads(run("sessions", "list", "--json").stdout)]


def test_a_session_is_shown_with_its_pictures_in_words(run: Run, session: str) -> None:
    shown = run("sessions", "show", session).stdout
    assert "You: [picture: a picture.png, " in shown
    assert "How many shapes are there?" in shown
    assert "shapes: There are two shapes." in shown
    document = json.loads(run("sessions", "show", session[:5], "--json").stdout)
    assert [turn["role"] for turn in document["turns"]] == ["user", "assistant"]
    assert document["turns"][1]["stop_reason"] == "end_of_utterance"


def test_a_session_gets_a_title(run: Run, session: str) -> None:
    assert run("sessions", "rename", session, "Two shapes").stdout == f"{session} is now called Two shapes\n"
    assert "Two shapes" in run("sessions", "list").stdout


def test_a_deleted_session_can_be_brought_back(run: Run, session: str) -> None:
    assert f"sessions restore {session}" in run("sessions", "delete", session).stdout
    assert listed(run) == []
    assert run("sessions", "show", session).returncode == 3
    assert run("sessions", "restore", session).stdout == f"{session} is back\n"
    assert listed(run) == [session]


def test_an_exported_session_is_imported_with_its_pictures_and_goes_on(run: Run, session: str, tmp_path: Path) -> None:
    file = tmp_path / "saved" / "talk.json"
    assert told(run("sessions", "export", session, "-o", file)).endswith("there is no such folder: make it first")
    file.parent.mkdir()
    assert run("sessions", "export", session, "-o", file).returncode == 0
    assert [path.suffix for path in (file.parent / "pictures").iterdir()] == [".png"]
    imported = json.loads(run("sessions", "import", file, "--json").stdout)["session"]
    assert sorted(listed(run)) == sorted([session, imported])
    again = run("ask", "How many shapes are there?", "--session", imported)
    assert again.stdout == "There are two shapes.\n"


def test_a_file_that_says_something_else_is_replaced_only_when_asked(run: Run, session: str, tmp_path: Path) -> None:
    file = tmp_path / "talk.json"
    file.write_text("my own notes")
    assert "--overwrite" in told(run("sessions", "export", session, "-o", file))
    assert file.read_text() == "my own notes"
    assert run("sessions", "export", session, "-o", file, "--overwrite").returncode == 0
    assert json.loads(file.read_text())


@pytest.mark.parametrize(
    "command", [["show"], ["rename", "Title"], ["delete"], ["restore"], ["export", "-o", "x.json"]]
)
def test_a_session_that_is_not_there_is_bad_input(run: Run, command: list[str]) -> None:
    done = run("sessions", command[0], "nowhere", *command[1:])
    assert done.returncode == 3
    assert "sessions list shows them" in told(done)
