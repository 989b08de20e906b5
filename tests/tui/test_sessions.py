"""The list of sessions, on its own screen and beside the conversation."""

from collections.abc import Callable
from functools import partial

from textual.pilot import Pilot

from chat.conversation import Image, user_turn
from chat.drafts import Draft
from chat.errors import ChatError
from chat.generation import GenerationSettings, Reply, StopReason
from chat.session import SessionStore
from chat.tui.screens.help import HelpScreen
from chat.tui.screens.sessions import SessionsScreen
from chat.tui.widgets.session_keys import SessionOptions
from chat.tui.widgets.session_list import SessionList
from chat.tui.widgets.turn import SystemTurn, TurnView
from chat.tui.widgets.turn_window import PAGE, EarlierTurns
from tests.tui.doubles import FACTS, Desk, HeldGenerator, ready, send, until

MakeDesk = Callable[..., Desk]


def _session(store: SessionStore, text: str, answer: str = "Yes.") -> str:
    session_id = store.new_session()
    _exchange(store, session_id, text, answer)
    return session_id


def _exchange(store: SessionStore, session_id: str, text: str, answer: str) -> None:
    message = store.add_user_turn(session_id, user_turn(text))
    turn = store.open_reply(message, FACTS, GenerationSettings())
    store.close_reply(turn, Reply(answer, (1,), StopReason.END_OF_UTTERANCE, 1, 0, None, 0, 0))


async def _list(pilot: Pilot[ChatError], desk: Desk) -> SessionOptions:
    await pilot.press("ctrl+r")
    await until(pilot, lambda: isinstance(desk.app.screen, SessionsScreen))
    return desk.app.screen.query_one(SessionOptions)


async def test_a_session_is_found_and_opened(make_desk: MakeDesk, store: SessionStore) -> None:
    _session(store, "Green triangle on the left?", "Yes, it is.")
    _session(store, "Something else")
    desk = make_desk()
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        options = await _list(pilot, desk)
        assert options.option_count == 2
        await pilot.press(*"triangle")
        await until(pilot, lambda: options.option_count == 1 and "1 of 2 match" in desk.shown())
        await pilot.press("down", "enter")
        await until(pilot, lambda: desk.app.screen is desk.screen)
        assert desk.said() == ["Green triangle on the left?", "Yes, it is."]


async def test_the_keys_of_the_list_are_shown_and_explained(make_desk: MakeDesk, store: SessionStore) -> None:
    _session(store, "Hello")
    desk = make_desk()
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        options = await _list(pilot, desk)
        await until(pilot, lambda: "Open" in desk.shown() and "↓ List" in desk.shown())
        await pilot.press("down")
        await until(pilot, lambda: options.has_focus and "d Delete" in desk.shown())
        await pilot.press("f1")
        await until(pilot, lambda: isinstance(desk.app.screen, HelpScreen))
        assert "Take the session out of the list" in desk.shown()
        await pilot.press("escape", "escape")
        await until(pilot, lambda: desk.app.screen is desk.screen)


async def test_rows_fit_a_narrow_window(make_desk: MakeDesk, store: SessionStore) -> None:
    _session(store, "What is to the left of the green triangle, and is there another one?")
    desk = make_desk()
    async with desk.app.run_test(size=(90, 20)) as pilot:
        await ready(pilot, desk)
        options = await _list(pilot, desk)
        await until(pilot, lambda: options.virtual_size.height == 1 and "shapes" in desk.shown())
        await pilot.resize_terminal(60, 20)
        await until(pilot, lambda: "What is to the left of" in desk.shown() and "shapes" not in desk.shown())
        assert options.virtual_size.height == 1
        assert "no pictures" in desk.shown()


async def test_a_search_without_a_find_says_so_and_escape_shows_all(make_desk: MakeDesk, store: SessionStore) -> None:
    _session(store, "Hello")
    desk = make_desk()
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        options = await _list(pilot, desk)
        await pilot.press(*"triangel")
        await until(pilot, lambda: "No session mentions “triangel”. esc shows all." in desk.shown())
        await pilot.press("escape")
        await until(pilot, lambda: options.option_count == 1)
        await pilot.press("escape")
        await until(pilot, lambda: desk.app.screen is desk.screen)


async def test_delete_and_undo(make_desk: MakeDesk, store: SessionStore) -> None:
    _session(store, "Hello")
    desk = make_desk()
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        options = await _list(pilot, desk)
        await pilot.press("down")
        assert "u Undo" not in desk.shown()
        await pilot.press("d")
        await until(pilot, lambda: options.option_count == 0)
        assert not store.sessions()
        await until(pilot, lambda: "deleted · u undo" in desk.shown())
        await pilot.press("u")
        await until(pilot, lambda: options.option_count == 1)
        assert len(store.sessions()) == 1


async def test_each_undo_brings_back_the_newest_of_several_deleted_ones_and_says_which(
    make_desk: MakeDesk, store: SessionStore
) -> None:
    for title in ("First", "Second", "Third"):
        _session(store, title)
    desk = make_desk()
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        options = await _list(pilot, desk)
        await until(pilot, lambda: options.option_count == 3)
        await pilot.press("down")
        for left in (2, 1, 0):
            await pilot.press("d")
            await until(pilot, partial(lambda left: options.option_count == left, left))
        await until(pilot, lambda: "deleted · u undo" in desk.shown())
        await pilot.press("u")
        await until(pilot, lambda: options.option_count == 1 and "“First” is back · u undo" in desk.shown())
        await pilot.press("u")
        await until(pilot, lambda: options.option_count == 2 and "“Second” is back · u undo" in desk.shown())
        await pilot.press("u")
        await until(pilot, lambda: options.option_count == 3 and "“Third” is back · nothing else" in desk.shown())
        assert "u Undo" not in desk.shown()


async def test_deleting_the_open_session_shows_a_new_one(make_desk: MakeDesk, store: SessionStore) -> None:
    _session(store, "Hello")
    desk = make_desk(continue_latest=True)
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        await _list(pilot, desk)
        opened = desk.screen.session.id
        await pilot.press("down", "d")
        await until(pilot, lambda: desk.screen.session.id is None)
        await pilot.press("u")
        await until(pilot, lambda: desk.screen.session.id == opened)
        await pilot.press("d", "escape")
        await until(pilot, lambda: desk.app.screen is desk.screen)
        assert desk.screen.session.id is None
        assert desk.screen.welcome.display


async def test_changing_the_session_stops_the_reply_and_its_late_words_go_nowhere(
    make_desk: MakeDesk, store: SessionStore
) -> None:
    other = _session(store, "Other", "Unharmed.")
    model = HeldGenerator("One two three four.")
    desk = make_desk(generator=model)
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        await send(pilot, desk, "Count.")
        model.let(1)
        await until(pilot, lambda: desk.said()[-1].startswith("One "))
        await desk.screen.change_session(other)
        assert desk.notice() == "The reply in “Count.” was stopped; what was said is kept."
        model.free()
        await until(pilot, lambda: desk.said() == ["Other", "Unharmed."])
        await send(pilot, desk, "Still well?")
        await until(pilot, lambda: "the script has no more replies" in desk.shown())
        counted = store.sessions()[-1] if store.sessions()[0].id == other else store.sessions()[0]
        stopped = store.turns(counted.id)[-1]
        assert stopped.turn.text == "One "
        assert stopped.generation is not None
        assert stopped.generation.stop_reason is StopReason.CANCELLED
        assert [turn.turn.text for turn in store.turns(other)[:2]] == ["Other", "Unharmed."]


async def test_each_session_has_its_draft(make_desk: MakeDesk, store: SessionStore) -> None:
    first, second = _session(store, "First"), _session(store, "Second")
    store.save_draft(first, Draft("to the first"))
    desk = make_desk(session_id=second)
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        assert desk.text() == ""
        await desk.screen.change_session(first)
        assert desk.text() == "to the first"
        await desk.screen.change_session(second)
        assert desk.text() == ""


async def test_a_wide_terminal_has_the_list_beside_the_conversation(make_desk: MakeDesk, store: SessionStore) -> None:
    desk = make_desk()
    async with desk.app.run_test(size=(200, 50)) as pilot:
        await ready(pilot, desk)
        assert not desk.screen.query(SessionList)
        await send(pilot, desk, "Hello there")
        await until(pilot, lambda: desk.screen.session_pane is not None)
        pane = desk.screen.session_pane
        assert pane is not None
        await until(pilot, lambda: pane.size.width > 0)
        assert pane.outer_size.width == 34
        await pilot.press("ctrl+r")
        assert desk.app.screen is desk.screen
        assert desk.app.focused is pane.query_one("#search")
        await pilot.press("escape")
        assert desk.app.focused is not None
        assert desk.app.focused.id == "message"
        await pilot.resize_terminal(80, 24)
        await until(pilot, lambda: desk.screen.session_pane is None)


async def test_of_a_long_session_the_end_is_mounted_and_more_on_demand(
    make_desk: MakeDesk, store: SessionStore
) -> None:
    session_id = store.new_session()
    for number in range(40):
        _exchange(store, session_id, f"Question {number}", f"Answer {number}")
    desk = make_desk(session_id=session_id)
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        window = desk.screen.log_view.window
        assert len(desk.screen.query(TurnView)) == window
        assert "Answer 39" in desk.shown()
        for _ in range(2):
            await pilot.press("pageup")
        await until(pilot, lambda: len(desk.screen.query(TurnView)) == window + PAGE)
        assert len(desk.screen.query(EarlierTurns)) == 1
        assert "ctrl+end" in desk.shown()
        await pilot.press("ctrl+end")
        await until(pilot, lambda: "Answer 39" in desk.shown() and "ctrl+end" not in desk.shown())


async def test_at_the_top_of_a_long_session_is_its_system_text(make_desk: MakeDesk, store: SessionStore) -> None:
    session_id = store.new_session(system="Be brief.")
    for number in range(20):
        _exchange(store, session_id, f"Question {number}", f"Answer {number}")
    desk = make_desk(session_id=session_id)
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        assert not desk.screen.query(SystemTurn)
        await pilot.press("ctrl+home")
        await until(pilot, lambda: "Be brief." in desk.shown())
        assert isinstance(desk.screen.query_one("#turns").children[0], SystemTurn)


async def test_a_system_text_set_in_the_middle_of_a_long_session_is_at_its_top(
    make_desk: MakeDesk, store: SessionStore
) -> None:
    session_id = store.new_session(system="Be brief.")
    for number in range(20):
        _exchange(store, session_id, f"Question {number}", f"Answer {number}")
    desk = make_desk(session_id=session_id)
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        await send(pilot, desk, "/system Be kind.")
        await pilot.press("ctrl+home")
        await until(pilot, lambda: isinstance(desk.screen.query_one("#turns").children[0], SystemTurn))
        await until(pilot, lambda: "Be kind." in desk.shown())


async def test_a_larger_window_is_filled(make_desk: MakeDesk, store: SessionStore) -> None:
    session_id = store.new_session()
    for number in range(40):
        _exchange(store, session_id, f"Question {number}", f"Answer {number}")
    desk = make_desk(session_id=session_id)
    async with desk.app.run_test(size=(80, 12)) as pilot:
        await ready(pilot, desk)
        few = len(desk.screen.query(TurnView))
        await pilot.resize_terminal(80, 60)
        await until(pilot, lambda: len(desk.screen.query(TurnView)) == few + PAGE)
        assert "Question 39" in desk.shown()


async def test_a_longer_system_text_moves_the_turns_down(make_desk: MakeDesk, store: SessionStore) -> None:
    session_id = store.new_session(system="Be brief.")
    _exchange(store, session_id, "Question", "Answer")
    desk = make_desk(session_id=session_id)
    async with desk.app.run_test(size=(80, 40)) as pilot:
        await ready(pilot, desk)
        await send(pilot, desk, "/system Be kind. " + "Be very kind. " * 30)
        await until(pilot, lambda: desk.shown().count("Be very kind.") > 10)
        views = list(desk.screen.query(TurnView))
        assert isinstance(views[0], SystemTurn)
        assert views[0].region.bottom <= views[1].region.y
        assert views[1].region.bottom <= views[2].region.y


async def test_a_hostile_title_is_shown_in_marks(make_desk: MakeDesk, store: SessionStore) -> None:
    session_id = _session(store, "Hello")
    store.rename_session(session_id, "[red]\x1b]52;c;aGk=\x07[@click=app.quit]x[/]\u202e")
    desk = make_desk(session_id=session_id)
    async with desk.app.run_test(size=(120, 40)) as pilot:
        await ready(pilot, desk)
        await _list(pilot, desk)
        shown = desk.shown()
        assert "\x1b" not in shown
        assert "[red]␛]52;c;aGk=␇[@click=app.quit]x[/]<U+202E>" in shown


async def test_an_empty_list_says_how_sessions_begin(make_desk: MakeDesk, scene_image: Callable[..., Image]) -> None:
    desk = make_desk()
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        await _list(pilot, desk)
        await until(pilot, lambda: "No sessions yet. The first message begins one." in desk.shown())
