"""A conversation is played back: paused, stepped through, sought, and left as it is."""

from collections.abc import Callable
from pathlib import Path

import pytest
from textual.pilot import Pilot

from chat.conversation import user_turn
from chat.errors import ChatError
from chat.generation import GenerationSettings, Reply, StopReason
from chat.session import SessionStore
from chat.tui.screens.replay import ReplayScreen
from tests.tui.doubles import FACTS, Desk, ready, send, until

SAMPLE = Path(__file__).parent.parent.parent / "sample_sessions" / "several-turns.json"
MakeDesk = Callable[..., Desk]


@pytest.fixture
def talk(store: SessionStore) -> str:
    """Two exchanges; each reply took a minute."""
    session_id = store.new_session()
    for question, answer in [("What is it?", "A red circle."), ("And where?", "On the left.")]:
        message = store.add_user_turn(session_id, user_turn(question))
        turn = store.open_reply(message, FACTS, GenerationSettings())
        store.close_reply(turn, Reply(answer, (1, 2), StopReason.END_OF_UTTERANCE, 40, 0, None, 0.1, 60.0))
    return session_id


def replay_of(desk: Desk) -> ReplayScreen:
    assert isinstance(desk.app.screen, ReplayScreen)
    return desk.app.screen


def said(desk: Desk) -> list[str]:
    return [str(text.visual) for text in replay_of(desk).query(".said, MarkdownParagraph")]  # type: ignore[attr-defined]


def is_at(desk: Desk, turn: int) -> Callable[[], bool]:
    return lambda: f"turn {turn} of 4" in desk.shown()


async def opened(pilot: Pilot[ChatError], desk: Desk, command: str = "/replay") -> None:
    await ready(pilot, desk)
    await send(pilot, desk, command)
    await until(pilot, lambda: isinstance(desk.app.screen, ReplayScreen))


async def test_turns_come_one_after_the_other_and_can_be_stepped_through(make_desk: MakeDesk, talk: str) -> None:
    desk = make_desk(session_id=talk)
    async with desk.app.run_test(size=(80, 24)) as pilot:
        await opened(pilot, desk)
        await pilot.press("space")
        await until(pilot, lambda: "paused" in desk.shown())
        await pilot.press("home")
        await until(pilot, is_at(desk, 1))
        for shown in (2, 3, 4):
            await pilot.press("right")
            await until(pilot, is_at(desk, shown))
        assert said(desk) == ["What is it?", "A red circle.", "And where?", "On the left."]
        await pilot.press("home")
        await until(pilot, lambda: "A red circle." not in desk.shown())
        await pilot.press("end", "left")
        await until(pilot, is_at(desk, 3))
        assert "On the left." not in said(desk)


async def test_it_plays_by_itself_at_the_chosen_speed_and_stops_at_the_end(make_desk: MakeDesk, talk: str) -> None:
    desk = make_desk(session_id=talk)
    async with desk.app.run_test(size=(120, 40)) as pilot:
        await opened(pilot, desk)
        await pilot.press("full_stop", "full_stop", "full_stop")
        await until(pilot, lambda: "8×" in desk.shown())
        await until(pilot, lambda: "A red" in desk.shown())
        replay = replay_of(desk)
        replay._seconds = replay._playback.duration_s - 0.2
        await until(pilot, lambda: "paused" in desk.shown())
        assert "On the left." in desk.shown()


async def test_nothing_is_changed_and_escape_comes_back(make_desk: MakeDesk, talk: str) -> None:
    desk = make_desk(session_id=talk)
    async with desk.app.run_test(size=(80, 24)) as pilot:
        before = desk.store.turns(talk)
        await opened(pilot, desk)
        await pilot.click("UserTurn")
        await pilot.press("e", "u", "r", "end", "escape")
        await until(pilot, lambda: desk.app.screen is desk.screen)
        assert desk.store.turns(talk) == before
        assert desk.text() == ""


async def test_a_file_plays_back_without_a_model(make_desk: MakeDesk) -> None:
    def load(*_: object) -> None:
        raise ChatError("there is no model")

    desk = make_desk(load=load)
    async with desk.app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: desk.screen._session is not None)
        await send(pilot, desk, f"/replay {SAMPLE}")
        await until(pilot, lambda: isinstance(desk.app.screen, ReplayScreen))
        await pilot.press("end")
        await until(pilot, lambda: "paused" in desk.shown())
        assert "recorded with shapes" in desk.shown()
        assert desk.store.latest_session() is None


@pytest.mark.parametrize(
    ("command", "line"), [("/replay", "nothing to play back yet"), ("/replay no-such.json", "no-such.json")]
)
async def test_what_cannot_be_played_is_told_in_a_line(make_desk: MakeDesk, command: str, line: str) -> None:
    desk = make_desk()
    async with desk.app.run_test(size=(80, 24)) as pilot:
        await ready(pilot, desk)
        await send(pilot, desk, command)
        await until(pilot, lambda: line in desk.notice())


@pytest.mark.parametrize("size", [(20, 5), (200, 50)])
async def test_it_fits_every_window(make_desk: MakeDesk, talk: str, size: tuple[int, int]) -> None:
    desk = make_desk(session_id=talk)
    async with desk.app.run_test(size=size) as pilot:
        await opened(pilot, desk)
        await pilot.press("end")
        await until(pilot, lambda: "On the" in desk.shown())
