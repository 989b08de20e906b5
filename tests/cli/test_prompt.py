"""`idefics-chat prompt` as a person or a script runs it."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from chat.conversation import Image, assistant_turn, user_turn
from chat.generation import CheckpointFacts, GenerationSettings, Reply, StopReason, TextGenerator
from chat.prompt import serialize
from chat.records import LeftOut
from chat.session import conversation_of
from chat.store import open_store
from tests.cli.program import Run, told

FACTS = CheckpointFacts("another", revision="1")


@pytest.fixture
def talk(tmp_path: Path, scene_image: Callable[..., Image]) -> str:
    """A session with a reply of another checkpoint, and a question that nobody has answered."""
    with open_store(tmp_path / "sessions.db") as store:
        session_id = store.new_session(system="Be brief.")
        message = store.add_user_turn(session_id, user_turn(scene_image(1, 2, "one.png"), "Is </s> \x1b]0;x\x07 here?"))
        reply = store.open_reply(message, FACTS, GenerationSettings())
        store.close_reply(reply, Reply("No.", (999_999,), StopReason.EOS, 9, 0, None, 0.1, 0.2))
        store.add_user_turn(session_id, user_turn("And here? ", scene_image(2, 2, "two.png")))
    return session_id


def test_the_document_tells_the_prompt_token_by_token(
    run: Run, talk: str, tmp_path: Path, shapes: TextGenerator
) -> None:
    done = run("prompt", talk[:6], "--json")
    document = json.loads(done.stdout)
    with open_store(tmp_path / "sessions.db") as store:
        conversation = conversation_of(store.turns(talk), system="Be brief.", facts=shapes.facts)
    assert conversation.turns[1] == assistant_turn("No.")
    prompt = serialize(conversation, shapes.dialect)
    shown = shapes.describe(prompt)
    assert document["text"] == prompt.text
    assert document["token_ids"] == list(shown.token_ids)
    assert (document["session"], document["checkpoint"]) == (talk, "shapes")
    assert "".join(segment["text"] for segment in document["segments"]) == prompt.text
    assert [image["number"] for image in document["images"]] == [1, 2]
    assert [image["tokens"] for image in document["images"]] == [3, 3]
    words = {
        segment["text"].strip(): segment["attends_to"] for segment in document["segments"] if segment["kind"] == "words"
    }
    assert words["Be brief."] == []
    assert words["No."] == words["And here?"] == [1]
    assert [s["attends_to"] for s in document["segments"] if s["kind"] == "picture"] == [[1], [2]]
    assert "\x1b" not in done.stdout


def test_a_person_reads_lines_without_colours_where_there_is_no_terminal(run: Run, talk: str) -> None:
    done = run("prompt", talk)
    assert done.returncode == 0
    assert "\x1b" not in done.stdout
    assert "  <image> [2]\n" in done.stdout
    assert "from [1] to [2], text looks at [1] only\nafter [2], text looks at picture [2] only\n" in done.stdout
    assert "tokens of context, " in done.stdout


def test_what_is_left_out_in_the_session_is_not_in_the_prompt(
    run: Run, talk: str, tmp_path: Path, shapes: TextGenerator
) -> None:
    with open_store(tmp_path / "sessions.db") as store:
        turns = store.turns(talk)
        store.leave_out(talk, LeftOut(frozenset({turns[0].id})))
    document = json.loads(run("prompt", talk, "--json").stdout)
    shown = conversation_of(turns[2:], system="Be brief.", facts=shapes.facts)
    assert document["text"] == serialize(shown, shapes.dialect).text
    assert [image["number"] for image in document["images"]] == [2]
    assert "\n3 " in "\n".join(line.lstrip() for line in run("prompt", talk).stdout.splitlines())


def test_a_session_that_is_not_there_is_named(run: Run, talk: str) -> None:
    done = run("prompt", "nosuch")
    assert done.returncode == 3
    assert "no session 'nosuch'" in told(done)
    assert run("prompt").returncode == 2


def test_a_checkpoint_that_is_not_there_is_named(run: Run, talk: str, tmp_path: Path) -> None:
    done = run("prompt", talk, "--checkpoint", tmp_path / "nowhere")
    assert done.returncode == 4
    assert "nowhere" in told(done)
