"""Nothing that was written is lost when another session is shown, another window writes, or the store refuses."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from chat.conversation import user_turn
from chat.drafts import Draft
from chat.errors import StoreBusyError, StoreError
from chat.scripted import ScriptedGenerator
from chat.session import SessionStore
from chat.store import SqliteStore, open_store
from chat.tui.screens.sessions import SessionsScreen
from chat.tui.widgets.log import ConversationLog
from chat.tui.widgets.message_input import MessageInput
from chat.tui.widgets.session_list import SessionList
from chat.tui.widgets.session_messages import SessionOpened
from tests.tui.doubles import FACTS, Desk, HeldGenerator, HeldLoader, busy, ready, send, until, write

MakeDesk = Callable[..., Desk]


def _hold_drawing(monkeypatch: pytest.MonkeyPatch) -> asyncio.Event:
    """Let no conversation be drawn from now on before this is set."""
    gate = asyncio.Event()
    show = ConversationLog.show_entries

    async def show_slowly(log: ConversationLog, *arguments: object) -> None:
        await gate.wait()
        await show(log, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(ConversationLog, "show_entries", show_slowly)
    return gate


async def test_two_windows_do_not_take_each_others_draft(
    make_desk: MakeDesk, store: SessionStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = make_desk()
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        await write(pilot, desk, "a thought")
        desk.screen.keep_draft()
        # As another window does when it sends the message that it began with the same draft.
        store.save_draft(None, Draft())
        await pilot.press("ctrl+q")
        await until(pilot, lambda: desk.app._exit)
    assert store.draft(None) == Draft("a thought")


async def test_a_message_that_begins_a_session_clears_its_own_draft_alone(
    make_desk: MakeDesk, store: SessionStore
) -> None:
    desk = make_desk()
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        await write(pilot, desk, "Mine")
        desk.screen.keep_draft()
        store.save_draft(None, Draft("of another window"))
        await pilot.press("enter")
        await until(pilot, lambda: len(desk.turns()) == 2)
    assert store.draft(None) == Draft("of another window")


@pytest.mark.parametrize("retry_s", [0.05, 60])
async def test_messages_wait_in_order_while_the_store_is_busy(
    make_desk: MakeDesk, monkeypatch: pytest.MonkeyPatch, retry_s: float
) -> None:
    monkeypatch.setattr("chat.tui.screens.keeping.RETRY_S", retry_s)
    monkeypatch.setattr("chat.tui.screens.chat.DRAFT_DELAY_S", 60)
    add, refusals = SqliteStore.add_user_turn, [StoreBusyError("it is locked")] * 2

    def refuse_twice(store: SqliteStore, *arguments: object) -> int:
        if refusals:
            raise refusals.pop()
        return add(store, *arguments)  # type: ignore[arg-type]

    loader = HeldLoader(ScriptedGenerator(["First.", "Second."], facts=FACTS))
    desk = make_desk(load=loader)
    async with desk.app.run_test() as pilot:
        await until(pilot, lambda: "loading" in desk.state())
        await send(pilot, desk, "One?")
        await send(pilot, desk, "Two?")
        monkeypatch.setattr(SqliteStore, "add_user_turn", refuse_twice)
        loader.gate.set()
        await until(pilot, lambda: len(refusals) < 2)
        if retry_s > 1:
            await until(pilot, lambda: "not saved · it is locked" in desk.state())
            while refusals:
                # Whatever is saved shows that the store works again.
                desk.screen.keep_draft()
                await pilot.pause(0.05)
            desk.screen.keep_draft()
        await until(pilot, lambda: len(desk.turns()) == 4)
        await until(pilot, lambda: desk.state().endswith("ready"))
    assert [text for _, text in desk.turns()] == ["One?", "First.", "Two?", "Second."]


async def test_the_list_of_sessions_may_be_left_while_a_session_opens(
    make_desk: MakeDesk, store: SessionStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = store.new_session()
    store.add_user_turn(other, user_turn("Elsewhere"))
    desk = make_desk()
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        await pilot.press("ctrl+r")
        await until(pilot, lambda: isinstance(desk.app.screen, SessionsScreen))
        drawn = _hold_drawing(monkeypatch)
        desk.app.screen.query_one(SessionList).post_message(SessionOpened(other))
        # Not by `until`: what waits for idle widgets would wait for the handler that is held up here.
        while desk.screen.session.id != other:
            await asyncio.sleep(0.01)
        going = desk.app.pop_screen()
        drawn.set()
        await going
        await until(pilot, lambda: desk.said() == ["Elsewhere"])
        assert desk.app.screen is desk.screen


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
            locked.setattr(SqliteStore, "save_draft", busy)
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
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        await write(pilot, desk, "a thought")
        drawn = _hold_drawing(monkeypatch)
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
    monkeypatch.setattr("chat.tui.screens.keeping.RETRY_S", 0.05)
    monkeypatch.setattr("chat.tui.screens.chat.DRAFT_DELAY_S", 60)
    session_id = store.new_session()
    store.add_user_turn(session_id, user_turn("Hello"))
    desk = make_desk(session_id=session_id)
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        with monkeypatch.context() as broken:
            broken.setattr(SqliteStore, method, busy)
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


async def test_a_message_is_kept_even_if_its_writer_never_pauses(
    make_desk: MakeDesk, store: SessionStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chat.tui.screens.chat.DRAFT_DELAY_S", 3600)
    monkeypatch.setattr("chat.tui.screens.chat.DRAFT_MOST_S", 3600)
    desk = make_desk()
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        await write(pilot, desk, "one ")
        assert not store.draft(None)
        monkeypatch.setattr("chat.tui.screens.chat.DRAFT_MOST_S", 0)
        await write(pilot, desk, "two ")
        await until(pilot, lambda: store.draft(None).text == "one two ")
