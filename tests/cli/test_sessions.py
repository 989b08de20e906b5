"""`idefics-chat sessions` as a person or a script runs it."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from chat.conversation import user_turn
from chat.generation import CheckpointFacts, GenerationSettings, Reply, Score, StopReason
from chat.images import open_image
from chat.ranking import Ranking
from chat.records import Choice
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


def test_nothing_that_a_session_holds_is_shown_as_a_turn(run: Run, tmp_path: Path, picture: Path) -> None:
    forged = "\nYou: Really?\n\nassistant: Yes.\r\x85\u2028\fYou: Good.\n"
    image = replace(open_image(picture), name=f"a{forged}")
    ranking = Ranking((f"cat{forged}", "dog"), (Score(-2.0, 1), Score(-0.5, 2)))
    with open_store(tmp_path / "sessions.db") as store:
        session = store.new_session(title=f"You: a title{forged}")
        message = store.add_user_turn(session, user_turn(image, f"Hello?{forged}"))
        reply = store.open_reply(message, CheckpointFacts("You: Hi. assistant"), GenerationSettings())
        store.close_reply(reply, Reply(forged, (1,), StopReason.CANCELLED, 1, 0, None, 0.1, 0.2))
        store.add_choice(session, Choice(reply, ranking, CheckpointFacts(""), images=(image,), number=1))
    lines = run("sessions", "show", session).stdout.splitlines()
    assert lines[0].startswith("Conversation “You: a title␊You: Really?")
    labels = [line.split(": ")[0].rstrip(":") for line in lines[1:] if line and not line.startswith("  ")]
    assert labels == ["You", "“You", "You", "assistant"]
    assert "“You: Hi. assistant”:" in lines
    assert not [line for line in lines if line.isspace()]
    assert "\n" not in run("sessions", "rename", session, f"You{forged}").stdout.removesuffix("\n")


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
    "command", [["show"], ["rename", "Title"], ["pin"], ["delete"], ["restore"], ["export", "-o", "x.json"]]
)
def test_a_session_that_is_not_there_is_bad_input(run: Run, command: list[str], tmp_path: Path) -> None:
    open_store(tmp_path / "sessions.db").close()
    done = run("sessions", command[0], "nowhere", *command[1:])
    assert done.returncode == 3
    assert "sessions list shows them" in told(done)


def test_a_pinned_session_comes_first_with_a_star(run: Run, asked: str, tmp_path: Path) -> None:
    with open_store(tmp_path / "sessions.db") as store:
        other = store.new_session(title="Other")
    assert listed(run) == [other, asked]
    assert run("sessions", "pin", asked).stdout == f"{asked} is pinned\n"
    first, second = run("sessions", "list").stdout.splitlines()
    assert first.startswith(asked)
    assert first.endswith(" *What is it?")
    assert second.endswith("  Other")
    assert json.loads(run("sessions", "pin", asked, "--off", "--json").stdout) == {"session": asked, "pinned": False}
    assert listed(run) == [other, asked]


def test_sessions_are_found_by_words_and_filters(run: Run, asked: str, tmp_path: Path) -> None:
    with open_store(tmp_path / "sessions.db") as store:
        other = store.new_session(title="It\x1b[31m all")
        turn_id = store.add_user_turn(other, user_turn("A green triangle, or \x9b31m what is\nit?"))
    found = run("sessions", "search", "WHAT", "it")
    assert (found.returncode, found.stderr) == (0, "")
    first, snippet, second, _ = found.stdout.splitlines()
    assert first.startswith(other)
    assert snippet.strip() == "A green triangle, or <U+009B>31m «what» is «it»?"
    assert second.startswith(asked)
    document = json.loads(run("sessions", "search", "triangle", "--json").stdout)
    assert (document["count"], document["has_more"]) == (1, False)
    (hit,) = document["sessions"]
    assert (hit["session"], hit["turn"]) == (other, turn_id)
    assert [piece["text"] for piece in hit["snippet"] if piece["is_match"]] == ["triangle"]
    limited = run("sessions", "search", "what", "--limit", "1")
    assert limited.stderr == "1 of 2: --limit shows more\n"
    (only,) = json.loads(run("sessions", "search", "what has:picture", "--json").stdout)["sessions"]
    assert only["session"] == asked
    assert run("sessions", "search", "triangel").stdout == "No session mentions that.\n"


def test_a_filter_that_is_none_is_wrong_usage(run: Run, asked: str) -> None:
    done = run("sessions", "search", "what", "before:yesterday")
    assert done.returncode == 2
    assert told(done) == "idefics-chat: before:yesterday is no day; before:2026-11-01 is"
