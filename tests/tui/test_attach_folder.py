"""The folder that the dialog shows to choose pictures in."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from chat.conversation import Image
from chat.tui.screens.attach import AttachScreen
from tests.tui.doubles import Desk, until
from tests.tui.picking import in_folder

MakeDesk = Callable[..., Desk]


async def test_pictures_stand_first_and_what_is_none_is_said_to_be_none(
    make_desk: MakeDesk, scene_image: Callable[..., Image], tmp_path: Path
) -> None:
    (tmp_path / "all").mkdir()
    for name in ("a.txt", "z.png", ".hidden.png"):
        (tmp_path / "all" / name).touch()
    (tmp_path / "all" / "folder").mkdir()
    desk = make_desk()
    async with desk.app.run_test(size=(80, 24)) as pilot:
        tree = await in_folder(pilot, desk, tmp_path / "all")
        assert [str(node.label) for node in tree.root.children] == ["z.png", "folder", "a.txt"]
        assert "a.txt  not a picture" in desk.shown()


async def test_right_opens_a_folder_and_left_closes_it(make_desk: MakeDesk, tmp_path: Path) -> None:
    inside = tmp_path / "all" / "inside"
    inside.mkdir(parents=True)
    (inside / "cat.png").touch()
    desk = make_desk()
    async with desk.app.run_test(size=(80, 24)) as pilot:
        tree = await in_folder(pilot, desk, tmp_path / "all")
        await pilot.press("right")
        await until(pilot, lambda: "cat.png" in desk.shown())
        await pilot.press("right", "down")
        await until(pilot, lambda: str(tree.cursor_node and tree.cursor_node.label) == "cat.png")
        await pilot.press("left")
        await until(pilot, lambda: str(tree.cursor_node and tree.cursor_node.label) == "inside")
        await pilot.press("left")
        # The preview still names the picture.
        await until(pilot, lambda: "▸ inside" in desk.shown())


async def test_a_folder_that_cannot_be_read_is_one_line(
    make_desk: MakeDesk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed, scandir = tmp_path / "closed", os.scandir
    closed.mkdir()

    # No folder is closed to root: this is what others are told.
    def refuse(path: Any = ".") -> Any:
        if Path(path) == closed:
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    desk = make_desk()
    async with desk.app.run_test(size=(80, 24)) as pilot:
        await in_folder(pilot, desk, closed)
        assert "you may not look into this folder" in desk.shown()
        await pilot.press("space", "enter")
        assert isinstance(desk.app.screen, AttachScreen)


async def test_a_large_folder_is_shown_in_part_and_the_rest_is_counted(
    make_desk: MakeDesk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chat.tui.widgets.picture_tree.MOST_ENTRIES", 300)
    folder = tmp_path / "many"
    folder.mkdir()
    for number in range(310):
        (folder / f"{number:03}.png").touch()
    desk = make_desk()
    async with desk.app.run_test(size=(80, 24)) as pilot:
        tree = await in_folder(pilot, desk, folder)
        await until(pilot, lambda: len(tree.root.children) == 301)
        assert str(tree.root.children[-1].label) == "and 10 more: type the path"


async def test_names_in_a_folder_cannot_act_on_the_terminal(make_desk: MakeDesk, tmp_path: Path) -> None:
    (tmp_path / "[@click=app.quit]\x1b[2J.png").touch()
    desk = make_desk()
    async with desk.app.run_test(size=(80, 24)) as pilot:
        await in_folder(pilot, desk, tmp_path)
        assert "[@click=app.quit]␛[2J.png" in desk.shown()


@pytest.mark.parametrize("name", ["a-name-that-is-longer-than-the-tree.txt", "漢字" * 20 + ".txt"])
async def test_a_long_name_leaves_room_for_what_it_is(make_desk: MakeDesk, tmp_path: Path, name: str) -> None:
    folder = tmp_path / "all"
    folder.mkdir()
    (folder / name).touch()
    desk = make_desk()
    async with desk.app.run_test(size=(80, 24)) as pilot:
        await in_folder(pilot, desk, folder)
        assert "  not a picture" in desk.shown()
        assert "…" in desk.shown()
