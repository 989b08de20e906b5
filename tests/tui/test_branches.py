"""Branches are switched, undone and shown as a tree: what is stored comes first, then what is shown."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from chat.conversation import Image, user_turn
from chat.generation import GenerationSettings, StopReason
from chat.session import SessionStore
from chat.store import open_store
from chat.tui.screens.tree import BranchTree, TreeScreen
from chat.tui.widgets.queued_turn import QueuedTurn
from chat.tui.widgets.turn import SaidTurn, UserTurn
from tests.tui.doubles import FACTS, Desk, HeldGenerator, ready, send, until, write
from tests.tui.talks import WHOLE, marks, read, rest, said_before, texts, tree_of

MakeDesk = Callable[..., Desk]
MakeImage = Callable[..., Image]


async def test_switching_changes_everything_below_and_the_focus_stays(make_desk: MakeDesk, store: SessionStore) -> None:
    session_id = said_before(store, ("One?", "1."), ("Two?", "2."))
    message = store.turns(session_id)[0].id
    for said, seed in (("I.", 8), ("Unus.", 9)):
        turn = store.open_reply(message, FACTS, GenerationSettings(), True)
        store.close_reply(turn, replace(WHOLE, text=said, seed=seed))
    desk = make_desk(session_id=session_id)
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        assert marks(desk) == ["‹ 3/3 ›"]
        await read(pilot, desk)
        await pilot.press("left")
        await until(pilot, lambda: texts(store, session_id) == ["One?", "I."])
        assert desk.notice() == "2 of 3 · seed 8"
        await pilot.press("left")
        await until(pilot, lambda: texts(store, session_id) == ["One?", "1.", "Two?", "2."])
        await until(pilot, lambda: desk.said()[2:3] == ["Two?"] or "Two?" in desk.said())
        assert desk.notice() == "1 of 3 · greedy"
        assert marks(desk) == ["‹ 1/3 ›"]
        focused = desk.app.focused
        assert isinstance(focused, SaidTurn)
        assert focused.stored is not None
        assert focused.stored.turn.text == "1."
        await pilot.press("left")
        await until(pilot, lambda: "there is none before it" in desk.notice())
        await pilot.press("right")
        await until(pilot, lambda: texts(store, session_id) == ["One?", "I."])
        assert "Two?" not in desk.said()
        desk.screen.composer.focus_text()
        await send(pilot, desk, "/branch 3")
        await until(pilot, lambda: texts(store, session_id) == ["One?", "Unus."])
        desk.screen.composer.focus_text()
        await send(pilot, desk, "/branch 4")
        await until(pilot, lambda: "there is no version 4: give a number from 1 to 3" in desk.notice())
        assert desk.text() == "/branch 4"


async def test_the_sign_is_clicked_to_switch(make_desk: MakeDesk, store: SessionStore) -> None:
    session_id = said_before(store, ("One?", "1."))
    store.add_version(store.turns(session_id)[0].id, user_turn("Uno?"))
    desk = make_desk(session_id=session_id)
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        turn = desk.screen.query_one(UserTurn)
        await pilot.click(turn.query_one(".gutter"), offset=(0, 1))
        await until(pilot, lambda: texts(store, session_id) == ["One?", "1."])
        turn = desk.screen.query_one(UserTurn)
        await pilot.click(turn.query_one(".gutter"), offset=(6, 1))
        await until(pilot, lambda: texts(store, session_id) == ["Uno?"])


async def test_the_last_exchange_is_undone_and_brought_back(make_desk: MakeDesk, store: SessionStore) -> None:
    session_id = said_before(store, ("One?", "1."), ("Two?", "2."))
    desk = make_desk(session_id=session_id)
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        await read(pilot, desk)
        await pilot.press("u")
        await until(pilot, lambda: texts(store, session_id) == ["One?", "1."])
        assert "Two?" not in desk.said()
        await send(pilot, desk, "/undo")
        await until(pilot, lambda: texts(store, session_id) == [])
        await send(pilot, desk, "/undo")
        await until(pilot, lambda: "nothing was said yet" in desk.notice())
        desk.screen.composer.take()
        await send(pilot, desk, "/redo")
        await until(pilot, lambda: texts(store, session_id) == ["One?", "1."])
    # Another run of the program knows what follows, too.
    again = make_desk(session_id=session_id)
    async with again.app.run_test() as pilot:
        await ready(pilot, again)
        await send(pilot, again, "/redo")
        await until(pilot, lambda: texts(store, session_id) == ["One?", "1.", "Two?", "2."])
        await until(pilot, lambda: "Two?" in again.said())
        await send(pilot, again, "/redo")
        await until(pilot, lambda: "there is nothing for /redo to bring back" in again.notice())
    assert len(store.tree(session_id)) == 4


async def test_after_an_undo_the_next_message_is_a_branch(make_desk: MakeDesk, store: SessionStore) -> None:
    session_id = said_before(store, ("One?", "1."), ("Two?", "2."))
    desk = make_desk("3.", session_id=session_id)
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        await send(pilot, desk, "/undo")
        await until(pilot, lambda: texts(store, session_id) == ["One?", "1."])
        await send(pilot, desk, "Three?")
        await until(pilot, lambda: texts(store, session_id) == ["One?", "1.", "Three?", "3."])
        await rest(pilot, desk)
        assert marks(desk) == ["‹ 2/2 ›"]


async def test_while_a_reply_is_written_edits_wait_and_switching_says_why_not(
    make_desk: MakeDesk, store: SessionStore
) -> None:
    session_id = said_before(store, ("One?", "1."))
    store.close_reply(store.open_reply(store.turns(session_id)[0].id, FACTS, GenerationSettings(), True), WHOLE)
    model = HeldGenerator("2.", "Uno.", "I.")
    desk = make_desk(generator=model, session_id=session_id)
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        await send(pilot, desk, "Two?")
        await until(pilot, lambda: desk.screen.session.is_replying)
        for key in ("left", "u"):
            await read(pilot, desk, 2)
            await pilot.press(key)
            await until(pilot, lambda: "the model is at work on this branch" in desk.notice())
            desk.screen.say_nothing()
        await read(pilot, desk, 1)
        await pilot.press("r")
        await until(pilot, lambda: "the reply is still being written" in desk.notice())
        await read(pilot, desk, 3)
        await pilot.press("e")
        await until(pilot, lambda: desk.text() == "One?")
        await write(pilot, desk, " Sure?")
        await pilot.press("enter")
        await read(pilot, desk, 2)
        await pilot.press("r")
        await until(pilot, lambda: len(desk.screen.query(QueuedTurn)) == 2)
        assert texts(store, session_id) == ["One?", "Indeed.", "Two?", ""]
        model.free()
        await until(pilot, lambda: texts(store, session_id) == ["One?", "I."])
        await rest(pilot, desk)
    assert tree_of(store, session_id) == [
        ("", "One?"),
        ("One?", "1."),
        ("One?", "Indeed."),
        ("Indeed.", "Two?"),
        ("Two?", "2."),
        ("", "One? Sure?"),
        ("One? Sure?", "Uno."),
        ("One?", "I."),
    ]


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_the_tree_shows_every_branch_and_goes_to_one(
    make_desk: MakeDesk, store: SessionStore, size: tuple[int, int]
) -> None:
    session_id = said_before(store, ("One?", "1."), ("Two?", "2."))
    first = store.turns(session_id)[1]
    turn = store.open_reply(store.turns(session_id)[0].id, FACTS, GenerationSettings(), True)
    hostile = "[@click=x]I[/]\x1b[m"
    store.close_reply(turn, replace(WHOLE, text=hostile, seed=8, stop_reason=StopReason.CANCELLED))
    desk = make_desk(session_id=session_id)
    async with desk.app.run_test(size=size) as pilot:
        await ready(pilot, desk)
        await read(pilot, desk)
        await pilot.press("t")
        await until(pilot, lambda: isinstance(desk.app.screen, TreeScreen))
        tree = desk.app.screen.query_one(BranchTree)
        await until(pilot, lambda: chosen(tree) == turn)
        shown = desk.shown()
        rows = " ".join(shown.split())
        assert "└─ ▸ 2 shapes [@click=x]I[/]␛[m stopped · seed 8 · now · shown" in rows
        assert "├─ 1 shapes 1. now" in rows
        # What follows a version stands inside it.
        assert "│ ├─ You Two? now" in rows
        while chosen(tree) != first.id:
            await pilot.press("up")
        await pilot.press("enter")
        await until(pilot, lambda: texts(store, session_id) == ["One?", "1.", "Two?", "2."])
        await until(pilot, lambda: desk.app.screen is desk.screen and "Two?" in desk.said())
        focused = desk.app.focused
        assert isinstance(focused, SaidTurn)
        assert focused.stored is not None
        assert focused.stored.id == first.id
        desk.screen.composer.focus_text()
        await send(pilot, desk, "/branch")
        await until(pilot, lambda: isinstance(desk.app.screen, TreeScreen))
        await pilot.press("escape")
        await until(pilot, lambda: desk.app.screen is desk.screen)


def chosen(tree: BranchTree) -> int:
    """The turn that the cursor is on."""
    return tree.cursor_node.data.id if tree.cursor_node and tree.cursor_node.data else 0


async def test_a_branch_far_above_is_switched_and_gone_to(make_desk: MakeDesk, store: SessionStore) -> None:
    session_id = said_before(store, *((f"Question {number}?", f"Answer {number}.") for number in range(50)))
    first, reply = store.turns(session_id)[:2]
    other = store.open_reply(first.id, FACTS, GenerationSettings(), True)
    store.close_reply(other, WHOLE)
    store.show_branch(session_id, reply.id)
    desk = make_desk(session_id=session_id)
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        desk.screen.read_last()
        await pilot.press("home")
        await until(pilot, lambda: marks(desk) == ["‹ 1/2 ›"])
        await pilot.press("down", "right")
        await until(pilot, lambda: texts(store, session_id) == ["Question 0?", "Indeed."])
        await until(pilot, lambda: marks(desk) == ["‹ 2/2 ›"])
        assert len(desk.screen.log_view.said_turns) == 2
        await pilot.press("left")
        await until(pilot, lambda: len(texts(store, session_id)) == 100)
        await until(pilot, lambda: marks(desk) == ["‹ 1/2 ›"])
        focused = desk.app.focused
        assert isinstance(focused, SaidTurn)
        assert focused.stored is not None
        assert focused.stored.id == reply.id
        # What follows comes as it is scrolled to.
        await pilot.press("end")
        await until(pilot, lambda: "Question 49?" in desk.said())


async def test_two_windows_on_one_session_lose_nothing(make_desk: MakeDesk, store: SessionStore, db: Path) -> None:
    session_id = said_before(store, ("One?", "1."), ("Two?", "2."))
    desk = make_desk("3.", "II.", session_id=session_id)
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        with open_store(db) as other_window:
            first = other_window.turns(session_id)[0]
            other_window.add_version(first.id, user_turn("Uno?"))
        # What is sent here follows what is seen here.
        await send(pilot, desk, "Three?")
        await until(pilot, lambda: texts(store, session_id)[-2:] == ["Three?", "3."])
        assert texts(store, session_id)[0] == "One?"
        await rest(pilot, desk)
        assert marks(desk) == ["‹ 1/2 ›"]
