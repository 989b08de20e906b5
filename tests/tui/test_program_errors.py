"""Errors that nobody caught: what is kept, and what the program that ran the app is told."""

from collections.abc import Callable

import pytest

from chat.drafts import Draft
from chat.errors import StoreError
from chat.generation import GenerationSettings
from chat.session import SessionStore
from chat.tui.screens.chat import ChatScreen
from tests.tui.doubles import Desk, HeldGenerator, ready, send, until, write

MakeDesk = Callable[..., Desk]


async def test_an_error_in_a_handler_ends_a_test_and_keeps_reply_and_draft(
    make_desk: MakeDesk, store: SessionStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: ChatScreen) -> None:
        raise RuntimeError("a handler failed")

    monkeypatch.setattr(ChatScreen, "action_help", fail)
    model = HeldGenerator("One two three.")
    desk = make_desk(generator=model, settings=GenerationSettings())
    with pytest.raises(RuntimeError, match="a handler failed"):
        async with desk.app.run_test() as pilot:
            await ready(pilot, desk)
            await send(pilot, desk, "Count.")
            model.let(1)
            await until(pilot, lambda: desk.said()[-1].startswith("One"))
            await write(pilot, desk, "half a thought")
            await pilot.press("f1")
            await pilot.pause()
    assert desk.turns() == [("user", "Count."), ("assistant", "One ")]
    latest = store.latest_session()
    assert latest is not None
    assert store.draft(latest.id) == Draft("half a thought")
    assert isinstance(desk.app.failure, RuntimeError)
    assert desk.app.return_code == 4


async def test_an_error_of_ours_that_nobody_caught_keeps_its_exit_code(
    make_desk: MakeDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: ChatScreen) -> None:
        raise StoreError("the store is gone")

    monkeypatch.setattr(ChatScreen, "action_help", fail)
    desk = make_desk()
    with pytest.raises(StoreError, match="the store is gone"):
        async with desk.app.run_test() as pilot:
            await ready(pilot, desk)
            await pilot.press("f1")
            await pilot.pause()
    assert desk.app.return_code == StoreError.exit_code


async def test_a_plain_end_has_no_failure(make_desk: MakeDesk) -> None:
    desk = make_desk()
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        await pilot.press("ctrl+q")
    assert desk.app.failure is None
