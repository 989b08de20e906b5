"""Keys that arrive together, faster than the first of them can move the focus: each goes where it was meant to."""

import asyncio
from collections.abc import Callable

import pytest
from textual.events import Paste
from textual.widgets import Input

from chat.session import SessionStore
from chat.tui.widgets.message_input import MessageInput
from tests.tui.doubles import Desk, press_at_once, ready, until, write
from tests.tui.talks import read, said_before

MakeDesk = Callable[..., Desk]


def line(desk: Desk) -> str:
    """The text that has the focus."""
    focused = desk.app.focused
    if isinstance(focused, MessageInput):
        return focused.text
    return focused.value if isinstance(focused, Input) else ""


@pytest.mark.parametrize(
    ("begun", "keys", "shown"),
    [
        ("", ("up", "e", *" cry?"), "Two? cry?"),
        ("a draft", ("ctrl+n", *"crying"), "crying"),
        ("", ("up", "up", "down", "escape", *"crying"), "crying"),
        ("", ("ctrl+r", *"cry", "escape", "escape", "ctrl+o", *"crying"), "crying"),
        ("", (*"/sessions", "enter", *"crying"), "crying"),
        ("", ("up", "ctrl+p", *"change your message", "enter", *" cry?"), "Two? cry?"),
        ("", ("up", *"/edit 1", "enter", *" cry?"), "One? cry?"),
        ("", ("up", "t", "up", "up", "enter", "e", *" cry?"), "One? cry?"),
    ],
)
async def test_what_is_typed_right_behind_a_key_goes_to_where_that_key_leads(
    make_desk: MakeDesk, store: SessionStore, begun: str, keys: tuple[str, ...], shown: str
) -> None:
    session_id = said_before(store, ("One?", "1."), ("Two?", "2."))
    desk = make_desk(session_id=session_id)
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        await write(pilot, desk, begun)
        press_at_once(desk.app, *keys)
        await until(pilot, lambda: line(desk).endswith(shown))
        assert store.draft(session_id).text in (begun, "")


async def test_a_paste_right_behind_a_key_goes_to_where_that_key_leads(
    make_desk: MakeDesk, store: SessionStore
) -> None:
    session_id = said_before(store, ("One?", "1."))
    desk = make_desk(session_id=session_id)
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        press_at_once(desk.app, "ctrl+n")
        desk.app.post_message(Paste("pasted"))
        press_at_once(desk.app, *" and typed")
        await until(pilot, lambda: desk.text() == "pasted and typed" and desk.screen.session.id is None)
    assert not store.draft(session_id)


async def test_a_key_that_takes_long_holds_no_other_back_for_ever(
    make_desk: MakeDesk, store: SessionStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chat.tui.key_order.SETTLE_S", 0.01)
    desk = make_desk(session_id=said_before(store, ("One?", "1.")))
    is_over = asyncio.Event()
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        turn = await read(pilot, desk)
        monkeypatch.setattr(desk.screen, "turn_details", lambda _: is_over.wait(), raising=False)
        press_at_once(desk.app, "i", "ctrl+p", *"crying")
        await until(pilot, lambda: line(desk).endswith("crying"))
        is_over.set()
        assert turn.is_attached


async def test_a_key_that_is_held_down_stops_when_it_is_let_go_and_words_behind_it_are_all_there(
    make_desk: MakeDesk, store: SessionStore
) -> None:
    desk = make_desk(session_id=said_before(store, *((f"Message {number}?", f"{number}.") for number in range(20))))
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        await read(pilot, desk)
        press_at_once(desk.app, *["up"] * 30, "e", *" aaaaaaaa")
        await until(pilot, lambda: desk.text().endswith(" aaaaaaaa"))
        # The first, and three that waited behind it, go two messages up from the last reply.
        assert desk.text() == "Message 17? aaaaaaaa"


async def test_keys_that_change_a_line_of_one_row_come_between_those_that_are_typed_before_and_behind(
    make_desk: MakeDesk, store: SessionStore
) -> None:
    said_before(store, ("One?", "1."))
    desk = make_desk()
    changed = [*"abc", *["backspace"] * 3, *"hello", "left", "left", "X", "ctrl+a", "delete", "T", "end", "s"]
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        opened = (
            (("ctrl+r",), ("escape", "escape")),
            (("ctrl+r", "down", "r", "ctrl+u"), ("escape", "escape")),
            (("ctrl+p",), ("escape", "escape")),
            (("ctrl+o",), ("ctrl+u", "escape")),
            (("ctrl+s",), ("escape",)),
        )
        for begin, end in opened:
            press_at_once(desk.app, *begin)
            await until(pilot, lambda: isinstance(desk.app.focused, Input))
            press_at_once(desk.app, *changed)
            await until(pilot, lambda: line(desk).endswith("s"))
            assert line(desk) == "TelXlos", begin
            press_at_once(desk.app, *end)
            await until(pilot, lambda: isinstance(desk.app.focused, MessageInput))
