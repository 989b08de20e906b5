"""The dialog that chooses a picture, and paths that no file can have."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from chat.errors import ChatError
from chat.tui.screens.attach import AttachScreen, PathSuggester, PictureTree
from tests.tui.doubles import Desk, ready, until

MakeDesk = Callable[..., Desk]


async def _dialog(pilot: Pilot[ChatError], desk: Desk) -> Input:
    await ready(pilot, desk)
    await pilot.press("ctrl+o")
    await until(pilot, lambda: isinstance(desk.app.screen, AttachScreen) and desk.app.screen.query("#path"))
    return desk.app.screen.query_one("#path", Input)


async def test_a_name_that_is_too_long_is_told_and_nothing_is_attached(make_desk: MakeDesk) -> None:
    desk = make_desk()
    async with desk.app.run_test() as pilot:
        path = await _dialog(pilot, desk)
        path.value = "a" * 300
        await pilot.press("enter")
        await until(pilot, lambda: desk.app.screen is desk.screen)
        await until(pilot, lambda: "aaa" in desk.notice())


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
        path = await _dialog(pilot, desk)
        path.value = str(closed)
        await pilot.press("enter")
        await until(pilot, lambda: desk.app.screen is desk.screen)
        await until(pilot, lambda: "a.png" in desk.notice())


async def test_a_folder_that_is_typed_is_shown(make_desk: MakeDesk, tmp_path: Path) -> None:
    desk = make_desk()
    async with desk.app.run_test() as pilot:
        path = await _dialog(pilot, desk)
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
        await _dialog(pilot, desk)
        assert Path(desk.app.screen.query_one(PictureTree).path) == tmp_path


async def test_a_link_in_a_circle_does_not_stop_the_completion(tmp_path: Path) -> None:
    (tmp_path / "a-circle").symlink_to(tmp_path / "a-circle")
    (tmp_path / "a.png").touch()
    assert await PathSuggester().get_suggestion(f"{tmp_path}/a") == f"{tmp_path}/a.png"
