"""Pictures as large as the window."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from chat.conversation import Image, user_turn
from chat.generation import CheckpointFacts
from chat.scripted import ScriptedGenerator
from chat.session import SessionStore
from chat.tui.screens.picture import PictureScreen
from chat.tui.widgets.picture import PictureView
from chat.tui.widgets.turn import SaidTurn
from chat.tui.widgets.zoom import Part, ZoomView, fit
from tests.tui.doubles import Desk, HeldLoader, drawn, ready, send, until

MakeDesk = Callable[..., Desk]


@pytest.fixture
def session_id(store: SessionStore, scene_image: Callable[..., Image]) -> str:
    """A session with two pictures in one turn and one in another."""
    found = store.new_session()
    first, second, third = (scene_image(seed) for seed in range(3))
    store.add_user_turn(found, user_turn(first, second, "Two"))
    store.add_user_turn(found, user_turn(third, "One"))
    return found


def _zoom(desk: Desk) -> str:
    return str(desk.app.screen.query_one("#picture-zoom").visual)  # type: ignore[attr-defined]


def _problem(desk: Desk) -> str:
    """Why the picture is not drawn, in however many lines it stands."""
    return str(desk.app.screen.query_one("#picture-problem").visual)  # type: ignore[attr-defined]


def _view(desk: Desk) -> ZoomView:
    return desk.app.screen.query_one(ZoomView)


async def test_keys_open_enlarge_move_and_close(make_desk: MakeDesk, session_id: str) -> None:
    desk = make_desk(session_id=session_id)
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        await send(pilot, desk, "/view 2")
        await until(pilot, lambda: isinstance(desk.app.screen, PictureScreen) and _view(desk)._lines)
        assert "[2]" in desk.shown()
        assert _zoom(desk) == "2 of 3 · fit"
        whole = _view(desk)._lines
        await pilot.press("right", "minus")
        assert _zoom(desk) == "2 of 3 · fit"
        await pilot.press("plus", "plus")
        await until(pilot, lambda: _view(desk)._lines != whole)
        assert _zoom(desk) == "2 of 3 · ×2.25"
        part = _view(desk)._lines
        await pilot.press("right", "down")
        await until(pilot, lambda: _view(desk)._lines != part)
        await pilot.press("0")
        await until(pilot, lambda: _view(desk)._lines == whole)
        await pilot.press("n")
        await until(pilot, lambda: _zoom(desk) == "3 of 3 · fit" and _view(desk)._lines != whole)
        await pilot.press("n", "b", "b")
        assert _zoom(desk) == "2 of 3 · fit"
        await pilot.press("escape")
        assert desk.app.screen is desk.screen


async def test_without_a_model_nobody_knows_what_it_gets(make_desk: MakeDesk, session_id: str) -> None:
    desk = make_desk(load=HeldLoader(ScriptedGenerator([])), session_id=session_id)
    async with desk.app.run_test() as pilot:
        await until(pilot, lambda: desk.screen._session is not None)
        await send(pilot, desk, "/view 2")
        await until(pilot, lambda: isinstance(desk.app.screen, PictureScreen) and _view(desk)._lines)
        assert "s Model's view" not in desk.shown()
        await pilot.press("s")
        assert "as the model" not in desk.shown()


async def test_what_the_model_gets_takes_the_place_of_the_picture(make_desk: MakeDesk, session_id: str) -> None:
    facts = CheckpointFacts("shapes", image_size=31)
    desk = make_desk(generator=ScriptedGenerator([], facts=facts), session_id=session_id)
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        await send(pilot, desk, "/view")
        await until(pilot, lambda: isinstance(desk.app.screen, PictureScreen) and _view(desk)._lines)
        assert "Model's view" in desk.shown()
        await pilot.press("s")
        await until(pilot, lambda: "as the model gets it: 31×31" in desk.shown())
        await pilot.press("s")
        await until(pilot, lambda: "as the model" not in desk.shown())


async def test_enter_and_a_second_click_open_a_picture(make_desk: MakeDesk, session_id: str) -> None:
    desk = make_desk(session_id=session_id)
    async with desk.app.run_test(size=(100, 50)) as pilot:
        await ready(pilot, desk)
        await drawn(pilot, desk)
        await pilot.press("up", "enter")
        await until(pilot, lambda: isinstance(desk.app.screen, PictureScreen))
        assert _zoom(desk).startswith("3 of 3")
        await pilot.press("escape")
        second = list(desk.screen.query(PictureView))[1]
        await pilot.click(second)
        assert desk.app.screen is desk.screen
        assert isinstance(desk.app.focused, SaidTurn)
        await pilot.pause(0.6)
        await pilot.click(second)
        await until(pilot, lambda: isinstance(desk.app.screen, PictureScreen))
        assert _zoom(desk).startswith("2 of 3")


async def test_a_picture_that_is_gone_is_told_and_the_next_one_shown(
    make_desk: MakeDesk, session_id: str, store: SessionStore, db: Path
) -> None:
    first = store.turns(session_id)[0].turn.images[0]
    with closing(sqlite3.connect(db)) as connection, connection:
        connection.execute("UPDATE images SET data = x'00' WHERE digest = ?", (first.digest,))
    desk = make_desk(session_id=session_id)
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        await send(pilot, desk, "/view 1")
        await until(
            pilot, lambda: isinstance(desk.app.screen, PictureScreen) and _problem(desk).endswith("a file that has it")
        )
        await pilot.press("n")
        await until(pilot, lambda: _view(desk)._lines and not _problem(desk))


async def test_it_fits_the_smallest_window_and_a_larger_one_again(make_desk: MakeDesk, session_id: str) -> None:
    desk = make_desk(session_id=session_id)
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        await send(pilot, desk, "/view 1")
        await until(pilot, lambda: isinstance(desk.app.screen, PictureScreen) and _view(desk)._lines)
        height = len(_view(desk)._lines)
        await pilot.resize_terminal(20, 5)
        await until(pilot, lambda: 0 < len(_view(desk)._lines) <= 5)
        await pilot.press("plus", "n")
        await pilot.resize_terminal(80, 24)
        await until(pilot, lambda: len(_view(desk)._lines) == height)


@pytest.mark.parametrize(
    ("typed", "said"),
    [("/view 4", "from 1 to 3"), ("/view x", "from 1 to 3"), ("/view 0", "from 1 to 3")],
)
async def test_a_picture_that_is_none_is_told(make_desk: MakeDesk, session_id: str, typed: str, said: str) -> None:
    desk = make_desk(session_id=session_id)
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        await send(pilot, desk, typed)
        assert said in desk.notice()
        assert desk.text() == typed


def test_a_part_stays_within_the_picture_and_around_its_place() -> None:
    picture, window = (400, 200), (100, 100)
    assert fit(picture, window) == 0.25
    assert Part().box(picture, window) == (0, 0, 400, 200)
    assert Part(zoom=2).box(picture, window) == (100, 0, 300, 200)
    assert Part(zoom=4).box(picture, window) == (150, 50, 250, 150)
    far = Part(zoom=4).moved(9, -9).within(picture, window)
    assert far.box(picture, window) == (300, 0, 400, 100)
    assert far.moved(-1, 0).box(picture, window)[0] == 275
    assert Part(zoom=2).zoomed(0.1, 8) == Part()
    assert Part().zoomed(100, 8).zoom == 8
