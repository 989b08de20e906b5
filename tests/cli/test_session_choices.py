"""What `idefics-chat sessions` shows of labels that were ranked, and of examples."""

import json
from pathlib import Path

import pytest

from chat.conversation import user_turn
from chat.generation import CheckpointFacts, GenerationSettings, Reply, Score, StopReason
from chat.images import open_image
from chat.ranking import Ranking
from chat.records import Choice
from chat.store import open_store
from tests.cli.program import Run

FACTS = CheckpointFacts("shapes")
RANKING = Ranking(("cat", "dog"), (Score(-2.0, 1), Score(-0.5, 2)))


@pytest.fixture
def session(tmp_path: Path, picture: Path) -> str:
    """The id of a session with labels ranked before and behind its one exchange, which is an example."""
    with open_store(tmp_path / "sessions.db") as store:
        session_id = store.new_session()
        store.add_choice(session_id, Choice(None, RANKING, FACTS, images=(open_image(picture),), number=1))
        message = store.add_user_turn(session_id, user_turn("Hello?"))
        reply = store.open_reply(message, FACTS, GenerationSettings())
        store.close_reply(reply, Reply("Hello!", (1,), StopReason.END_OF_UTTERANCE, 1, 0, None, 0.1, 0.2))
        store.mark_example(message, True)
        store.add_choice(session_id, Choice(reply, RANKING, FACTS))
    return session_id


def test_choices_and_examples_are_shown_in_words(run: Run, session: str) -> None:
    first, asked, replied, second = "[picture: a picture.png", "You (example): Hello?", "shapes: Hello!", "You: /choose"
    shown = run("sessions", "show", session).stdout
    assert shown.index(first) < shown.index(asked) < shown.index(replied) < shown.rindex(second)
    ranked = "shapes: dog 81.8 % (-0.50), cat 18.2 % (-2.00) (not part of the conversation)"
    assert shown.count(ranked) == 2
    assert shown.count("/choose cat | dog") == 2


def test_choices_and_examples_are_in_the_document(run: Run, session: str) -> None:
    document = json.loads(run("sessions", "show", session, "--json").stdout)
    assert [turn.get("is_example") for turn in document["turns"]] == [True, None]
    first, second = document["choices"]
    assert (first["after_turn"], second["after_turn"]) == (None, document["turns"][1]["turn"])
    assert (first["best"], first["picture_number"], second["picture_number"]) == ("dog", 1, None)
    assert [image["name"] for image in first["images"]] == ["a picture.png"]
    assert first["labels"][0] | {"probability": 0} == {
        "label": "cat",
        "log_likelihood": -2.0,
        "token_count": 1,
        "probability": 0,
    }


def test_choices_and_examples_are_exported_and_imported(run: Run, session: str, tmp_path: Path) -> None:
    run("sessions", "export", session, "-o", tmp_path / "talk.json")
    again = json.loads(run("sessions", "import", tmp_path / "talk.json", "--json").stdout)["session"]
    assert run("sessions", "show", again).stdout == run("sessions", "show", session).stdout
