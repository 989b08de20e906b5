"""The path that is typed in the dialog that chooses pictures."""

import asyncio
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from textual.widgets import Static

from chat.conversation import Image
from chat.tui.screens.attach import AttachScreen
from chat.tui.widgets.path_input import PathSuggester
from chat.tui.widgets.picture_tree import PictureTree
from tests.tui.doubles import Desk, ready, saved, until
from tests.tui.picking import attach_dialog, attached, told

MakeDesk = Callable[..., Desk]


async def test_a_name_that_is_too_long_is_told_where_it_is_typed(make_desk: MakeDesk) -> None:
    desk = make_desk()
    async with desk.app.run_test() as pilot:
        path = await attach_dialog(pilot, desk)
        path.value = "a" * 300
        await pilot.press("enter")
        await until(pilot, lambda: "aaa" in told(desk))
        assert path.value == "a" * 300


async def test_a_path_in_a_folder_closed_to_us_is_told(
    make_desk: MakeDesk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed, stat = tmp_path / "closed" / "a.png", os.stat

    # No folder is closed to root: this is what others are told.
    def refuse(path: Any, **options: Any) -> os.stat_result:
        if path == closed or path == str(closed):
            raise PermissionError(13, "Permission denied", str(path))
        return stat(path, **options)

    monkeypatch.setattr(os, "stat", refuse)
    desk = make_desk()
    async with desk.app.run_test() as pilot:
        path = await attach_dialog(pilot, desk)
        path.value = str(closed)
        await pilot.press("enter")
        await until(pilot, lambda: "a.png" in told(desk))


async def test_a_folder_that_is_typed_is_shown(make_desk: MakeDesk, tmp_path: Path) -> None:
    desk = make_desk()
    async with desk.app.run_test() as pilot:
        path = await attach_dialog(pilot, desk)
        path.value = str(tmp_path)
        await pilot.press("enter")
        await until(pilot, lambda: Path(desk.app.screen.query_one(PictureTree).path) == tmp_path)


async def test_where_the_working_folder_is_gone_the_dialog_begins_at_home(
    make_desk: MakeDesk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.setenv("HOME", str(tmp_path))
    desk = make_desk()
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        monkeypatch.chdir(gone)
        gone.rmdir()
        await attach_dialog(pilot, desk)
        assert Path(desk.app.screen.query_one(PictureTree).path) == tmp_path


async def test_a_link_in_a_circle_does_not_stop_the_completion(tmp_path: Path) -> None:
    (tmp_path / "a-circle").symlink_to(tmp_path / "a-circle")
    (tmp_path / "a.png").touch()
    assert await PathSuggester().get_suggestion(f"{tmp_path}/a") == f"{tmp_path}/a.png"


class SlowDisk:
    """Answers when it is let; counts what it is asked."""

    def __init__(self, answer: Callable[[Any], Any], path: Path) -> None:
        self.gate = threading.Event()
        self.asked: list[str] = []
        self._answer = answer
        self._path = path

    def __call__(self, path: Any = ".") -> Any:
        if Path(path).is_relative_to(self._path):
            self.asked.append(str(path))
            assert threading.current_thread() is not threading.main_thread()
            self.gate.wait(10)
        return self._answer(path)


async def test_a_slow_folder_keeps_nobody_from_typing_and_is_read_for_the_last_key_alone(
    make_desk: MakeDesk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "cat.png").touch()
    disk = SlowDisk(os.scandir, tmp_path / "folder")
    desk = make_desk()
    async with desk.app.run_test() as pilot:
        path = await attach_dialog(pilot, desk)
        path.value = f"{tmp_path}/folder"
        monkeypatch.setattr(os, "scandir", disk)
        await pilot.press("/", "c", "a", "t")
        assert path.value == f"{tmp_path}/folder/cat"
        disk.gate.set()
        await until(pilot, lambda: path._suggestion == f"{tmp_path}/folder/cat.png")
    assert len(disk.asked) <= 2


@pytest.mark.parametrize("key", ["escape", "ctrl+p"])
async def test_a_slow_path_that_is_entered_keeps_nobody_from_doing_something_else(
    make_desk: MakeDesk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    disk = SlowDisk(os.path.isdir, tmp_path / "a.png")
    desk = make_desk()
    async with desk.app.run_test() as pilot:
        path = await attach_dialog(pilot, desk)
        dialog = desk.app.screen
        path.value = f"{tmp_path}/a.png"
        await pilot.pause()
        monkeypatch.setattr(os.path, "isdir", disk)
        await pilot.press("enter")
        await until(pilot, lambda: disk.asked)
        await pilot.press(key)
        await until(pilot, lambda: desk.app.screen is not dialog)
        shown = desk.app.screen
        disk.gate.set()
        await asyncio.sleep(0.05)
        await pilot.pause()
        assert desk.app.screen is shown
        assert desk.notice() == ""


async def test_a_picture_at_home_is_shown_while_it_is_typed_and_attached(
    make_desk: MakeDesk, scene_image: Callable[..., Image], own_home: Path
) -> None:
    saved(scene_image(1), own_home, "cat.png")
    desk = make_desk()
    async with desk.app.run_test() as pilot:
        path = await attach_dialog(pilot, desk)
        path.value = "~/cat.png"
        await until(pilot, lambda: "sha " in str(desk.app.screen.query_one("#preview-facts", Static).visual))
        await pilot.press("enter")
        await until(pilot, lambda: [image.name for image in desk.screen.composer.draft.images] == ["cat.png"])


async def test_tab_completes_a_path(make_desk: MakeDesk, scene_image: Callable[..., Image], tmp_path: Path) -> None:
    saved(scene_image(1), tmp_path, "cat.png")
    desk = make_desk()
    async with desk.app.run_test() as pilot:
        path = await attach_dialog(pilot, desk)
        path.value = f"{tmp_path}/c"
        path.cursor_position = len(path.value)
        await until(pilot, lambda: path._suggestion)
        await pilot.press("tab")
        assert path.value == f"{tmp_path}/cat.png"
        assert path.has_focus
        await pilot.press("enter")
        await until(pilot, lambda: attached(desk) == ["cat.png"])


async def test_a_path_of_no_picture_is_told_and_can_be_mended(
    make_desk: MakeDesk, scene_image: Callable[..., Image], tmp_path: Path
) -> None:
    saved(scene_image(1), tmp_path, "purple.png")
    desk = make_desk()
    async with desk.app.run_test(size=(80, 24)) as pilot:
        path = await attach_dialog(pilot, desk)
        path.value = f"{tmp_path}/purple"
        path.cursor_position = len(path.value)
        await pilot.press("enter")
        await until(pilot, lambda: "purple: there is no such file" in told(desk))
        assert isinstance(desk.app.screen, AttachScreen)
        assert path.value == f"{tmp_path}/purple"
        assert path.has_focus
        await pilot.press(*".png")
        await until(pilot, lambda: not told(desk))
        await pilot.press("enter")
        await until(pilot, lambda: attached(desk) == ["purple.png"])
