"""Labels that were ranked, and examples, go into a file and come back; a file without them is as it was before."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from chat.conversation import user_turn
from chat.errors import InvalidTurnError
from chat.session_files import export_session, import_transcript
from chat.store import open_store
from chat.transcript import Transcript, load_transcript, save_transcript
from tests.transcripts import CHOSEN, GREEN, refusal, write


def _document(path: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return document


def test_choices_and_examples_are_read_back_as_they_were(tmp_path: Path) -> None:
    save_transcript(tmp_path / "talk.json", CHOSEN)
    loaded = load_transcript(tmp_path / "talk.json")
    assert loaded == CHOSEN
    assert loaded.choices[0].images[0].read() == GREEN.read()
    document = _document(tmp_path / "talk.json")
    assert (document["version"], document["turns"][0]["is_example"]) == (3, True)
    assert "is_example" not in document["turns"][2]
    assert document["choices"][1] == {
        "labels": [
            {"label": "a é", "log_likelihood": -3.0, "token_count": 2},
            {"label": "b", "log_likelihood": -2.0, "token_count": 1},
        ],
        "facts": document["turns"][1]["generation"]["facts"],
        "after_turn": 4,
        "per_token": True,
        "created_at": CHOSEN.choices[1].created_at,
        "images": [],
        "number": 4,
        "left_out": 1,
    }


def test_a_hand_written_choice_needs_little(tmp_path: Path) -> None:
    labels = [{"label": label, "log_likelihood": value, "token_count": 1} for label, value in (("a", -1), ("b", -2.5))]
    document = {
        "format": "idefics-chat transcript",
        "version": 2,
        "turns": [],
        "choices": [{"labels": labels, "facts": {"name": "shapes"}}],
    }
    (tmp_path / "talk.json").write_text(json.dumps(document))
    (choice,) = load_transcript(tmp_path / "talk.json").choices
    assert (choice.turn_id, choice.ranking.best, choice.ranking.scores[1].log_likelihood) == (None, "a", -2.5)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda c: c["labels"].pop(), "choices[0]: there is one label: give two or more"),
        (lambda c: c["labels"][1].update(label="cat"), "choices[0]: the label “cat” stands twice"),
        (lambda c: c["labels"][1].update(token_count=0), "choices[0].labels[1]: token_count is below 1"),
        (lambda c: c["labels"][1].update(log_likelihood="x"), "choices[0].labels[1].log_likelihood is not a number"),
        (lambda c: c.pop("facts"), "choices[0].facts is missing"),
        (lambda c: c.update(after_turn=6), "labels were ranked after turn 6, which is not there"),
        (lambda c: c.update(after_turn=-1), "choices[0]: after_turn, number and left_out cannot be below 0"),
        (lambda c: c.update(created_at="today"), "choices[0]: created_at is not a time"),
        (lambda c: c["images"][0].update(file="../x.png"), "../x.png lies outside the transcript's folder"),
        (lambda c: c["images"][0].update(digest="0" * 64), "pictures/green-"),
        (lambda c: c.update(winner="cat"), "unknown key choices[0].winner"),
    ],
)
def test_a_choice_that_is_not_as_it_should_be(
    change: Callable[[dict[str, Any]], object], reason: str, tmp_path: Path
) -> None:
    path = write(tmp_path, lambda document: change(document["choices"][0]), CHOSEN)
    assert refusal(path).startswith(reason)


def test_a_reply_is_no_example(tmp_path: Path) -> None:
    path = write(tmp_path, lambda document: document["turns"][1].update(is_example=True), CHOSEN)
    assert refusal(path) == "turn 2 is the assistant's: mark the message before it as the example"


def test_labels_follow_a_turn_that_is_there() -> None:
    with pytest.raises(InvalidTurnError, match="after turn 1, which is not there"):
        Transcript(choices=(replace(CHOSEN.choices[0], turn_id=1),))


def test_an_imported_session_has_its_choices_and_examples(tmp_path: Path) -> None:
    with open_store(tmp_path / "sessions.db") as store:
        # So that no turn's id is its number.
        store.add_user_turn(store.new_session(), user_turn("Elsewhere"))
        session_id = import_transcript(store, CHOSEN)
        exported = export_session(store, session_id)
        assert exported.choices == CHOSEN.choices
        assert [stored.is_example for stored in exported.turns] == [True, False, False, False, False]
        assert [stored.id for stored in store.examples(session_id)] == [
            stored.id for stored in store.turns(session_id)
        ][:2]
        assert store.choices(session_id)[1].turn_id == store.turns(session_id)[3].id


def test_a_choice_after_a_message_without_a_reply_stays_there(tmp_path: Path) -> None:
    with open_store(tmp_path / "sessions.db") as store:
        session_id = store.new_session()
        first = store.add_user_turn(session_id, user_turn("One"))
        store.add_choice(session_id, replace(CHOSEN.choices[1], turn_id=first))
        store.add_user_turn(session_id, user_turn("Two"))
        exported = export_session(store, session_id)
        assert [stored.turn.text for stored in exported.turns] == ["One", "Two"]
        assert exported.choices[0].turn_id == 1
        again = export_session(store, store.add_session(exported))
        assert again.choices == exported.choices


def test_earlier_versions_had_an_empty_reply_where_there_was_none(tmp_path: Path) -> None:
    path = write(tmp_path, lambda _: None, CHOSEN)
    document = _document(path)
    without = {"role": "assistant", "created_at": "", "parts": []}
    document.update(version=2, turns=[document["turns"][0], without, *document["turns"][2:]])
    document["choices"].append(document["choices"][1] | {"after_turn": 2})
    path.write_text(json.dumps(document))
    loaded = load_transcript(path)
    assert [stored.turn for stored in loaded.turns] == [stored.turn for stored in CHOSEN.turns if stored.id != 2]
    assert [stored.id for stored in loaded.turns] == [1, 2, 3, 4]
    assert [choice.turn_id for choice in loaded.choices] == [None, 3, 1]
