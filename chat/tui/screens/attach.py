"""Choosing a picture: a path to type, a tree to walk, and a look at what is chosen."""

import asyncio
import os
from collections.abc import Iterable
from pathlib import Path
from typing import ClassVar

from rich.text import Text, TextType
from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.message import Message
from textual.screen import ModalScreen
from textual.suggester import Suggester
from textual.timer import Timer
from textual.widgets import DirectoryTree, Input, Static

from chat.conversation import Image
from chat.errors import ChatError
from chat.images import PICTURE_SUFFIXES, open_image
from chat.safe_text import printable, short_line
from chat.talk.wording import size_in_words
from chat.tui.pictures import PictureMode, picture_mode
from chat.tui.widgets.picture import PictureView, fixed_box
from chat.tui.widgets.safe_input import SafeInput

PREVIEW_DELAY_S = 0.08


class PathSuggester(Suggester):
    """Completes the name of a folder or a picture."""

    def __init__(self) -> None:
        super().__init__(use_cache=False, case_sensitive=True)
        self._reading = asyncio.Lock()
        self._typed = ""

    async def get_suggestion(self, value: str) -> str | None:
        """The first name in the folder that begins as typed."""
        self._typed = value
        # One folder at a time, and none that nobody waits for any more: a slow disk would take every thread there is.
        async with self._reading:
            return await asyncio.to_thread(_completed, value) if value == self._typed else None


class PictureTree(DirectoryTree):
    """Folders and pictures; names are shown without their control characters."""

    ICON_NODE = "▸ "
    ICON_NODE_EXPANDED = "▾ "
    ICON_FILE = "  "

    def filter_paths(self, paths: Iterable[Path]) -> Iterable[Path]:
        """Leave out what is hidden and what is no picture."""
        return [
            path for path in paths if not path.name.startswith(".") and (is_picture(path.name) or os.path.isdir(path))
        ]

    def process_label(self, label: TextType) -> Text:
        """The name as text: never as markup, and with marks for its control characters."""
        return Text(printable(str(label), multiline=False))


class PreviewOpened(Message):
    """The file under the cursor was read."""

    def __init__(self, path: Path, image: Image | None, facts: str) -> None:
        super().__init__()
        self.path = path
        self.image = image
        self.facts = facts


class AttachScreen(ModalScreen[list[Path]]):
    """Gives the chosen paths, or none."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "close", "Back", tooltip="Back to the message"),
    ]
    AUTO_FOCUS = "#path"

    def __init__(self, folder: Path | None = None) -> None:
        super().__init__()
        self._folder = folder or _working_folder()
        self._timer: Timer | None = None
        self._wanted: Path | None = None

    def compose(self) -> ComposeResult:
        """Path, tree and preview."""
        with Vertical(classes="dialog", id="attach"):
            hint = ("   enter adds · tab folders · esc back", "$quiet")
            yield Static(Content.assemble(("Add a picture", "bold"), hint), markup=False)
            yield SafeInput(placeholder="path · → completes", id="path", suggester=PathSuggester(), compact=True)
            with Horizontal():
                tree = PictureTree(self._folder)
                tree.show_guides, tree.guide_depth = False, 2
                yield tree
                with Vertical(id="preview"):
                    yield Static("", markup=False, id="preview-facts")

    def action_close(self) -> None:
        """Back without a picture."""
        self.dismiss([])

    @on(Input.Submitted, "#path")
    def _take_path(self, message: Input.Submitted) -> None:
        if typed := message.value.strip():
            self._go_to(typed)

    @work(exclusive=True, group="path")
    async def _go_to(self, typed: str) -> None:
        """Show a folder, or give back a picture. Not in a handler: the screen is not drawn while one waits."""
        path, is_folder = await asyncio.to_thread(_looked_up, typed)
        # Another screen may have come on top in the meantime, and `dismiss` takes away whichever that is.
        if not self.is_active:
            return
        if is_folder:
            self.query_one(PictureTree).path = path
        else:
            self.dismiss([path])

    @on(DirectoryTree.FileSelected)
    def _take_file(self, message: DirectoryTree.FileSelected) -> None:
        self.dismiss([message.path])

    @on(Input.Changed, "#path")
    def _preview_typed(self, message: Input.Changed) -> None:
        self._preview_soon(Path(message.value.strip()))

    @on(DirectoryTree.NodeHighlighted)
    def _preview_highlighted(self, message: DirectoryTree.NodeHighlighted[object]) -> None:
        entry = message.node.data
        if path := getattr(entry, "path", None):
            self._preview_soon(path)

    def _preview_soon(self, path: Path) -> None:
        if self._timer is not None:
            self._timer.stop()
        self._wanted = path
        if is_picture(path.name):
            self._timer = self.set_timer(PREVIEW_DELAY_S, lambda: self._open(path))

    @work(thread=True, exclusive=True, group="preview", exit_on_error=False)
    def _open(self, path: Path) -> None:
        try:
            image = open_image(path)
            facts = f"{short_line(image.name, 28)}\n{image.width}×{image.height} · {size_in_words(len(image.read()))}"
            self.post_message(PreviewOpened(path, image, f"{facts}\nsha {image.digest[:8]}"))
        except ChatError as error:
            self.post_message(PreviewOpened(path, None, short_line(str(error))))

    @on(PreviewOpened)
    async def _show_preview(self, message: PreviewOpened) -> None:
        if message.path != self._wanted:
            return
        preview = self.query_one("#preview")
        await preview.query(PictureView).remove()
        if message.image is not None and picture_mode() is not PictureMode.TEXT:
            box = fixed_box(32, 16) if self.app.size.height >= 30 and self.app.size.width >= 100 else fixed_box(20, 10)
            await preview.mount(PictureView(message.image, box), before=0)
        self.query_one("#preview-facts", Static).update(Content(message.facts))


def is_picture(name: str) -> bool:
    """Whether a file is called like a picture."""
    return name.lower().endswith(PICTURE_SUFFIXES)


def _completed(value: str) -> str | None:
    """What is typed with the whole of the first name that begins so; reads the folder."""
    folder, _, beginning = value.rpartition("/")
    try:
        with os.scandir(os.path.expanduser(f"{folder}/" if "/" in value else ".")) as entries:
            fitting = [entry for entry in entries if entry.name.startswith(beginning)]
    except OSError:
        return None
    for entry in sorted(fitting, key=lambda entry: entry.name):
        if beginning or not entry.name.startswith("."):
            is_folder = os.path.isdir(entry.path)
            if printable(entry.name, multiline=False) == entry.name and (is_folder or is_picture(entry.name)):
                return f"{folder}/{entry.name}" + ("/" if is_folder else "") if "/" in value else entry.name
    return None


def _looked_up(typed: str) -> tuple[Path, bool]:
    """The path that is typed, and whether it is a folder; asks the disk."""
    path = Path(os.path.expanduser(typed))
    # Unlike the method of `Path`, this says no where a name is too long or a folder is closed to us.
    return path, os.path.isdir(path)


def _working_folder() -> Path:
    try:
        return Path.cwd()
    except OSError:
        # Somebody deleted it, or closed it to us.
        return Path(os.path.expanduser("~"))
