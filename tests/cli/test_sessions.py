"""`idefics-chat sessions` as a person or a script runs it."""

import json
from pathlib import Path

import pytest

from chat.conversation import user_turn
from chat.images import open_image
from chat.store import open_store
from tests.cli.program import Run, told


@pytest.fixture
def session(run: Run, picture: Path) -> str:
    """The id of a session with one exchange about a picture."""
    done = run("ask", "How many shapes are there?", "-i", picture, "--json")
    found: str = json.loads(done.stdout)["session"]
    return found


@pytest.fixture
def asked(tmp_path: Path, picture: Path) -> str:
    """The id of a session with one message about a picture, and no reply."""
    with open_store(tmp_path / "sessions.db") as store:
        session_id = store.new_session()
        store.add_user_turn(session_id, user_turn(open_image(picture), "What is it?"))
    return session_id


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


def test_an_empty_title_gives_back_the_first_words(run: Run, asked: str) -> None:
    run("sessions", "rename", asked, "Mine")
    assert (
        run("sessions", "rename", asked, "").stdout == f"{asked} is called after its first message again: What is it?\n"
    )
    assert json.loads(run("sessions", "rename", asked, " ", "--json").stdout)["title"] == "What is it?"


def test_a_session_without_messages_has_no_title_to_give_back(run: Run, tmp_path: Path) -> None:
    with open_store(tmp_path / "sessions.db") as store:
        empty = store.new_session(title="Mine")
    assert run("sessions", "rename", empty, "").stdout == f"{empty} has no title\n"


def test_one_is_not_many_and_takes_as_much_room(run: Run, asked: str, picture: Path, tmp_path: Path) -> None:
    with open_store(tmp_path / "sessions.db") as store:
        several = store.new_session()
        for _ in range(2):
            store.add_user_turn(several, user_turn(open_image(picture), "What is it?"))
    two, one = run("sessions", "list").stdout.splitlines()
    assert "  2 turns  2 pictures  What" in two
    assert "  1 turn   1 picture   What" in one
    assert two.index("What") == one.index("What")


def test_a_deleted_session_can_be_brought_back(run: Run, session: str) -> None:
    assert f"sessions restore {session}" in run("sessions", "delete", session).stdout
    assert listed(run) == []
    assert run("sessions", "show", session).returncode == 3
    assert run("sessions", "restore", session).stdout == f"{session} is back\n"
    assert listed(run) == [session]


@pytest.mark.parametrize(
    "command", [["show"], ["rename", "Title"], ["delete"], ["restore"], ["export", "-o", "x.json"]]
)
def test_a_session_that_is_not_there_is_bad_input(run: Run, command: list[str], tmp_path: Path) -> None:
    open_store(tmp_path / "sessions.db").close()
    done = run("sessions", command[0], "nowhere", *command[1:])
    assert done.returncode == 3
    assert "sessions list shows them" in told(done)
