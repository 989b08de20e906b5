"""The line in which the path of a picture is typed: what tab does there, and that no letter is lost, however fast."""

import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from textual.events import Key
from textual.pilot import Pilot
from textual.widgets import Input, Static

from chat.errors import ChatError
from chat.tui.screens.attach import AttachScreen
from chat.tui.widgets.picture_tree import PictureTree
from tests.tui.doubles import Desk, ready, until

MakeDesk = Callable[..., Desk]

_NAMED = {"/": "slash", "_": "underscore", ".": "full_stop"}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder, with pictures in a folder."""
    here = tmp_path / "here"
    (here / "sample_sessions" / "pictures").mkdir(parents=True)
    (here / "empty").mkdir()
    for name in ("park.png", "pine.png", "notes.txt"):
        (here / "sample_sessions" / "pictures" / name).touch()
    monkeypatch.chdir(here)
    return here


async def _dialog(pilot: Pilot[ChatError], desk: Desk) -> Input:
    await ready(pilot, desk)
    await pilot.press("ctrl+o")
    await until(pilot, lambda: isinstance(desk.app.screen, AttachScreen) and desk.app.screen.query("#path"))
    return desk.app.screen.query_one("#path", Input)


def _at_once(desk: Desk, *keys: str) -> None:
    """Press keys without waiting for what one does before the next; a text is its characters."""
    for key in keys:
        if key in ("tab", "enter", "down", "right"):
            desk.app.post_message(Key(key, None))
        else:
            for character in key:
                desk.app.post_message(Key(_NAMED.get(character, character), character))


def _told(desk: Desk) -> str:
    return str(desk.app.screen.query_one("#attach-said", Static).visual)


async def test_tab_completes_what_is_typed_at_that_moment_and_letters_come_behind_it(
    make_desk: MakeDesk, folder: Path
) -> None:
    desk = make_desk()
    async with desk.app.run_test() as pilot:
        path = await _dialog(pilot, desk)
        _at_once(desk, "sample_s", "tab", "pi", "tab", "pa", "tab")
        await until(pilot, lambda: path.value == "sample_sessions/pictures/park.png")
        assert path.has_focus


async def test_tab_by_tab_a_folder_gets_its_slash_and_the_focus_stays(make_desk: MakeDesk, folder: Path) -> None:
    desk = make_desk()
    async with desk.app.run_test() as pilot:
        path = await _dialog(pilot, desk)
        await pilot.press("s", "tab")
        await until(pilot, lambda: path.value == "sample_sessions/")
        await pilot.press("tab")
        await until(pilot, lambda: path.value == "sample_sessions/pictures/")
        await pilot.press("tab")
        await until(pilot, lambda: path.value == "sample_sessions/pictures/p")
        await pilot.press("tab")
        await until(pilot, lambda: _told(desk) == "park.png  pine.png")
        assert path.has_focus
        await pilot.press("i")
        await until(pilot, lambda: not _told(desk))
        assert path.value == "sample_sessions/pictures/pi"


@pytest.mark.parametrize("typed", ["", "empty/", "sample_sessions/pictures/park.png"])
async def test_where_nothing_is_to_complete_tab_goes_on_and_letters_come_back(
    make_desk: MakeDesk, folder: Path, typed: str
) -> None:
    desk = make_desk()
    async with desk.app.run_test() as pilot:
        path = await _dialog(pilot, desk)
        _at_once(desk, typed, "tab")
        await until(pilot, lambda: desk.app.screen.query_one(PictureTree).has_focus)
        assert path.value == typed
        _at_once(desk, "/pictures/p")
        await until(pilot, lambda: path.value == f"{typed}/pictures/p")
        assert path.has_focus


async def test_letters_typed_right_behind_a_tab_that_goes_on_are_kept(make_desk: MakeDesk, folder: Path) -> None:
    desk = make_desk()
    async with desk.app.run_test() as pilot:
        path = await _dialog(pilot, desk)
        _at_once(desk, "tab", "sample_s", "tab", "pictures/pi", "tab")
        await until(pilot, lambda: path.value == "sample_sessions/pictures/pine.png")


async def test_tab_where_no_name_begins_so_tells_it_and_stays(make_desk: MakeDesk, folder: Path) -> None:
    desk = make_desk()
    async with desk.app.run_test() as pilot:
        path = await _dialog(pilot, desk)
        await pilot.press("z", "z", "tab")
        await until(pilot, lambda: _told(desk) == 'No folder or picture begins with "zz".')
        assert path.has_focus
        assert path.value == "zz"


async def test_enter_behind_a_tab_enters_what_was_completed(make_desk: MakeDesk, folder: Path) -> None:
    desk = make_desk()
    async with desk.app.run_test() as pilot:
        await _dialog(pilot, desk)
        _at_once(desk, "sample_s", "tab", "enter")
        await until(pilot, lambda: desk.app.screen.query_one(PictureTree).path == Path("sample_sessions"))
        assert _told(desk) == ""


async def test_a_slow_folder_is_completed_behind_what_is_typed_in_the_meantime_or_not_at_all(
    make_desk: MakeDesk, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate, scandir = threading.Event(), os.scandir

    def slow(path: Any = ".") -> Any:
        assert threading.current_thread() is not threading.main_thread()
        gate.wait(10)
        return scandir(path)

    desk = make_desk()
    async with desk.app.run_test() as pilot:
        path = await _dialog(pilot, desk)
        await until(pilot, lambda: desk.app.screen.query_one(PictureTree).root.children)
        monkeypatch.setattr(os, "scandir", slow)
        await pilot.press("s", "tab", "p", "tab", "a")
        assert path.value == "spa"
        gate.set()
        await until(pilot, lambda: path.value == "sample_sessions/pictures/a")
        gate.clear()
        await pilot.press("backspace", "p", "a", "tab", "backspace")
        gate.set()
        await until(pilot, lambda: not any(worker.group == "complete" for worker in desk.app.workers))
        assert path.value == "sample_sessions/pictures/p"


async def test_keys_right_behind_a_tab_that_goes_on_are_for_the_folders(make_desk: MakeDesk, folder: Path) -> None:
    desk = make_desk()
    async with desk.app.run_test() as pilot:
        await _dialog(pilot, desk)
        tree = desk.app.screen.query_one(PictureTree)
        await until(pilot, lambda: len(tree.root.children) == 2)
        _at_once(desk, "tab", "down", "down", "right")
        await until(pilot, lambda: tree.root.children[1].is_expanded)
        assert tree.has_focus


async def test_a_tab_behind_letters_typed_in_the_folders_completes_them(make_desk: MakeDesk, folder: Path) -> None:
    desk = make_desk()
    async with desk.app.run_test() as pilot:
        path = await _dialog(pilot, desk)
        await pilot.press("tab")
        tree = desk.app.screen.query_one(PictureTree)
        assert tree.has_focus
        for key in (Key("s", "s"), Key("tab", None), Key("p", "p")):
            tree.post_message(key)
        await until(pilot, lambda: path.value == "sample_sessions/p")
