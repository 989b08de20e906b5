"""A reply is saved while it is written, apart from the screen, and what could not be saved is saved later."""

import asyncio
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from chat.errors import StoreError
from chat.generation import StopReason
from chat.records import StoredTurn
from chat.session import SessionStore
from chat.tui.screens.chat import DRAFT_DELAY_S
from tests.tui.doubles import Desk, HeldGenerator, ready, send, until, write

MakeDesk = Callable[..., Desk]
FULL = "the disk is full"


def refuse(*arguments: object) -> None:
    """What a store does on a full disk."""
    raise StoreError(FULL)


def _last(store: SessionStore) -> StoredTurn:
    latest = store.latest_session()
    assert latest is not None
    return store.turns(latest.id)[-1]


def _reason(store: SessionStore) -> StopReason | None:
    generation = _last(store).generation
    return generation.stop_reason if generation else None


async def test_what_was_said_is_on_disk_within_a_second_though_no_more_comes(make_desk: MakeDesk) -> None:
    model = HeldGenerator("Two cats on a mat.")
    desk = make_desk(generator=model)
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        await send(pilot, desk, "What is this?")
        model.let(2)
        await until(pilot, lambda: "Two cats " in desk.said()[-1])
        await until(pilot, lambda: desk.turns()[-1] == ("assistant", "Two cats "), seconds=1.5)
        assert desk.screen.is_working
        model.free()
        await until(pilot, lambda: desk.state().endswith("ready"))
    assert desk.turns()[-1] == ("assistant", "Two cats on a mat.")


async def test_keys_do_not_wait_for_a_locked_database_while_the_model_writes(
    make_desk: MakeDesk, db: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chat.store.connection.BUSY_S", 1)
    monkeypatch.setattr("chat.talk.saving.RETRY_S", 0.2)
    model = HeldGenerator("One two three four five six.")
    desk = make_desk(generator=model)
    longest = 0.0

    async def measure() -> None:
        nonlocal longest
        while True:
            before = time.monotonic()
            await asyncio.sleep(0.01)
            longest = max(longest, time.monotonic() - before)

    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        await send(pilot, desk, "Count.")
        await until(pilot, lambda: desk.screen.session.is_replying)
        # The empty draft is kept on the screen's own thread; here it is the reply that counts.
        await asyncio.sleep(DRAFT_DELAY_S + 0.2)
        other = sqlite3.connect(db, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        measuring = asyncio.create_task(measure())
        for _ in range(4):
            model.let()
            await asyncio.sleep(0.3)
        await until(pilot, lambda: "not saved" in desk.state())
        assert "locked by another program" in desk.state()
        measuring.cancel()
        other.execute("COMMIT")
        other.close()
        await until(pilot, lambda: "writing" in desk.state())
        model.free()
        await until(pilot, lambda: desk.state().endswith("ready"))
    assert desk.turns()[-1] == ("assistant", "One two three four five six.")
    assert longest < 0.5


async def test_a_reply_that_could_not_be_closed_is_saved_with_the_next_save(
    make_desk: MakeDesk, store: SessionStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = make_desk("One.")
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        with monkeypatch.context() as broken:
            broken.setattr("chat.store.SqliteStore.close_reply", refuse)
            await send(pilot, desk, "One?")
            await until(pilot, lambda: f"not saved · {FULL}" in desk.state())
            await write(pilot, desk, "half")
            await until(pilot, lambda: _draft(store) == "half")
            assert "not saved" in desk.state()
        await write(pilot, desk, " a thought")
        await until(pilot, lambda: _draft(store) == "half a thought" and desk.state().endswith("ready"))
        assert _last(store).turn.text == "One."
        assert _reason(store) is StopReason.END_OF_UTTERANCE


def _draft(store: SessionStore) -> str:
    latest = store.latest_session()
    return store.draft(latest.id).text if latest else ""


async def test_a_reply_that_could_not_be_closed_is_saved_when_leaving(
    make_desk: MakeDesk, store: SessionStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = make_desk("One.")
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        with monkeypatch.context() as broken:
            broken.setattr("chat.store.SqliteStore.close_reply", refuse)
            await send(pilot, desk, "One?")
            await until(pilot, lambda: "not saved" in desk.state())
        await pilot.press("ctrl+q")
    assert (_last(store).turn.text, _reason(store)) == ("One.", StopReason.END_OF_UTTERANCE)


async def test_a_reply_that_could_not_be_closed_is_saved_though_another_session_is_shown(
    make_desk: MakeDesk, store: SessionStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = make_desk("One.")
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        with monkeypatch.context() as broken:
            broken.setattr("chat.store.SqliteStore.close_reply", refuse)
            await send(pilot, desk, "One?")
            await until(pilot, lambda: "not saved" in desk.state())
            await pilot.press("ctrl+n")
            await until(pilot, lambda: not desk.said())
            assert "not saved" in desk.state()
        await write(pilot, desk, "half a thought")
        await until(pilot, lambda: desk.state().endswith("ready"))
        assert (_last(store).turn.text, _reason(store)) == ("One.", StopReason.END_OF_UTTERANCE)


async def test_a_reply_that_cannot_be_closed_when_leaving_does_not_take_the_draft_with_it(
    make_desk: MakeDesk, store: SessionStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = HeldGenerator("Two cats on a mat.")
    desk = make_desk(generator=model)
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        await send(pilot, desk, "What is this?")
        await until(pilot, lambda: desk.screen.session.is_replying)
        monkeypatch.setattr("chat.store.SqliteStore.close_reply", refuse)
        desk.screen.composer.insert("half a thought")
        await pilot.press("ctrl+q")
    assert _draft(store) == "half a thought"
