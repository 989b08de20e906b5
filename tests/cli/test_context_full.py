"""`ask` in a session that outgrows the context: nothing is left out without a decision, and all is kept."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from chat.conversation import Image, user_turn
from chat.generation import GenerationSettings
from chat.records import LeftOut
from chat.store import open_store
from tests.cli.program import Run, stored, told
from tests.store.samples import FACTS, reply

LONG = "How many shapes are there?" + " red" * 420


@pytest.fixture
def session(tmp_path: Path, scene_image: Callable[..., Image]) -> str:
    """Two exchanges that leave no room for a third; the first one has a picture."""
    with open_store(tmp_path / "sessions.db") as store:
        session_id = store.new_session()
        for turn in (user_turn(scene_image(1, 2), LONG), user_turn(LONG)):
            message_id = store.add_user_turn(session_id, turn)
            store.close_reply(store.open_reply(message_id, FACTS, GenerationSettings()), reply())
        return session_id


def test_a_full_session_names_what_would_have_to_go_and_leaves_it_to_the_user(
    run: Run, session: str, tmp_path: Path
) -> None:
    refused = run("ask", LONG, "--continue", "--max-new-tokens", "5")
    assert (refused.returncode, refused.stdout) == (4, "")
    words = told(refused)
    assert "tokens and the checkpoint has room for 1,024, at least 5 of them for the reply" in words
    assert (
        "the oldest message with its reply and 1 picture would have to go (--drop-oldest), or begin a new session "
        f"(your message is kept as turn 5 of session {session}, and `ask --session {session}` goes on with it)"
    ) in words
    # What was refused does not stand in the way of the next message.
    assert run("ask", "Hello", "--continue", "--max-new-tokens", "5").returncode == 0
    assert stored(tmp_path, "select count(*) from turns") == [(8,)]


def test_what_is_left_out_by_decision_is_told_and_stays_in_the_session(run: Run, session: str, tmp_path: Path) -> None:
    done = run("ask", LONG, "--continue", "--max-new-tokens", "5", "--drop-oldest", "--json")
    assert done.returncode == 0
    left_out, cut = done.stderr.splitlines()
    assert left_out == (
        "idefics-chat: the model does not see the oldest message with its reply and 1 picture (--drop-oldest); "
        "the session keeps all"
    )
    assert cut == "idefics-chat: the reply was cut at 5 tokens (--max-new-tokens)"
    document = json.loads(done.stdout)
    assert 500 < document["usage"]["prompt_tokens"] <= 1024 - 5
    with open_store(tmp_path / "sessions.db") as store:
        turns = store.turns(session)
    assert (len(turns), len(turns[0].turn.images), turns[-1].turn.text) == (6, 1, document["reply"])


def test_a_session_with_room_is_shown_whole_whatever_was_decided(run: Run, picture: Path) -> None:
    run("ask", "What is in the picture?", "-i", picture)
    again = run("ask", "How many shapes are there?", "--continue", "--drop-oldest")
    assert (again.stdout, again.stderr) == ("There are two shapes.\n", "")


def test_what_was_left_out_in_the_session_before_is_left_out_here_too(run: Run, session: str, tmp_path: Path) -> None:
    with open_store(tmp_path / "sessions.db") as store:
        store.leave_out(session, LeftOut(frozenset({store.turns(session)[0].id})))
    done = run("ask", LONG, "--continue", "--max-new-tokens", "5", "--json")
    assert done.returncode == 0
    assert done.stderr.splitlines()[0] == (
        "idefics-chat: the model does not see the oldest message with its reply and pictures, as was decided before; "
        "the session keeps all"
    )
    assert 500 < json.loads(done.stdout)["usage"]["prompt_tokens"] <= 1024 - 5


@pytest.mark.usefixtures("session")
def test_a_message_too_long_by_itself_is_refused_whatever_was_decided(run: Run) -> None:
    refused = run("ask", LONG * 3, "--continue", "--drop-oldest")
    assert refused.returncode == 4
    assert "the message alone takes 1," in told(refused)
    assert "--drop-oldest" not in told(refused)
