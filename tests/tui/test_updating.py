"""A store of an earlier version is brought up to date while the program draws, listens and can be left."""

import threading
from collections.abc import Callable

import pytest

from chat.errors import StoreError
from chat.tui.updating import Update
from chat.tui.widgets.message_input import MessageInput
from tests.tui.doubles import Desk, ready, until

MakeDesk = Callable[..., Desk]


@pytest.fixture
def gate() -> threading.Event:
    """What the update waits for."""
    return threading.Event()


@pytest.fixture
def update(gate: threading.Event) -> Callable[[], Update]:
    def bring_up(tell: Callable[[str], None]) -> None:
        tell("the database is being brought up to date, 7 s")
        gate.wait(10)

    return lambda: bring_up


async def test_what_goes_on_is_said_and_what_is_typed_meanwhile_is_kept(
    make_desk: MakeDesk, update: Callable[[], Update], gate: threading.Event
) -> None:
    desk = make_desk(store_update=update)
    async with desk.app.run_test() as pilot:
        await until(pilot, lambda: "being brought up to date, 7 s" in desk.shown())
        await pilot.press(*"hello", "enter", "ctrl+r", "up")
        assert desk.screen.query_one(MessageInput).text == "hello"
        gate.set()
        await ready(pilot, desk)
        assert "up to date" not in desk.shown()
        assert desk.text() == "hello"


async def test_the_program_can_be_left_meanwhile(
    make_desk: MakeDesk, update: Callable[[], Update], gate: threading.Event
) -> None:
    desk = make_desk(store_update=update)
    async with desk.app.run_test() as pilot:
        await until(pilot, lambda: "being brought up to date" in desk.shown())
        await pilot.press("ctrl+q")
        await until(pilot, lambda: not desk.app.is_running)
    assert not gate.is_set()
    assert desk.app.return_value is None
    gate.set()


async def test_what_goes_wrong_ends_the_program_with_its_error(make_desk: MakeDesk) -> None:
    def fail(_: Callable[[str], None]) -> None:
        raise StoreError("sessions.db cannot grow because the disk is full")

    desk = make_desk(store_update=lambda: fail)
    async with desk.app.run_test() as pilot:
        await until(pilot, lambda: not desk.app.is_running)
    assert isinstance(desk.app.return_value, StoreError)
    assert desk.app.return_code == StoreError.exit_code
