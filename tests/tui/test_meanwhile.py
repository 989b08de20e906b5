"""Another session is opened, or other turns come, while something waits for its widgets."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from chat.conversation import Image, user_turn
from chat.drafts import Draft
from chat.generation import GenerationSettings, Reply, StopReason
from chat.records import LeftOut
from chat.session import SessionStore
from chat.tui.screens.openings import Opening, PicturesOpened
from chat.tui.widgets.composer import Composer
from chat.tui.widgets.left_out import LeftOutRule
from chat.tui.widgets.log import ConversationLog
from chat.tui.widgets.queued_turn import QueuedTurn
from chat.tui.widgets.reply_text import ReplyText
from chat.tui.widgets.turn import SystemTurn
from tests.tui.doubles import FACTS, Desk, RankingGenerator, ready, send, until, write

MakeDesk = Callable[..., Desk]
MakeImage = Callable[..., Image]
Method = Callable[..., Awaitable[Any]]


@pytest.fixture
def session_id(store: SessionStore) -> str:
    """A session of 40 turns."""
    found = store.new_session()
    for number in range(20):
        message = store.add_user_turn(found, user_turn(f"Question {number}"))
        reply_id = store.open_reply(message, FACTS, GenerationSettings())
        reply = Reply(f"Answer {number}", (1, 2), StopReason.END_OF_UTTERANCE, 3, 0, None, 0.1, 0.2)
        store.close_reply(reply_id, reply)
    return found


def _new_session_in(desk: Desk, monkeypatch: pytest.MonkeyPatch, owner: type, name: str) -> None:
    """Have a conversation begun, once, while a method waits, as keys on another task can."""
    method: Method = getattr(owner, name)

    async def meanwhile(*given: Any, **named: Any) -> Any:
        monkeypatch.setattr(owner, name, method)
        done = await method(*given, **named)
        await desk.screen.change_session(None)
        return done

    monkeypatch.setattr(owner, name, meanwhile)


def _texts(desk: Desk) -> list[str]:
    return [turn.stored.turn.text for turn in desk.screen.log_view.said_turns if turn.stored is not None]


async def test_a_reply_that_ends_while_a_session_is_opened_is_no_part_of_that(
    make_desk: MakeDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = make_desk("Two cats.", "Three.")
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        _new_session_in(desk, monkeypatch, ReplyText, "finish")
        await send(pilot, desk, "How many?")
        await until(pilot, lambda: desk.screen.session.is_empty)
        assert desk.turns() == [("user", "How many?"), ("assistant", "Two cats.")]
        assert not desk.screen.log_view._entries
        await send(pilot, desk, "And here?")
        await until(pilot, lambda: desk.state().endswith("ready") and len(_texts(desk)) == 2)
        assert _texts(desk) == ["And here?", "Three."]


async def test_labels_that_are_given_back_come_into_no_other_session(
    make_desk: MakeDesk, monkeypatch: pytest.MonkeyPatch, scene_image: MakeImage, store: SessionStore
) -> None:
    desk = make_desk(generator=RankingGenerator("One."), images=[scene_image(1)])
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        await send(pilot, desk, "What is it?")
        await until(pilot, lambda: len(desk.turns()) == 2)
        session_id = desk.screen.session.id
        assert session_id is not None
        await send(pilot, desk, "/choose cat | dog")
        await until(pilot, lambda: desk.screen.session.choosing is not None)
        _new_session_in(desk, monkeypatch, ConversationLog, "drop_choice")
        await pilot.press("escape")
        await until(pilot, lambda: desk.screen.session.is_empty)
        assert desk.text() == ""
        assert "Stopped" not in desk.notice()
        assert store.draft(session_id).text == "/choose cat | dog"


async def test_an_edited_message_is_sent_in_its_own_session_alone(
    make_desk: MakeDesk, monkeypatch: pytest.MonkeyPatch, session_id: str, store: SessionStore
) -> None:
    desk = make_desk(session_id=session_id)
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        await write(pilot, desk, "begun before")
        await desk.screen.edit(0)
        desk.screen.composer.show_text("Question zero")
        await pilot.pause()
        _new_session_in(desk, monkeypatch, Composer, "put_back")
        await pilot.press("enter")
        await until(pilot, lambda: desk.screen.session.id is None)
        await pilot.pause()
        assert desk.screen.session.is_empty
        assert not desk.screen.is_editing
        assert store.draft(session_id).text == "Question zero\n\nbegun before"


async def test_a_message_that_waited_for_a_picture_does_not_send_that_of_another_session(
    make_desk: MakeDesk, monkeypatch: pytest.MonkeyPatch, scene_image: MakeImage
) -> None:
    desk = make_desk()
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        await send(pilot, desk, "Hello?")
        await until(pilot, lambda: len(desk.turns()) == 2)
        await write(pilot, desk, "What is it?")
        opening = Opening(desk.screen._session)
        desk.screen.begin_opening(opening)
        await pilot.press("enter")
        await until(pilot, lambda: desk.screen._held_text)
        attach = Composer.attach

        async def attach_elsewhere(composer: Composer, images: Any) -> Any:
            await desk.screen.change_session(None)
            await composer.show_draft(Draft("not yet"), 1)
            return await attach(composer, images)

        monkeypatch.setattr(Composer, "attach", attach_elsewhere)
        desk.screen.post_message(PicturesOpened(opening, (scene_image(1),), ()))
        await until(pilot, lambda: desk.text() == "not yet")
        await pilot.pause()
        assert desk.text() == "not yet"
        assert desk.screen.session.is_empty


async def test_turns_that_two_tasks_show_at_once_are_there_once(make_desk: MakeDesk, session_id: str) -> None:
    desk = make_desk(session_id=session_id)
    async with desk.app.run_test(size=(80, 12)) as pilot:
        await ready(pilot, desk)
        log = desk.screen.log_view
        await asyncio.gather(log.show_from(0), log.show_from(38))
        await pilot.pause()
        assert _texts(desk) == ["Question 19", "Answer 19"]


async def test_other_turns_may_come_while_it_is_shown_what_is_left_out(
    make_desk: MakeDesk, session_id: str, store: SessionStore
) -> None:
    desk = make_desk(session_id=session_id)
    messages = [stored.id for stored in store.turns(session_id)[::2]]
    async with desk.app.run_test(size=(80, 12)) as pilot:
        await ready(pilot, desk)
        log = desk.screen.log_view
        await log.show_left_out(LeftOut(frozenset(messages[:17])))
        log._is_bringing = True
        await asyncio.gather(log.show_left_out(LeftOut(frozenset(messages[:18]))), log.show_earlier())
        await pilot.pause()
        rules = [place for place, view in enumerate(log._turns.children) if isinstance(view, LeftOutRule)]
        (question,) = [turn for turn in log.said_turns if turn.stored and turn.stored.id == messages[18]]
        assert rules == [log._turns.children.index(question) - 1]


async def test_messages_that_wait_are_shown_once_whoever_shows_them(make_desk: MakeDesk) -> None:
    desk = make_desk()
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        log = desk.screen.log_view
        await log.show_waiting([Draft("none")], 1)
        await asyncio.gather(log.show_waiting([Draft("one")], 1), log.show_waiting([Draft("one"), Draft("two")], 1))
        assert [queued._draft.text for queued in log.query(QueuedTurn)] == ["one", "two"]


async def test_a_system_text_is_shown_in_its_own_session_alone(make_desk: MakeDesk, session_id: str) -> None:
    desk = make_desk(session_id=session_id)
    async with desk.app.run_test(size=(80, 12)) as pilot:
        await ready(pilot, desk)
        log = desk.screen.log_view
        entries = list(log._entries[:2])
        await log.show_entries(entries, "Be long.")
        await asyncio.gather(log.show_system("Be brief."), log.show_entries(entries, ""))
        assert not log.query(SystemTurn)


async def test_a_key_for_the_turn_below_does_no_harm_when_a_session_is_opened(
    make_desk: MakeDesk, session_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = make_desk(session_id=session_id)
    async with desk.app.run_test(size=(80, 12)) as pilot:
        await ready(pilot, desk)
        await pilot.press("up")
        _new_session_in(desk, monkeypatch, ConversationLog, "show_later")
        await pilot.press("down")
        await until(pilot, lambda: desk.screen.session.is_empty)
        assert desk.app.is_running
