"""The dialog that chooses pictures: how they are chosen, looked at and added."""

from collections.abc import Callable
from pathlib import Path

import PIL.Image
import pytest
from textual.widgets import Static

from chat import images
from chat.conversation import Image
from chat.prompt import Prompt
from chat.scripted import ScriptedGenerator
from chat.tui.screens.attach import AttachScreen
from tests.tui.doubles import Desk, saved, until
from tests.tui.picking import attach_dialog, attached, in_folder, told

MakeDesk = Callable[..., Desk]


async def test_several_are_chosen_with_space_and_added_together(
    make_desk: MakeDesk, scene_image: Callable[..., Image], tmp_path: Path
) -> None:
    for number in (1, 2, 3):
        saved(scene_image(number), tmp_path, f"{number}.png")
    desk = make_desk()
    async with desk.app.run_test(size=(80, 24)) as pilot:
        await in_folder(pilot, desk, tmp_path)
        await pilot.press("down", "down", "space", "up", "space", "up", "space", "space")
        assert "2 chosen" in desk.shown()
        assert "✓ 3.png" in desk.shown()
        await pilot.press("enter")
        await until(pilot, lambda: attached(desk) == ["3.png", "2.png"])


async def test_enter_alone_takes_the_one_under_the_pointer_and_opens_a_folder(
    make_desk: MakeDesk, scene_image: Callable[..., Image], tmp_path: Path
) -> None:
    (tmp_path / "inside").mkdir()
    saved(scene_image(1), tmp_path / "inside", "cat.png")
    desk = make_desk()
    async with desk.app.run_test(size=(80, 24)) as pilot:
        await in_folder(pilot, desk, tmp_path)
        await pilot.press("enter")
        await until(pilot, lambda: "cat.png" in desk.shown())
        await pilot.press("down", "enter")
        await until(pilot, lambda: attached(desk) == ["cat.png"])


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
        await in_folder(pilot, desk, tmp_path)
        await until(pilot, lambda: "sha " in str(desk.app.screen.query_one("#preview-facts", Static).visual))
        facts = str(desk.app.screen.query_one("#preview-facts", Static).visual).split("\n")
        assert facts[0] == "park.jpg"
        assert facts[1].startswith("32×64 JPEG ")
        assert facts[2:4] == ["turned by EXIF 90°", "model sees 224×224, cost 3 tokens"]
        shown = desk.shown()
        assert all(fact in shown for fact in facts)
        assert "esc back" in shown


async def test_ctrl_v_leaves_the_files_for_the_clipboard(make_desk: MakeDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "SSH_TTY", "SSH_CONNECTION"):
        monkeypatch.delenv(name, raising=False)
    desk = make_desk()
    async with desk.app.run_test() as pilot:
        await attach_dialog(pilot, desk)
        await pilot.press("ctrl+v")
        await until(pilot, lambda: "No picture in this machine's clipboard." in desk.notice())
        assert desk.app.screen is desk.screen


async def test_enter_on_a_file_that_is_no_picture_tells_so_and_stays(make_desk: MakeDesk, tmp_path: Path) -> None:
    folder = tmp_path / "all"
    folder.mkdir()
    (folder / "README.md").write_text("words")
    (folder / "zebra.md").touch()
    desk = make_desk()
    async with desk.app.run_test(size=(80, 24)) as pilot:
        tree = await in_folder(pilot, desk, folder)
        await pilot.press("enter")
        await until(pilot, lambda: "README.md: is no PNG" in told(desk))
        assert isinstance(desk.app.screen, AttachScreen)
        assert tree.has_focus
        await pilot.press("down")
        await until(pilot, lambda: not told(desk))


async def test_the_keys_are_named_in_one_line_of_80_columns(make_desk: MakeDesk) -> None:
    desk = make_desk()
    async with desk.app.run_test(size=(80, 24)) as pilot:
        await attach_dialog(pilot, desk)
        await until(pilot, lambda: "enter add, open folder  ctrl+v from clipboard  esc back" in desk.shown())
        assert desk.app.screen.query_one("#attach-keys", Static).size.height == 1


async def test_what_was_looked_at_is_attached_without_decoding_it_once_more(
    make_desk: MakeDesk, scene_image: Callable[..., Image], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # No other test has looked at it.
    path = saved(scene_image(1, 3, "seen.png"), tmp_path, "seen.png")
    PIL.Image.open(path).rotate(180).save(path)
    decode, decoded = images._decoded, list[str]()

    def count(data: bytes, name: str) -> PIL.Image.Image:
        decoded.append(name)
        return decode(data, name)

    monkeypatch.setattr(images, "_decoded", count)
    desk = make_desk()
    async with desk.app.run_test(size=(80, 24)) as pilot:
        await in_folder(pilot, desk, tmp_path)
        await until(pilot, lambda: len(decoded) == 2)
        # To see whether it is a picture, and to draw it.
        await pilot.press("enter")
        await until(pilot, lambda: attached(desk) == ["seen.png"])
        assert decoded == ["seen.png"] * 2
        assert desk.screen.composer.draft.images[0].read() == path.read_bytes()
