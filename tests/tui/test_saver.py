"""The thread that saves a reply while it is written: seldom, the latest, and never in a reply that has ended."""

import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from chat.conversation import user_turn
from chat.errors import StoreError
from chat.generation import Chunk, GenerationSettings, Reply, StopReason
from chat.session import RunningReply, SessionStore
from chat.store import SqliteStore, open_store
from chat.talk.saving import ReplySaver
from tests.tui.doubles import FACTS

FULL = "the disk is full"


class Watched:
    """Opens stores that count what is saved, and that fail or wait when they are told."""

    def __init__(self, db: Path) -> None:
        self.saves: list[str] = []
        self.problem = ""
        self.gate = threading.Event()
        self.gate.set()
        self.closed = threading.Event()
        self._db = db

    def open(self) -> SessionStore:
        """A store on the file."""
        watched = self

        class Store(SqliteStore):
            def save_reply(self, turn_id: int, text: str, token_ids: Sequence[int]) -> None:
                watched.saves.append(text)
                watched.gate.wait(5)
                if watched.problem:
                    raise StoreError(watched.problem)
                super().save_reply(turn_id, text, token_ids)

            def close(self) -> None:
                super().close()
                watched.closed.set()

        return Store(open_store(self._db)._database)


@pytest.fixture
def watched(db: Path, monkeypatch: pytest.MonkeyPatch) -> Watched:
    monkeypatch.setattr("chat.talk.saving.SAVE_EVERY_S", 0.05)
    monkeypatch.setattr("chat.talk.saving.RETRY_S", 0.1)
    return Watched(db)


@pytest.fixture
def turn_id(store: SqliteStore) -> int:
    message_id = store.add_user_turn(store.new_session(), user_turn("Is it?"))
    return store.open_reply(message_id, FACTS, GenerationSettings())


def _text(store: SqliteStore, turn_id: int) -> str:
    latest = store.latest_session()
    assert latest is not None
    return store.turns(latest.id, turn_id)[-1].turn.text


def _wait(is_so: Callable[[], object]) -> None:
    end = time.monotonic() + 5
    while not is_so():
        assert time.monotonic() < end
        time.sleep(0.002)


def test_many_pieces_are_saved_at_once_and_the_last_is_among_them(
    watched: Watched, store: SqliteStore, turn_id: int
) -> None:
    told: list[str] = []
    saver = ReplySaver(watched.open, turn_id, told.append)
    for count in range(1, 1001):
        saver.take("x" * count, range(count))
    _wait(lambda: len(_text(store, turn_id)) == 1000)
    saver.stop()
    assert watched.closed.wait(30)
    assert len(watched.saves) <= 2
    assert not told


def test_a_failing_save_is_told_once_and_so_is_that_it_succeeds_again(
    watched: Watched, store: SqliteStore, turn_id: int
) -> None:
    told: list[str] = []
    watched.problem = FULL
    saver = ReplySaver(watched.open, turn_id, told.append)
    saver.take("Yes", [1])
    _wait(lambda: len(watched.saves) > 2)
    assert told == [FULL]
    watched.problem = ""
    _wait(lambda: _text(store, turn_id) == "Yes")
    _wait(lambda: told == [FULL, ""])
    saver.stop()


def test_a_store_that_cannot_be_opened_is_told_and_tried_again(
    watched: Watched, store: SqliteStore, turn_id: int
) -> None:
    told: list[str] = []
    openings = iter([StoreError(FULL)])

    def open_second_time() -> SessionStore:
        for error in openings:
            raise error
        return watched.open()

    saver = ReplySaver(open_second_time, turn_id, told.append)
    saver.take("Yes", [1])
    _wait(lambda: told == [FULL, ""])
    saver.stop()
    assert _text(store, turn_id) == "Yes"


def test_a_save_that_comes_too_late_changes_nothing_and_nobody_hears_of_it(
    watched: Watched, store: SqliteStore, turn_id: int
) -> None:
    told: list[str] = []
    watched.gate.clear()
    saver = ReplySaver(watched.open, turn_id, told.append)
    saver.take("Ye", [1])
    _wait(lambda: watched.saves)
    saver.stop()
    store.close_reply(turn_id, Reply("Yes.", (1, 2), StopReason.END_OF_UTTERANCE, 1, 0, None, 0.1, 0.2))
    watched.gate.set()
    assert watched.closed.wait(30)
    assert _text(store, turn_id) == "Yes."
    assert not told


def test_a_save_that_fails_between_two_pieces_is_not_tried_again_with_every_piece(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    now, tries = 0.0, 0

    def refuse_slowly(*arguments: object) -> None:
        nonlocal now, tries
        now += 5
        tries += 1
        raise StoreError(FULL)

    message_id = store.add_user_turn(store.new_session(), user_turn("Is it?"))
    running = RunningReply(store, message_id, FACTS, GenerationSettings(), clock=lambda: now)
    monkeypatch.setattr(SqliteStore, "save_reply", refuse_slowly)
    now = 0.6
    with pytest.raises(StoreError):
        running.add(Chunk("Yes", 1))
    running.add(Chunk(", it", 2))
    running.add(Chunk(" is.", 3))
    assert tries == 1
    assert running.text == "Yes, it is."
