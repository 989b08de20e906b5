"""A conversation is played back: paused, stepped through, sought, and left as it is."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from textual.pilot import Pilot

from chat.conversation import user_turn
from chat.errors import ChatError
from chat.generation import GenerationSettings, Reply, StopReason
from chat.replay.playback import Moment
from chat.session import SessionStore
from chat.tui.screens.replay import ReplayScreen
from chat.tui.screens.sessions import SessionsScreen
from chat.tui.screens.tree import TreeScreen
from tests.tui.doubles import FACTS, Desk, ready, send, until
from tests.tui.talks import WHOLE

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
        await pilot.press("shift+left")
        await until(pilot, is_at(desk, 1))
        await pilot.press("shift+right")
        await until(pilot, is_at(desk, 4))


async def test_keys_that_wait_are_shown_together(
    make_desk: MakeDesk, talk: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[int] = []
    show_moment = ReplayScreen.show_moment

    async def noted(screen: ReplayScreen, before: Moment, *, force: bool) -> None:
        shown.append(screen._moment.shown)
        await show_moment(screen, before, force=force)

    desk = make_desk(session_id=talk)
    async with desk.app.run_test(size=(80, 24)) as pilot:
        await opened(pilot, desk)
        await pilot.press("space", "home")
        await until(pilot, is_at(desk, 1))
        monkeypatch.setattr(ReplayScreen, "show_moment", noted)
        for _ in range(3):
            replay_of(desk).action_turn(1)
        await until(pilot, is_at(desk, 4))
        assert said(desk) == ["What is it?", "A red circle.", "And where?", "On the left."]
    assert shown == [4]


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


async def test_every_branch_can_be_played_back_and_the_session_stays_as_it_is(
    make_desk: MakeDesk, talk: str, store: SessionStore
) -> None:
    turns = store.turns(talk)
    other = store.add_version(turns[2].id, user_turn("What else?"))
    store.close_reply(store.open_reply(other, FACTS, GenerationSettings()), WHOLE)
    desk = make_desk(session_id=talk)
    async with desk.app.run_test(size=(120, 40)) as pilot:
        await opened(pilot, desk)
        await until(pilot, lambda: "branch 2 of 2" in desk.shown())
        await pilot.press("space", "end")
        await until(pilot, lambda: said(desk)[-1] == "Indeed.")
        await pilot.press("left_square_bracket")
        await until(pilot, lambda: "branch 1 of 2" in desk.shown() and said(desk)[-1] == "On the left.")
        await pilot.press("left_square_bracket")
        await until(pilot, lambda: "There is no branch before this one." in desk.shown())
        await pilot.resize_terminal(80, 24)
        keys = "space Play  ←→ Turn  t Branches  v Verify  c Compare  esc Back  f1 Help"
        await until(pilot, lambda: desk.shown().splitlines()[-1].strip() == keys)
        await pilot.press("home", "space")
        await until(pilot, lambda: desk.shown().splitlines()[-1].strip() == keys.replace("Play", "Pause"))
        await pilot.press("space", "end")
        await pilot.press("t")
        await until(pilot, lambda: isinstance(desk.app.screen, TreeScreen))
        desk.app.screen.dismiss(other)
        await until(pilot, lambda: isinstance(desk.app.screen, ReplayScreen))
        await until(pilot, lambda: is_at(desk, 3)() and said(desk)[-1] == "What else?")
    assert [turn.id for turn in store.turns(talk)][-2:] == [other, other + 1]


async def test_a_missing_picture_has_a_placeholder_and_is_counted(make_desk: MakeDesk, tmp_path: Path) -> None:
    saved = tmp_path / "talk.json"
    # A picture that was drawn before, by whatever test, would still be known.
    saved.write_text(re.sub(r'"digest": "\w+"', f'"digest": "{"0" * 64}"', SAMPLE.read_text()))
    desk = make_desk()
    async with desk.app.run_test(size=(120, 40)) as pilot:
        await ready(pilot, desk)
        await send(pilot, desk, f"/replay {saved}")
        await until(pilot, lambda: isinstance(desk.app.screen, ReplayScreen))
        # The turn with the picture stays in view, however long it takes to draw it.
        await pilot.press("space", "home", "right")
        await until(pilot, lambda: "1 picture is missing: a placeholder stands where one was." in desk.shown())
        await until(pilot, lambda: "✕ picture [1] not found by digest" in desk.shown())


async def test_a_session_is_played_back_by_its_id_and_from_the_list(make_desk: MakeDesk, talk: str) -> None:
    desk = make_desk()
    async with desk.app.run_test(size=(80, 24)) as pilot:
        await opened(pilot, desk, f"/replay {talk[:4]}")
        assert said(desk)[0] == "What is it?"
        await pilot.press("escape", "ctrl+r")
        await until(pilot, lambda: "1 session" in desk.shown())
        await pilot.press("down", "b")
        await until(pilot, lambda: isinstance(desk.app.screen, ReplayScreen))
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(desk.app.screen, SessionsScreen))
        assert desk.screen.session.id is None


async def test_the_line_is_drawn_along(make_desk: MakeDesk, talk: str) -> None:
    desk = make_desk(session_id=talk)
    async with desk.app.run_test(size=(120, 40)) as pilot:
        await opened(pilot, desk)
        await pilot.press("space")
        await pilot.mouse_down("ScrubLine", offset=(0, 0))
        await until(pilot, is_at(desk, 1))
        await pilot.hover("ScrubLine", offset=(39, 0))
        await until(pilot, is_at(desk, 4))
        await pilot.mouse_up("ScrubLine", offset=(39, 0))
        await pilot.hover("ScrubLine", offset=(0, 0))
        assert is_at(desk, 4)()


@pytest.mark.parametrize(
    ("command", "line"),
    [
        ("/replay", "Nothing was said here yet"),
        ("/replay no-such.json", "no-such.json"),
        ("/replay nosuchid", "nosuchid is neither a file nor a session"),
    ],
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
