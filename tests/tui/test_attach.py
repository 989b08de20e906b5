"""The dialog that chooses a picture, and paths that no file can have."""

import asyncio
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import PIL.Image
import pytest
from textual.pilot import Pilot
from textual.widgets import Input, Static

from chat.conversation import Image
from chat.errors import ChatError
from chat.prompt import Prompt
from chat.scripted import ScriptedGenerator
from chat.tui.screens.attach import AttachScreen
from chat.tui.widgets.path_input import PathSuggester
from chat.tui.widgets.picture_tree import PictureTree
from tests.tui.doubles import Desk, ready, saved, until

MakeDesk = Callable[..., Desk]


async def _dialog(pilot: Pilot[ChatError], desk: Desk) -> Input:
    await ready(pilot, desk)
    await pilot.press("ctrl+o")
    await until(pilot, lambda: isinstance(desk.app.screen, AttachScreen) and desk.app.screen.query("#path"))
    return desk.app.screen.query_one("#path", Input)


def _told(desk: Desk) -> str:
    """The line below the path."""
    return str(desk.app.screen.query_one("#attach-said", Static).visual)


async def test_a_name_that_is_too_long_is_told_where_it_is_typed(make_desk: MakeDesk) -> None:
    desk = make_desk()
    async with desk.app.run_test() as pilot:
        path = await _dialog(pilot, desk)
        path.value = "a" * 300
        await pilot.press("enter")
        await until(pilot, lambda: "aaa" in _told(desk))
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
        path = await _dialog(pilot, desk)
        path.value = str(closed)
        await pilot.press("enter")
        await until(pilot, lambda: "a.png" in _told(desk))


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
        path = await _dialog(pilot, desk)
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
        path = await _dialog(pilot, desk)
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
        path = await _dialog(pilot, desk)
        path.value = "~/cat.png"
        await until(pilot, lambda: "sha " in str(desk.app.screen.query_one("#preview-facts", Static).visual))
        await pilot.press("enter")
        await until(pilot, lambda: [image.name for image in desk.screen.composer.draft.images] == ["cat.png"])


def _names(desk: Desk) -> list[str]:
    return [image.name for image in desk.screen.composer.draft.images]


async def _in_folder(pilot: Pilot[ChatError], desk: Desk, folder: Path) -> PictureTree:
    """The dialog with a folder, the pointer on its first entry."""
    path = await _dialog(pilot, desk)
    path.value = f"{folder}"
    await pilot.press("enter")
    tree = desk.app.screen.query_one(PictureTree)
    await until(pilot, lambda: tree.path == folder and tree.root.children)
    assert tree.has_focus
    await pilot.press("down")
    return tree


async def test_pictures_stand_first_and_what_is_none_is_said_to_be_none(
    make_desk: MakeDesk, scene_image: Callable[..., Image], tmp_path: Path
) -> None:
    (tmp_path / "all").mkdir()
    for name in ("a.txt", "z.png", ".hidden.png"):
        (tmp_path / "all" / name).touch()
    (tmp_path / "all" / "folder").mkdir()
    desk = make_desk()
    async with desk.app.run_test(size=(80, 24)) as pilot:
        tree = await _in_folder(pilot, desk, tmp_path / "all")
        assert [str(node.label) for node in tree.root.children] == ["z.png", "folder", "a.txt"]
        assert "a.txt  not a picture" in desk.shown()


async def test_several_are_chosen_with_space_and_added_together(
    make_desk: MakeDesk, scene_image: Callable[..., Image], tmp_path: Path
) -> None:
    for number in (1, 2, 3):
        saved(scene_image(number), tmp_path, f"{number}.png")
    desk = make_desk()
    async with desk.app.run_test(size=(80, 24)) as pilot:
        await _in_folder(pilot, desk, tmp_path)
        await pilot.press("down", "down", "space", "up", "space", "up", "space", "space")
        assert "2 chosen" in desk.shown()
        assert "✓ 3.png" in desk.shown()
        await pilot.press("enter")
        await until(pilot, lambda: _names(desk) == ["3.png", "2.png"])


async def test_enter_alone_takes_the_one_under_the_pointer_and_opens_a_folder(
    make_desk: MakeDesk, scene_image: Callable[..., Image], tmp_path: Path
) -> None:
    (tmp_path / "inside").mkdir()
    saved(scene_image(1), tmp_path / "inside", "cat.png")
    desk = make_desk()
    async with desk.app.run_test(size=(80, 24)) as pilot:
        await _in_folder(pilot, desk, tmp_path)
        await pilot.press("enter")
        await until(pilot, lambda: "cat.png" in desk.shown())
        await pilot.press("down", "enter")
        await until(pilot, lambda: _names(desk) == ["cat.png"])


class Costly(ScriptedGenerator):
    """A model to which a picture is worth three tokens, and a word none."""

    def count_tokens(self, prompt: Prompt) -> int:
        return 3 * len(prompt.images)


@pytest.mark.parametrize("size", [(60, 24), (80, 24), (120, 40), (200, 50)])
async def test_a_look_says_what_the_file_is_and_what_the_model_sees(
    make_desk: MakeDesk, tmp_path: Path, size: tuple[int, int]
) -> None:
    exif = PIL.Image.Exif()
    exif[0x0112] = 6
    PIL.Image.new("RGB", (64, 32), "red").save(tmp_path / "park.jpg", exif=exif)
    desk = make_desk(generator=Costly([]))
    async with desk.app.run_test(size=size) as pilot:
        await _in_folder(pilot, desk, tmp_path)
        await until(pilot, lambda: "sha " in str(desk.app.screen.query_one("#preview-facts", Static).visual))
        facts = str(desk.app.screen.query_one("#preview-facts", Static).visual).split("\n")
        assert facts[0] == "park.jpg"
        assert facts[1].startswith("32×64 JPEG ")
        assert facts[2:4] == ["turned by EXIF 90°", "model sees 224×224, cost 3 tokens"]
        shown = desk.shown()
        assert all(fact in shown for fact in facts)
        assert "esc back" in shown


async def test_tab_completes_a_path(make_desk: MakeDesk, scene_image: Callable[..., Image], tmp_path: Path) -> None:
    saved(scene_image(1), tmp_path, "cat.png")
    desk = make_desk()
    async with desk.app.run_test() as pilot:
        path = await _dialog(pilot, desk)
        path.value = f"{tmp_path}/c"
        path.cursor_position = len(path.value)
        await until(pilot, lambda: path._suggestion)
        await pilot.press("tab")
        assert path.value == f"{tmp_path}/cat.png"
        assert path.has_focus
        await pilot.press("enter")
        await until(pilot, lambda: _names(desk) == ["cat.png"])


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
        await _in_folder(pilot, desk, closed)
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
        tree = await _in_folder(pilot, desk, folder)
        await until(pilot, lambda: len(tree.root.children) == 301)
        assert str(tree.root.children[-1].label) == "and 10 more: type the path"


async def test_ctrl_v_leaves_the_files_for_the_clipboard(make_desk: MakeDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "SSH_TTY", "SSH_CONNECTION"):
        monkeypatch.delenv(name, raising=False)
    desk = make_desk()
    async with desk.app.run_test() as pilot:
        await _dialog(pilot, desk)
        await pilot.press("ctrl+v")
        await until(pilot, lambda: "No picture in this machine's clipboard." in desk.notice())
        assert desk.app.screen is desk.screen


async def test_names_in_a_folder_cannot_act_on_the_terminal(make_desk: MakeDesk, tmp_path: Path) -> None:
    (tmp_path / "[@click=app.quit]\x1b[2J.png").touch()
    desk = make_desk()
    async with desk.app.run_test(size=(80, 24)) as pilot:
        await _in_folder(pilot, desk, tmp_path)
        assert "[@click=app.quit]␛[2J.png" in desk.shown()


async def test_a_path_of_no_picture_is_told_and_can_be_mended(
    make_desk: MakeDesk, scene_image: Callable[..., Image], tmp_path: Path
) -> None:
    saved(scene_image(1), tmp_path, "purple.png")
    desk = make_desk()
    async with desk.app.run_test(size=(80, 24)) as pilot:
        path = await _dialog(pilot, desk)
        path.value = f"{tmp_path}/purple"
        path.cursor_position = len(path.value)
        await pilot.press("enter")
        await until(pilot, lambda: "purple: there is no such file" in _told(desk))
        assert isinstance(desk.app.screen, AttachScreen)
        assert path.value == f"{tmp_path}/purple"
        assert path.has_focus
        await pilot.press(*".png")
        await until(pilot, lambda: not _told(desk))
        await pilot.press("enter")
        await until(pilot, lambda: _names(desk) == ["purple.png"])


async def test_enter_on_a_file_that_is_no_picture_tells_so_and_stays(make_desk: MakeDesk, tmp_path: Path) -> None:
    folder = tmp_path / "all"
    folder.mkdir()
    (folder / "README.md").write_text("words")
    (folder / "zebra.md").touch()
    desk = make_desk()
    async with desk.app.run_test(size=(80, 24)) as pilot:
        tree = await _in_folder(pilot, desk, folder)
        await pilot.press("enter")
        await until(pilot, lambda: "README.md: is no PNG" in _told(desk))
        assert isinstance(desk.app.screen, AttachScreen)
        assert tree.has_focus
        await pilot.press("down")
        await until(pilot, lambda: not _told(desk))


async def test_right_opens_a_folder_and_left_closes_it(make_desk: MakeDesk, tmp_path: Path) -> None:
    inside = tmp_path / "all" / "inside"
    inside.mkdir(parents=True)
    (inside / "cat.png").touch()
    desk = make_desk()
    async with desk.app.run_test(size=(80, 24)) as pilot:
        tree = await _in_folder(pilot, desk, tmp_path / "all")
        await pilot.press("right")
        await until(pilot, lambda: "cat.png" in desk.shown())
        await pilot.press("right", "down")
        await until(pilot, lambda: str(tree.cursor_node and tree.cursor_node.label) == "cat.png")
        await pilot.press("left")
        await until(pilot, lambda: str(tree.cursor_node and tree.cursor_node.label) == "inside")
        await pilot.press("left")
        # The preview still names the picture.
        await until(pilot, lambda: "▸ inside" in desk.shown())


async def test_the_keys_are_named_in_one_line_of_80_columns(make_desk: MakeDesk) -> None:
    desk = make_desk()
    async with desk.app.run_test(size=(80, 24)) as pilot:
        await _dialog(pilot, desk)
        await until(pilot, lambda: "enter add, open folder  ctrl+v from clipboard  esc back" in desk.shown())
        assert desk.app.screen.query_one("#attach-keys", Static).size.height == 1


@pytest.mark.parametrize("name", ["a-name-that-is-longer-than-the-tree.txt", "漢字" * 20 + ".txt"])
async def test_a_long_name_leaves_room_for_what_it_is(make_desk: MakeDesk, tmp_path: Path, name: str) -> None:
    folder = tmp_path / "all"
    folder.mkdir()
    (folder / name).touch()
    desk = make_desk()
    async with desk.app.run_test(size=(80, 24)) as pilot:
        await _in_folder(pilot, desk, folder)
        assert "  not a picture" in desk.shown()
        assert "…" in desk.shown()
