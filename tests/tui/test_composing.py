"""The pictures of the message being written: taken out and back, placed by marks, counted, and those that are none."""

from collections.abc import Callable
from pathlib import Path

from textual.pilot import Pilot
from textual.widgets import Static

from chat.conversation import Image, Text
from chat.errors import ChatError
from chat.store import SqliteStore
from chat.tui.widgets.chips import Chip, UnreadChip
from chat.tui.widgets.mark_list import MarkList
from tests.tui.doubles import Desk, ready, saved, send, until, write

MakeDesk = Callable[..., Desk]
MakeImage = Callable[..., Image]


def _names(desk: Desk) -> list[str]:
    return [image.name for image in desk.screen.composer.draft.images]


def _pictures(scene_image: MakeImage, *names: str) -> list[Image]:
    return [scene_image(number, name=name) for number, name in enumerate(names, start=1)]


async def _attach(pilot: Pilot[ChatError], desk: Desk, images: list[Image]) -> None:
    await ready(pilot, desk)
    await desk.screen.composer.attach(images)
    await pilot.pause()


async def test_ctrl_z_brings_back_the_picture_taken_out_last_and_its_mark(
    make_desk: MakeDesk, scene_image: MakeImage
) -> None:
    desk = make_desk()
    async with desk.app.run_test(size=(120, 40)) as pilot:
        await _attach(pilot, desk, _pictures(scene_image, "a.png", "b.png"))
        await write(pilot, desk, "Is [2] like [1]?")
        await pilot.press("ctrl+home", "home", "backspace")
        await until(pilot, lambda: _names(desk) == ["a.png"])
        assert desk.text() == "Is  like [1]?"
        await pilot.press("home", "backspace")
        await until(pilot, lambda: _names(desk) == [])
        await pilot.press("ctrl+z")
        await until(pilot, lambda: _names(desk) == ["a.png"])
        await pilot.press("ctrl+z")
        await until(pilot, lambda: _names(desk) == ["a.png", "b.png"])
        assert desk.text() == "Is [2] like [1]?"


async def test_ctrl_z_undoes_typing_that_came_after_a_picture_was_taken_out(
    make_desk: MakeDesk, scene_image: MakeImage
) -> None:
    desk = make_desk()
    async with desk.app.run_test() as pilot:
        await _attach(pilot, desk, _pictures(scene_image, "a.png"))
        await pilot.press("backspace")
        await until(pilot, lambda: _names(desk) == [])
        await write(pilot, desk, "typed")
        await pilot.press("ctrl+z")
        await until(pilot, lambda: desk.text() == "")
        assert _names(desk) == []
        await pilot.press("ctrl+z")
        await until(pilot, lambda: _names(desk) == ["a.png"])


async def test_a_mark_that_is_begun_is_completed_from_the_pictures(
    make_desk: MakeDesk, scene_image: MakeImage, store: SqliteStore
) -> None:
    desk = make_desk()
    async with desk.app.run_test() as pilot:
        await _attach(pilot, desk, _pictures(scene_image, "a.png", "b.png"))
        await write(pilot, desk, "Is ")
        await pilot.press("[")
        await until(pilot, lambda: desk.screen.composer.is_completing)
        assert "b.png stands here in the text" in desk.shown()
        await pilot.press("down", "enter")
        await until(pilot, lambda: desk.text() == "Is [2]")
        assert not desk.screen.composer.is_completing
        await pilot.press(*" like [1", "tab", "?")
        await until(pilot, lambda: desk.text() == "Is [2] like [1]?")
        await pilot.press("enter")
        await until(pilot, lambda: len(desk.turns()) == 2)
    latest = store.latest_session()
    assert latest is not None
    parts = store.turns(latest.id)[0].turn.parts
    assert [part.text if isinstance(part, Text) else part.name for part in parts] == [
        "Is ",
        "b.png",
        " like ",
        "a.png",
        "?",
    ]


async def test_escape_closes_the_marks_and_enter_sends_again(make_desk: MakeDesk, scene_image: MakeImage) -> None:
    desk = make_desk()
    async with desk.app.run_test() as pilot:
        await _attach(pilot, desk, _pictures(scene_image, "a.png"))
        await write(pilot, desk, "array[")
        await until(pilot, lambda: desk.screen.composer.is_completing)
        await pilot.press("escape")
        await until(pilot, lambda: not desk.screen.composer.is_completing)
        assert not desk.screen.query_one(MarkList).display
        await pilot.press("enter")
        await until(pilot, lambda: desk.turns()[:1] == [("user", "array[")])


async def test_a_bracket_without_pictures_is_a_bracket(make_desk: MakeDesk) -> None:
    desk = make_desk()
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        await pilot.press("[", "enter")
        await until(pilot, lambda: desk.turns()[:1] == [("user", "[")])


async def test_pictures_there_is_no_room_for_are_counted(make_desk: MakeDesk, scene_image: MakeImage) -> None:
    names = [f"a-picture-with-a-long-name-{number}.png" for number in range(4)]
    desk = make_desk()
    async with desk.app.run_test(size=(80, 24)) as pilot:
        await _attach(pilot, desk, _pictures(scene_image, *names))
        assert "+3 more" in desk.shown()
        await pilot.resize_terminal(140, 24)
        await until(pilot, lambda: len(desk.screen.query(Chip)) == 2)
        assert "+2 more" in desk.shown()
        desk.screen.composer.take()
        await desk.screen.composer.attach(_pictures(scene_image, "photo-a.png", "photo-b.png", "photo-c.png"))
        await pilot.resize_terminal(80, 24)
        await until(pilot, lambda: len(desk.screen.query(Chip)) == 2)
        await pilot.pause()
        assert "+1 more" in desk.shown()


async def test_a_picture_that_is_attached_already_is_told(
    make_desk: MakeDesk, scene_image: MakeImage, tmp_path: Path
) -> None:
    path = saved(scene_image(1), tmp_path, "a.png")
    desk = make_desk()
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        await send(pilot, desk, f"/image {path}")
        await until(pilot, lambda: _names(desk) == ["a.png"])
        await send(pilot, desk, f"/image {path}")
        await until(pilot, lambda: desk.notice() == "a.png is attached already.")
        assert _names(desk) == ["a.png"]


async def test_what_is_no_picture_leaves_its_name_until_the_message_changes(
    make_desk: MakeDesk, scene_image: MakeImage, tmp_path: Path
) -> None:
    (tmp_path / "scan.png").write_bytes(scene_image(1).read()[:200])
    desk = make_desk()
    async with desk.app.run_test() as pilot:
        await _attach(pilot, desk, _pictures(scene_image, "a.png"))
        await write(pilot, desk, "What is this?")
        desk.screen.attach_paths([tmp_path / "scan.png"])
        await until(pilot, lambda: "scan.png: the file is" in desk.notice())
        assert desk.notice().endswith("· the draft is kept")
        assert "✕ scan.png" in desk.shown()
        assert (desk.text(), _names(desk)) == ("What is this?", ["a.png"])
        await pilot.press("ctrl+home", "home", "backspace")
        await until(pilot, lambda: not desk.screen.query(UnreadChip))
        assert _names(desk) == ["a.png"]
        desk.screen.attach_paths([tmp_path / "scan.png"])
        await until(pilot, lambda: desk.screen.query(UnreadChip))
        await pilot.press("x")
        await until(pilot, lambda: not desk.screen.query(UnreadChip))


async def test_what_is_no_picture_is_shown_in_an_empty_message_too(make_desk: MakeDesk, tmp_path: Path) -> None:
    (tmp_path / "scan.png").write_bytes(b"")
    desk = make_desk()
    async with desk.app.run_test() as pilot:
        await ready(pilot, desk)
        desk.screen.attach_paths([tmp_path / "scan.png"])
        await until(pilot, lambda: "✕ scan.png" in desk.shown())
        assert "draft" not in desk.notice()
        cross = desk.screen.query_one(UnreadChip).query(Static).last()
        await pilot.click(cross)
        await until(pilot, lambda: "✕ scan.png" not in desk.shown().replace(desk.notice(), ""))
