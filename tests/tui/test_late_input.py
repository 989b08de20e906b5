"""Keys, clicks and sizes that come after what they were meant for has changed, or before it is there."""

import asyncio
import threading
from collections.abc import Callable

from rich.style import Style
from textual.events import Click, Resize
from textual.geometry import Size
from textual.widgets import Input, OptionList, Static

from chat.conversation import user_turn
from chat.replay.branch import of_session
from chat.session import SessionStore
from chat.tui.screens.help import PaletteScreen
from chat.tui.screens.replay import ReplayScreen
from chat.tui.screens.settings import SettingsDialog
from chat.tui.screens.tokens import TokensScreen
from chat.tui.screens.tree import TreeScreen
from chat.tui.screens.weighing import TokensWeighed
from chat.tui.widgets.entry_list import EntryList
from chat.tui.widgets.model_view import ModelView
from chat.tui.widgets.turn import SaidTurn
from tests.tui.doubles import Desk, ready, send, until

MakeDesk = Callable[..., Desk]


async def test_a_dialog_that_is_left_twice_takes_no_other_screen_with_it(make_desk: MakeDesk) -> None:
    desk = make_desk()
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        await pilot.press("ctrl+s")
        await until(pilot, lambda: isinstance(desk.app.screen, SettingsDialog) and desk.app.screen.is_mounted)
        line = desk.app.screen.query(Input).first()
        for _ in range(2):
            line.post_message(Input.Submitted(line, line.value))
        await until(pilot, lambda: desk.app.screen is desk.screen)
        await pilot.pause()
        assert desk.app.screen_stack == [desk.screen]


async def test_a_size_that_the_window_no_longer_has_is_passed_over(make_desk: MakeDesk) -> None:
    desk = make_desk()
    async with desk.app.run_test(size=(80, 24)) as pilot:
        await ready(pilot, desk)
        desk.screen.post_message(Resize(Size(20, 5), Size(20, 5)))
        await pilot.pause()
        assert desk.screen.size == (80, 24)
        assert desk.screen.has_class("-short")


async def test_rows_that_have_changed_since_they_were_clicked_are_not_taken(make_desk: MakeDesk) -> None:
    desk = make_desk()
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        await pilot.press("ctrl+p")
        await until(pilot, lambda: isinstance(desk.app.screen, PaletteScreen) and desk.app.screen.query(EntryList))
        rows = desk.app.screen.query_one(EntryList)
        await until(pilot, lambda: rows.option_count > 2)
        first = OptionList.OptionSelected(rows, rows.get_option_at_index(1), 1)
        await pilot.press(*"/theme")
        await until(pilot, lambda: 0 < rows.option_count < 5)
        gone = Style(meta={"option": 99})
        rows.post_message(Click(rows, 1, 1, 0, 0, 1, False, False, False, style=gone))
        rows.post_message(first)
        await pilot.pause()
        assert isinstance(desk.app.screen, PaletteScreen)


async def test_a_key_is_not_for_a_screen_without_its_parts(make_desk: MakeDesk, store: SessionStore) -> None:
    session_id = store.new_session()
    store.add_user_turn(session_id, user_turn("hi"))
    desk = make_desk(session_id=session_id)
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        replay = ReplayScreen(of_session(store, session_id))
        shown = desk.app.push_screen(replay)
        assert not await desk.app.run_action("jump(1)", replay)
        await shown
        assert await desk.app.run_action("jump(1)", replay)


async def test_the_pane_may_be_opened_while_it_is_closed(make_desk: MakeDesk) -> None:
    desk = make_desk()
    async with desk.app.run_test(size=(200, 50)) as pilot:
        await ready(pilot, desk)
        await send(pilot, desk, "/prompt")
        await until(pilot, lambda: desk.screen.query(ModelView))
        closing = asyncio.create_task(desk.screen.close_view())
        await asyncio.sleep(0)
        await desk.screen.open_view()
        await closing
        assert list(desk.screen.query(ModelView)) == [desk.screen._view]


async def test_a_replay_shows_where_it_is_whatever_comes_at_the_same_time(
    make_desk: MakeDesk, store: SessionStore
) -> None:
    session_id = store.new_session()
    for word in ("one", "two", "three"):
        store.add_user_turn(session_id, user_turn(word))
    desk = make_desk(session_id=session_id)
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        await send(pilot, desk, "/replay")
        await until(pilot, lambda: isinstance(desk.app.screen, ReplayScreen) and desk.app.screen.is_mounted)
        replay = desk.app.screen
        assert isinstance(replay, ReplayScreen)

        async def jump(to: int) -> None:
            replay.action_jump(to)
            # As each tick of the playback does.
            await replay._show()

        await asyncio.gather(*(jump(to) for to in (1, -1, 1, -1, 1)))
        await pilot.pause()
        assert [str(said.visual) for said in replay.query(".said").results(Static)] == ["one", "two", "three"]


async def test_a_key_that_opens_the_tree_opens_it_once(make_desk: MakeDesk) -> None:
    desk = make_desk()
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        await send(pilot, desk, "hi")
        await until(pilot, lambda: len(desk.turns()) == 2 and not desk.screen.is_working)
        turn = desk.screen.log_view.said_turns[-1]
        for _ in range(3):
            turn.post_message(SaidTurn.Asked(turn, "tree"))
        await until(pilot, lambda: isinstance(desk.app.screen, TreeScreen))
        await pilot.pause()
        assert len(desk.app.screen_stack) == 2


async def test_tokens_for_a_list_that_is_being_left_are_passed_over(make_desk: MakeDesk) -> None:
    desk = make_desk()
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        await send(pilot, desk, "hi")
        await until(pilot, lambda: len(desk.turns()) == 2 and not desk.screen.is_working)
        tokens = TokensScreen(desk.screen.session.turns[-1], threading.Event())
        await desk.app.push_screen(tokens)
        await tokens.query("#tokens-title").remove()
        tokens.dismiss()
        desk.screen._show_tokens(TokensWeighed(tokens, None, "stopped"))
        await until(pilot, lambda: not tokens.is_attached)
