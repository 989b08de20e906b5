"""Nothing that was written is lost when the program ends, however quickly that is asked."""

import os
import signal
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from chat.conversation import Image
from chat.drafts import Draft
from chat.session import SessionStore
from chat.store import SqliteStore
from chat.tui.screens.browsing import READING_S
from chat.tui.widgets.message_input import MessageInput
from tests.tui.doubles import Desk, Gates, HeldGenerator, busy, ready, saved, send, until, write
from tests.tui.terminal import Terminal

MakeDesk = Callable[..., Desk]
MakeImage = Callable[..., Image]


def _stored_text(store: SessionStore) -> str:
    """Everything the store has: what was said, and the drafts."""
    sessions = store.sessions()
    drafts = [store.draft(None), *(store.draft(session.id) for session in sessions)]
    turns = [turn.turn for session in sessions for turn in store.turns(session.id)]
    return "\n".join([*(draft.text for draft in drafts), *(turn.text for turn in turns)])


@pytest.mark.parametrize("keys", ["all of it", "all of it\r", "some\rall of it", "\x1b[200~all of it\x1b[201~"])
def test_keys_pressed_just_before_the_last_one_are_kept(store: SqliteStore, db: Path, keys: str) -> None:
    with Terminal(str(db), "endless") as terminal:
        terminal.wait_for("ready")
        terminal.type(f"{keys}\x11")
        terminal.seconds_to_end()
    assert "all of it" in _stored_text(store)


@pytest.mark.parametrize("keys", ["all of it", "all of it\r", "some\rall of it\r"])
def test_keys_pressed_just_before_a_signal_are_kept(store: SqliteStore, db: Path, keys: str) -> None:
    with Terminal(str(db), "endless") as terminal:
        terminal.wait_for("ready")
        terminal.type(keys)
        time.sleep(0.005)
        os.kill(terminal.pid, signal.SIGTERM)
        terminal.seconds_to_end()
    assert "all of it" in _stored_text(store)


def test_what_is_pasted_stands_before_what_is_typed_after_it(store: SqliteStore, db: Path) -> None:
    with Terminal(str(db), "endless") as terminal:
        terminal.wait_for("ready")
        terminal.type("one \x1b[200~two \x1b[201~three\r")
        terminal.wait_until(lambda: store.latest_session())
        terminal.type("\x11")
        terminal.seconds_to_end()
    latest = store.latest_session()
    assert latest is not None
    assert store.turns(latest.id)[0].turn.text == "one two three"


def test_leaving_a_locked_database_is_told_and_asked_for_twice(store: SqliteStore, db: Path) -> None:
    with Terminal("handler", "--db", str(db), module="tests.tui.faulty") as terminal:
        terminal.wait_for("ready")
        terminal.type("a thought")
        with closing(sqlite3.connect(db, isolation_level=None)) as other:
            other.execute("BEGIN EXCLUSIVE")
            # The second key was pressed before there was anything to read.
            terminal.type("\x11\x11")
            terminal.wait_for("again leaves without it")
            # The warning is given anew for the second key, after another try to save.
            time.sleep(READING_S + 1.5)
            assert os.waitpid(terminal.pid, os.WNOHANG) == (0, 0)
            terminal.type("\x11")
            terminal.seconds_to_end()
            assert terminal.status == 3 << 8
            assert b"idefics-chat: not everything is saved: " in terminal.output
    assert _stored_text(store) == ""


async def test_what_could_not_be_saved_is_saved_later_and_the_program_ends(
    make_desk: MakeDesk, store: SessionStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = make_desk()
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        await write(pilot, desk, "a thought")
        with monkeypatch.context() as locked:
            locked.setattr(SqliteStore, "save_draft", busy)
            await pilot.press("ctrl+r", "ctrl+q")
            await until(pilot, lambda: "Not saved; ctrl+q again leaves without it. it is locked" in desk.notice())
            assert desk.app.screen is desk.screen
            assert desk.text() == "a thought"
        await pilot.press("ctrl+q")
        await until(pilot, lambda: desk.app._exit)
    assert (desk.app.return_code, desk.app.return_value) == (0, None)
    assert store.draft(None) == Draft("a thought")


async def test_a_refused_end_leaves_the_reply_as_it_is(make_desk: MakeDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    generator = HeldGenerator("One two three")
    desk = make_desk(generator=generator)
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        await send(pilot, desk, "Count")
        await until(pilot, lambda: desk.screen.session.is_replying)
        await write(pilot, desk, "a thought")
        with monkeypatch.context() as locked:
            locked.setattr(SqliteStore, "save_draft", busy)
            await pilot.press("ctrl+q")
            await until(pilot, lambda: "ctrl+q again" in desk.notice())
        generator.free()
        await until(pilot, lambda: desk.turns() == [("user", "Count"), ("assistant", "One two three")])


async def test_a_warning_of_long_ago_does_not_count(make_desk: MakeDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chat.tui.screens.browsing.READING_S", 0)
    desk = make_desk()
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        for text in ("one thing", "another"):
            await write(pilot, desk, text)
            with monkeypatch.context() as locked:
                locked.setattr(SqliteStore, "save_draft", busy)
                await pilot.press("ctrl+q")
                await until(pilot, lambda: "Not saved; ctrl+q again leaves without it. it is locked" in desk.notice())
            desk.screen.save()
        assert not desk.app._exit


@pytest.mark.parametrize("how", ["typed", "dropped"])
async def test_a_picture_that_is_still_being_read_is_kept_as_its_path(
    make_desk: MakeDesk, scene_image: MakeImage, tmp_path: Path, gates: Gates, store: SessionStore, how: str
) -> None:
    path = saved(scene_image(1), tmp_path, "slow.png")
    desk = make_desk()
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        if how == "typed":
            await send(pilot, desk, f"{path} what is it?")
        else:
            await write(pilot, desk, "what is it?")
            desk.screen.query_one(MessageInput).post_message(MessageInput.Dropped([path], str(path)))
        await until(pilot, lambda: desk.screen.is_reading)
        await pilot.press("ctrl+q", "ctrl+q")
        await until(pilot, lambda: desk.app._exit)
    assert store.draft(None) == Draft(f"{path}\n\nwhat is it?")
    gates.let("slow.png")
