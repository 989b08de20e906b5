"""Labels that were ranked, and examples, come back as they were kept."""

from pathlib import Path

import pytest

from chat.conversation import user_turn
from chat.errors import StoreError, UnknownSessionError
from chat.generation import Score
from chat.ranking import Ranking
from chat.records import Choice
from chat.store import SqliteStore
from tests.store.samples import FACTS, SETTINGS, count, execute, integrity, picture, refuse, reopened, reply

RANKING = Ranking(("cat", "dog \ud800\0"), (Score(-0.25, 1), Score(-2.5, 3)), per_token=True)


def exchange(store: SqliteStore, session_id: str, text: str = "hi", answer: str = "Two cats.") -> tuple[int, int]:
    message = store.add_user_turn(session_id, user_turn(text))
    turn_id = store.open_reply(message, FACTS, SETTINGS)
    store.close_reply(turn_id, reply(answer))
    return message, turn_id


def test_a_choice_comes_back_exactly(store: SqliteStore, session_id: str, path: Path) -> None:
    images = (picture(name="\ud800.png"), picture(b"2", "b.png"))
    first = Choice(None, RANKING, FACTS, "2026-11-22T00:00:00+00:00", images, number=1, left_out=2)
    store.add_choice(session_id, first)
    _, turn_id = exchange(store, session_id)
    second = Choice(turn_id, RANKING, FACTS, "2026-11-22T00:00:01+00:00", number=3)
    store.add_choice(session_id, second)
    with reopened(store, path) as again:
        found = again.choices(session_id)
        assert found == [first, second]
        assert [(image.name, image.read()) for image in found[0].images] == [
            (image.name, image.read()) for image in images
        ]
        assert [stored.turn.text for stored in again.turns(session_id)] == ["hi", "Two cats."]
    assert integrity(path) == "ok"


def test_a_choice_makes_a_session_the_latest_and_goes_and_comes_with_it(store: SqliteStore, session_id: str) -> None:
    store.new_session()
    store.add_choice(session_id, Choice(None, RANKING, FACTS))
    latest = store.latest_session()
    assert latest is not None
    assert (latest.id, latest.turn_count, latest.image_count) == (session_id, 0, 0)
    store.delete_session(session_id)
    store.restore_session(session_id)
    (found,) = store.choices(session_id)
    assert found.created_at


def test_a_choice_of_another_branch_is_not_shown(store: SqliteStore, session_id: str, path: Path) -> None:
    first, _ = exchange(store, session_id)
    _, other = exchange(store, session_id)
    store.add_choice(session_id, Choice(other, RANKING, FACTS))
    execute(path, f"UPDATE sessions SET head_turn_id = {first}")
    assert store.choices(session_id) == []


def test_a_choice_is_kept_whole_or_not_at_all(store: SqliteStore, session_id: str, path: Path) -> None:
    execute(path, "CREATE TRIGGER stop BEFORE INSERT ON choice_images BEGIN SELECT RAISE(ABORT, 'stopped'); END")
    with pytest.raises(StoreError, match="stopped"):
        store.add_choice(session_id, Choice(None, RANKING, FACTS, images=(picture(),)))
    assert [count(path, table) for table in ("choices", "choice_labels", "images")] == [0, 0, 0]


def test_a_choice_belongs_somewhere(store: SqliteStore, session_id: str) -> None:
    message, _ = exchange(store, store.new_session())
    for turn_id in (message, 99):
        with pytest.raises(StoreError, match=f"turn {turn_id} is not of session {session_id}"):
            store.add_choice(session_id, Choice(turn_id, RANKING, FACTS))
    with pytest.raises(UnknownSessionError):
        store.add_choice("nowhere", Choice(None, RANKING, FACTS))
    with pytest.raises(UnknownSessionError):
        store.choices("nowhere")


def test_the_bytes_of_a_kept_picture_are_not_read_again(store: SqliteStore, session_id: str) -> None:
    store.add_choice(session_id, Choice(None, RANKING, FACTS, images=(picture(),)))
    kept = store.choices(session_id)[0].images[0]
    again = type(kept)(kept.digest, kept.width, kept.height, "again.png", refuse("gone"))
    store.add_choice(session_id, Choice(None, RANKING, FACTS, images=(again,)))
    assert store.choices(session_id)[1].images[0].name == "again.png"


def test_examples_are_the_marked_exchanges_with_a_reply(store: SqliteStore, session_id: str, path: Path) -> None:
    first, _ = exchange(store, session_id, "One?", "One.")
    second, _ = exchange(store, session_id, "Two?", "Two.")
    silent, _ = exchange(store, session_id, "Silent?", " ")
    unanswered = store.add_user_turn(session_id, user_turn("Anybody?"))
    for message in (second, silent, unanswered, first):
        store.mark_example(message, True)
    with reopened(store, path) as again:
        assert [stored.turn.text for stored in again.examples(session_id)] == ["One?", "One.", "Two?", "Two."]
        again.mark_example(first, False)
        assert [stored.turn.text for stored in again.examples(session_id)] == ["Two?", "Two."]
        assert [stored.is_example for stored in again.turns(session_id)] == [
            False,
            False,
            True,
            False,
            True,
            False,
            True,
        ]


def test_only_a_message_is_an_example(store: SqliteStore, session_id: str) -> None:
    _, said = exchange(store, session_id)
    for other in (said, 99):
        with pytest.raises(StoreError, match=f"turn {other} is not a message"):
            store.mark_example(other, True)
