"""Nothing that was written is lost when the program ends or another session is shown, however quickly that is asked."""

import asyncio
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from chat.conversation import Image, user_turn
from chat.errors import StoreBusyError, StoreError
from chat.records import Draft
from chat.session import SessionStore
from chat.store import SqliteStore, open_store
from chat.tui.widgets.log import ConversationLog
from chat.tui.widgets.message_input import MessageInput
from tests.tui.doubles import Desk, Gates, HeldGenerator, ready, saved, send, until, write
from tests.tui.terminal import Terminal

MakeDesk = Callable[..., Desk]
MakeImage = Callable[..., Image]


def _busy(*_: object) -> None:
    raise StoreBusyError("it is locked")


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
            terminal.type("\x11")
            terminal.wait_for("again leaves without it")
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
            locked.setattr(SqliteStore, "save_draft", _busy)
            await pilot.press("ctrl+r", "ctrl+q")
            await until(pilot, lambda: "Not saved; ctrl+q again leaves without it. it is locked" in desk.notice())
            assert desk.app.screen is desk.screen
            assert desk.text() == "a thought"
        await pilot.press("ctrl+q")
        await until(pilot, lambda: desk.app._exit)
    assert (desk.app.return_code, desk.app.return_value) == (0, None)
    assert store.draft(None) == Draft("a thought")


async def test_a_warning_of_long_ago_does_not_count(make_desk: MakeDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk = make_desk()
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        for text in ("one thing", "another"):
            await write(pilot, desk, text)
            with monkeypatch.context() as locked:
                locked.setattr(SqliteStore, "save_draft", _busy)
                await pilot.press("ctrl+q")
                await until(pilot, lambda: "Not saved; ctrl+q again leaves without it. it is locked" in desk.notice())
            desk.screen.save()
        assert not desk.app._exit


async def test_a_message_that_cannot_be_kept_keeps_its_session_open(
    make_desk: MakeDesk, store: SessionStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = store.new_session()
    store.add_user_turn(other, user_turn("Elsewhere"))
    desk = make_desk()
    async with desk.app.run_test(size=(200, 50)) as pilot:
        await ready(pilot, desk)
        await write(pilot, desk, "a thought")
        with monkeypatch.context() as locked:
            locked.setattr(SqliteStore, "save_draft", _busy)
            await desk.screen.change_session(other)
        assert "not saved: it is locked" in desk.notice()
        assert (desk.text(), desk.said()) == ("a thought", [])
        await desk.screen.change_session(other)
        assert (desk.text(), desk.said()) == ("", ["Elsewhere"])
    assert store.draft(None) == Draft("a thought")


async def test_a_session_that_takes_long_to_show_keeps_its_own_draft(
    make_desk: MakeDesk, store: SessionStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = store.new_session()
    store.add_user_turn(other, user_turn("Elsewhere"))
    store.save_draft(other, Draft("its own"))
    desk = make_desk()
    drawn = asyncio.Event()
    show = ConversationLog.show_turns

    async def show_slowly(log: ConversationLog, *arguments: object) -> None:
        await drawn.wait()
        await show(log, *arguments)  # type: ignore[arg-type]

    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        await write(pilot, desk, "a thought")
        monkeypatch.setattr(ConversationLog, "show_turns", show_slowly)
        changing = asyncio.create_task(desk.screen.change_session(other))
        await until(pilot, lambda: desk.screen.session.id == other)
        desk.screen.keep_draft()
        assert (store.draft(other), store.draft(None)) == (Draft("its own"), Draft("a thought"))
        drawn.set()
        await changing


async def test_what_is_typed_before_the_store_is_open_is_kept(
    make_desk: MakeDesk, store: SessionStore, db: Path
) -> None:
    store.save_draft(None, Draft("of yesterday"))
    desks: list[Desk] = []

    def type_and_open() -> SessionStore:
        desks[0].screen.query_one(MessageInput).insert("quick")
        return open_store(db)

    desk = make_desk(open_store=type_and_open)
    desks.append(desk)
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        await pilot.press("!")
        assert desk.text() == "of yesterday\n\nquick!"


async def test_opening_the_open_session_leaves_everything_as_it_is(make_desk: MakeDesk, store: SessionStore) -> None:
    generator = HeldGenerator("One two three")
    desk = make_desk(generator=generator)
    async with desk.app.run_test(size=(200, 50)) as pilot:
        await ready(pilot, desk)
        await send(pilot, desk, "Count")
        await send(pilot, desk, "And then?")
        await write(pilot, desk, "being written")
        await desk.screen.change_session(desk.screen.session.id)
        assert desk.screen.session.is_replying
        assert desk.text() == "being written"
        generator.free()
        await until(pilot, lambda: len(desk.turns()) == 4)


@pytest.mark.parametrize("method", ["save_draft", "set_system"])
async def test_whatever_the_store_refused_once_is_tried_again(
    make_desk: MakeDesk, store: SessionStore, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    monkeypatch.setattr("chat.tui.screens.model.RETRY_S", 0.05)
    monkeypatch.setattr("chat.tui.screens.chat.DRAFT_DELAY_S", 60)
    session_id = store.new_session()
    store.add_user_turn(session_id, user_turn("Hello"))
    desk = make_desk(session_id=session_id)
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        with monkeypatch.context() as broken:
            broken.setattr(SqliteStore, method, _busy)
            await send(pilot, desk, "/system Be kind.")
            await write(pilot, desk, "a thought")
            desk.screen.keep_draft()
            assert "not saved · it is locked" in desk.state()
            await pilot.pause(0.2)
            assert "not saved · it is locked" in desk.state()
        await until(pilot, lambda: desk.state().endswith("ready"))
        assert store.draft(session_id) == Draft("a thought")
        assert store.find_session(session_id).system == "Be kind."


async def test_a_reply_that_the_store_never_takes_keeps_no_other_session_out_of_it(
    make_desk: MakeDesk, store: SessionStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    close = SqliteStore.close_reply
    refused: list[int] = []

    def refuse_the_first(store: SqliteStore, turn_id: int, *arguments: object) -> None:
        refused.append(turn_id)
        if turn_id == refused[0]:
            raise StoreError("it is damaged")
        close(store, turn_id, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(SqliteStore, "close_reply", refuse_the_first)
    desk = make_desk()
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        await send(pilot, desk, "First")
        await until(pilot, lambda: "not saved · it is damaged" in desk.state())
        await pilot.press("ctrl+n")
        await send(pilot, desk, "Second")
        await until(pilot, lambda: desk.turns() == [("user", "Second"), ("assistant", "Two cats.")])
        latest = store.latest_session()
        assert latest is not None
        await until(
            pilot,
            lambda: not any(turn.generation and turn.generation.is_interrupted for turn in store.turns(latest.id)),
        )
        assert "it is damaged" in desk.state()


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
        await until(pilot, lambda: desk.screen._is_reading)
        await pilot.press("ctrl+q")
        await until(pilot, lambda: desk.app._exit)
    assert store.draft(None) == Draft(f"{path}\nwhat is it?")
    gates.let("slow.png")


async def test_a_reply_that_was_left_knows_the_length_of_its_prompt(make_desk: MakeDesk, store: SessionStore) -> None:
    desk = make_desk(generator=HeldGenerator("One two three"))
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        await send(pilot, desk, "Count")
        await until(pilot, lambda: desk.screen.session.is_replying)
        counted = desk.screen._prompt_tokens
        await pilot.press("ctrl+n")
    latest = store.latest_session()
    assert latest is not None
    generation = store.turns(latest.id)[1].generation
    assert generation is not None
    assert generation.prompt_tokens == counted > 0
