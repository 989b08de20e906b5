"""A long conversation, of which a window is mounted."""

from collections.abc import Callable

import pytest
from textual.pilot import Pilot

from chat.conversation import user_turn
from chat.errors import ChatError
from chat.generation import GenerationSettings, Reply, StopReason
from chat.session import SessionStore
from chat.tui.widgets.notice import BelowNotice
from chat.tui.widgets.queued_turn import QueuedTurn
from chat.tui.widgets.turn import ReplyTurn, SaidTurn, TurnView
from chat.tui.widgets.turn_window import EarlierTurns, LaterTurns
from tests.tui.doubles import FACTS, Desk, HeldGenerator, ready, send, until

MakeDesk = Callable[..., Desk]
EXCHANGES = 20
FEW_MOUNTED = 24


@pytest.fixture
def session_id(store: SessionStore, monkeypatch: pytest.MonkeyPatch) -> str:
    """A session of 40 turns, in a window that is soon full."""
    monkeypatch.setattr("chat.tui.widgets.turn_window.PAGE", 6)
    monkeypatch.setattr("chat.tui.widgets.turn_window.MOST_MOUNTED", FEW_MOUNTED)
    found = store.new_session(system="Be brief.")
    for number in range(EXCHANGES):
        message = store.add_user_turn(found, user_turn(f"Question {number}"))
        reply_id = store.open_reply(message, FACTS, GenerationSettings())
        reply = Reply(f"**Answer** {number}", (1, 2), StopReason.END_OF_UTTERANCE, 3, 0, None, 0.1, 0.2)
        store.close_reply(reply_id, reply)
    return found


def _mounted(desk: Desk) -> list[str]:
    return [turn.stored.turn.text for turn in desk.screen.log_view.said_turns if turn.stored is not None]


def _place(desk: Desk, text: str) -> int | None:
    """The row of the screen that a text stands in."""
    rows = [row for row, line in enumerate(desk.shown().split("\n")) if line.endswith(text)]
    return rows[0] if rows else None


async def _scrolled(pilot: Pilot[ChatError], desk: Desk, by: int) -> None:
    log = desk.screen.log_view
    log.scroll_relative(y=by, animate=False, immediate=True)
    await pilot.pause()


async def test_however_far_one_scrolls_only_a_window_is_mounted(make_desk: MakeDesk, session_id: str) -> None:
    desk = make_desk(session_id=session_id)
    async with desk.app.run_test(size=(80, 12)) as pilot:
        await ready(pilot, desk)
        log, most = desk.screen.log_view, 0
        while "Be brief." not in desk.shown():
            await _scrolled(pilot, desk, -log.size.height)
            most = max(most, len(desk.screen.query(TurnView)))
        assert _mounted(desk)[0] == "Question 0"
        assert "**Answer** 19" not in _mounted(desk)
        while "Answer 19" not in desk.shown():
            await _scrolled(pilot, desk, log.size.height)
            most = max(most, len(desk.screen.query(TurnView)))
        assert _mounted(desk)[-1] == "**Answer** 19"
        assert "Question 0" not in _mounted(desk)
        # The system text is a turn as well.
        assert most in (FEW_MOUNTED, FEW_MOUNTED + 1)


async def test_what_is_in_view_stays_where_it_is_when_others_come_and_go(make_desk: MakeDesk, session_id: str) -> None:
    desk = make_desk(session_id=session_id)
    async with desk.app.run_test(size=(80, 12)) as pilot:
        await ready(pilot, desk)
        log = desk.screen.log_view
        for bring in [log.show_earlier] * 3 + [log.show_later] * 2:
            # Nothing else is to come in between.
            log._is_bringing = True
            log.scroll_to(y=log.max_scroll_y // 2, animate=False, immediate=True)
            await pilot.pause()
            before = desk.shown().split("\n")
            await bring()
            await pilot.pause()
            after = desk.shown().split("\n")
            # But for the scrollbar, which tells of the others.
            assert [line[:78].rstrip() for line in before[1:6]] == [line[:78].rstrip() for line in after[1:6]]


async def test_keys_go_to_the_first_turn_and_to_the_last_at_once(make_desk: MakeDesk, session_id: str) -> None:
    desk = make_desk(session_id=session_id)
    async with desk.app.run_test(size=(80, 12)) as pilot:
        await ready(pilot, desk)
        await pilot.press("up", "g")
        await until(pilot, lambda: "Question 0" in desk.shown())
        assert isinstance(desk.app.focused, SaidTurn)
        assert desk.app.focused.stored is not None
        assert desk.app.focused.stored.turn.text == "Question 0"
        assert len(desk.screen.query(LaterTurns)) == 1
        await pilot.press("G")
        await until(pilot, lambda: "Answer 19" in desk.shown())
        assert _mounted(desk)[-1] == "**Answer** 19"
        assert len(desk.screen.query(EarlierTurns)) == 1
        await pilot.press("ctrl+home")
        await until(pilot, lambda: "Question 0" in desk.shown())


async def test_the_keys_cross_the_edges_of_the_window(make_desk: MakeDesk, session_id: str) -> None:
    desk = make_desk(session_id=session_id)
    async with desk.app.run_test(size=(80, 12)) as pilot:
        await ready(pilot, desk)
        await pilot.press(*["up"] * 14)
        focused = desk.app.focused
        assert isinstance(focused, SaidTurn)
        assert focused.stored is not None
        assert focused.stored.turn.text == "Question 13"
        assert "Question 13" in desk.shown()
        await pilot.press("g", *["j"] * 20)
        focused = desk.app.focused
        assert isinstance(focused, SaidTurn)
        assert focused.stored is not None
        assert focused.stored.turn.text == "Question 10"


async def test_a_reply_is_written_out_of_view_and_found_at_the_end(make_desk: MakeDesk, session_id: str) -> None:
    model = HeldGenerator("One two three four five.", "Six.")
    desk = make_desk(session_id=session_id, generator=model)
    async with desk.app.run_test(size=(80, 12)) as pilot:
        await ready(pilot, desk)
        await send(pilot, desk, "Now?")
        await send(pilot, desk, "And then?")
        model.let(2)
        await until(pilot, lambda: "One two" in desk.shown())
        await pilot.press("ctrl+home")
        await until(pilot, lambda: not desk.screen.query(QueuedTurn))
        model.let(1)
        await until(pilot, lambda: desk.screen.session.reply_text.endswith("three "))
        await desk.screen.log_view.go_last()
        await until(pilot, lambda: "One two three" in desk.shown())
        assert len(desk.screen.query(QueuedTurn)) == 1
        await pilot.press("ctrl+home")
        model.free()
        await until(pilot, lambda: len(desk.turns()) == 2 * EXCHANGES + 4 and desk.state().endswith("ready"))
        assert "Question 0" in desk.shown()
        await desk.screen.log_view.go_last()
        await until(pilot, lambda: "Six." in desk.shown())
        assert _mounted(desk)[-4:] == ["Now?", "One two three four five.", "And then?", "Six."]
        assert all(turn.stored is not None for turn in desk.screen.query(ReplyTurn))


async def test_scrolling_up_lets_go_of_the_end_and_a_click_goes_back(make_desk: MakeDesk, session_id: str) -> None:
    model = HeldGenerator("word\n " * 60)
    desk = make_desk(session_id=session_id, generator=model)
    async with desk.app.run_test(size=(80, 12)) as pilot:
        await ready(pilot, desk)
        await send(pilot, desk, "Go on")
        model.let(30)
        await until(pilot, lambda: desk.screen.session.reply_tokens == 30 and not desk.screen._is_stale)
        await _scrolled(pilot, desk, -8)
        place = desk.screen.log_view.scroll_y
        model.free()
        await until(pilot, lambda: desk.state().endswith("ready"))
        await until(pilot, lambda: "new lines" in desk.shown())
        assert desk.screen.log_view.scroll_y == place
        await pilot.click(BelowNotice)
        await until(pilot, lambda: desk.screen.log_view.is_vertical_scroll_end)
        await until(pilot, lambda: "new lines" not in desk.shown())


async def test_the_last_turn_is_a_command_away(make_desk: MakeDesk, session_id: str) -> None:
    desk = make_desk(session_id=session_id)
    async with desk.app.run_test(size=(80, 12)) as pilot:
        await ready(pilot, desk)
        await pilot.press("ctrl+home")
        await until(pilot, lambda: "Question 0" in desk.shown())
        await send(pilot, desk, "/last")
        await until(pilot, lambda: "Answer 19" in desk.shown())
        assert isinstance(desk.app.focused, ReplyTurn)


@pytest.mark.parametrize("is_new", [True, False])
async def test_that_there_is_more_below_is_not_said_of_the_conversation_that_comes_next(
    make_desk: MakeDesk, store: SessionStore, session_id: str, *, is_new: bool
) -> None:
    other = store.new_session()
    store.add_user_turn(other, user_turn("Another one"))
    desk = make_desk(session_id=session_id)
    async with desk.app.run_test(size=(80, 12)) as pilot:
        await ready(pilot, desk)
        await pilot.press("ctrl+home")
        await until(pilot, lambda: "ctrl+end" in desk.shown())
        await desk.screen.change_session(None if is_new else other)
        await until(pilot, lambda: "ctrl+end" not in desk.shown())
        assert is_new or "Another one" in desk.shown()
