"""Ways into the dialog that chooses pictures, and what it shows."""

from pathlib import Path

from textual.pilot import Pilot
from textual.widgets import Input, Static

from chat.errors import ChatError
from chat.tui.screens.attach import AttachScreen
from chat.tui.widgets.picture_tree import PictureTree
from tests.tui.doubles import Desk, ready, until


async def attach_dialog(pilot: Pilot[ChatError], desk: Desk) -> Input:
    await ready(pilot, desk)
    await pilot.press("ctrl+o")
    await until(pilot, lambda: isinstance(desk.app.screen, AttachScreen) and desk.app.screen.query("#path"))
    return desk.app.screen.query_one("#path", Input)


def told(desk: Desk) -> str:
    """The line below the path."""
    return str(desk.app.screen.query_one("#attach-said", Static).visual)


def attached(desk: Desk) -> list[str]:
    return [image.name for image in desk.screen.composer.draft.images]


async def in_folder(pilot: Pilot[ChatError], desk: Desk, folder: Path) -> PictureTree:
    """The dialog with a folder, the pointer on its first entry."""
    path = await attach_dialog(pilot, desk)
    path.value = f"{folder}"
    await pilot.press("enter")
    tree = desk.app.screen.query_one(PictureTree)
    await until(pilot, lambda: tree.path == folder and tree.root.children)
    assert tree.has_focus
    await pilot.press("down")
    return tree
