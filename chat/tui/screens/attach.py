"""Choosing pictures: a path to type, a tree to walk, and a look at what the pointer is on."""

import asyncio
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import ClassVar, NamedTuple

from textual import on, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.events import Resize
from textual.widgets import Input, Static

from chat.conversation import Image
from chat.errors import ChatError
from chat.safe_text import short_line
from chat.tui.binding import Binding
from chat.tui.glyphs import GLYPHS
from chat.tui.pictures import PICTURES
from chat.tui.screens.layer import Dialog
from chat.tui.widgets.path_input import PathInput
from chat.tui.widgets.picture_preview import PicturePreview
from chat.tui.widgets.picture_tree import Kind, PictureTree

SLIM = 70
"""Columns below which the preview stands under the tree."""

MOST_NAMED = 50
"""Characters of the names that are told where several begin as typed."""


class Chosen(NamedTuple):
    """What was chosen."""

    paths: tuple[Path, ...] = ()
    is_from_clipboard: bool = False
    """Whether it is to be what lies in the clipboard."""


class Found(NamedTuple):
    """What a path leads to."""

    path: Path
    is_folder: bool = False
    problem: str = ""
    """Why it is neither a folder nor a picture."""


class AttachScreen(Dialog[Chosen]):
    """Gives the chosen paths, which may be none."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "close", "Back", tooltip="Back to the message"),
        Binding("ctrl+v", "paste", "From clipboard", priority=True, tooltip="Attach the picture in the clipboard"),
    ]
    AUTO_FOCUS = "#path"

    def __init__(self, seen: Callable[[Image], str], folder: Path | None = None) -> None:
        """Choose in a folder.

        Args:
            seen: Says what the model sees of a picture, or nothing; called on another thread.
            folder: Where to begin; the working folder, if not given.
        """
        super().__init__()
        self._seen = seen
        self._folder = folder or _working_folder()

    def compose(self) -> ComposeResult:
        """Title, path, tree, preview and keys."""
        with Vertical(classes="dialog", id="attach"):
            with Horizontal(id="attach-title"):
                yield Static(Content.styled("Add pictures", "bold"), markup=False)
                yield Static("", markup=False, id="chosen-count")
            path = PathInput()
            yield path
            yield Static("", markup=False, id="attach-said")
            with Horizontal(id="attach-panes"):
                yield PictureTree(self._folder, path.take_key)
                yield PicturePreview(self._seen)
            yield Static(_keys(), markup=False, id="attach-keys")

    @on(Resize)
    def _fit(self, event: Resize) -> None:
        self.set_class(event.size.width < SLIM, "-slim")

    def action_close(self) -> None:
        """Back without a picture."""
        self.dismiss(Chosen())

    def action_paste(self) -> None:
        """Back, to take what lies in the clipboard."""
        self.dismiss(Chosen(is_from_clipboard=True))

    @on(Input.Submitted, "#path")
    def _take_path(self, message: Input.Submitted) -> None:
        if typed := message.value.strip():
            self._go_to(typed)
        elif self._chosen:
            self.dismiss(Chosen(self._chosen))

    @work(exclusive=True, group="path")
    async def _go_to(self, typed: str) -> None:
        """Show a folder, give back a picture, or tell why it is neither.

        Not in a handler: the screen is not drawn while one waits.
        """
        found = await asyncio.to_thread(_looked_up, typed)
        # Another screen may have come on top in the meantime, and `dismiss` takes away whichever that is.
        if not self.is_active:
            return
        if found.is_folder:
            tree = self.query_one(PictureTree)
            tree.show_folder(found.path)
            tree.focus()
        elif found.problem:
            self._say(Content.styled(f"{GLYPHS.failed} {found.problem}", "$text-error"))
        else:
            self.dismiss(Chosen((*self._chosen, found.path)))

    @on(PictureTree.Entered)
    def _take_entry(self, message: PictureTree.Entered) -> None:
        """All that are chosen, or the one under the pointer."""
        if self._chosen:
            self.dismiss(Chosen(self._chosen))
        elif message.entry.kind in (Kind.PICTURE, Kind.OTHER):
            self._go_to(str(message.entry.path))

    @on(PathInput.Undecided)
    def _tell_fitting(self, message: PathInput.Undecided) -> None:
        if message.fitting:
            self._say(Content.styled(_names(message.fitting), "$quiet"))
        else:
            beginning = short_line(message.typed.rpartition("/")[2], 40)
            self._say(Content.styled(f'No folder or picture begins with "{beginning}".', "$quiet"))

    def _say(self, words: Content | str = "") -> None:
        said = self.query_one("#attach-said", Static)
        said.update(words)
        said.set_class(bool(words), "-said")

    @on(PictureTree.Chosen)
    def _count(self) -> None:
        count = len(self._chosen)
        self.query_one("#chosen-count", Static).update(f"{count:,} chosen" if count else "")

    @on(PictureTree.Pointed)
    def _preview_pointed(self, message: PictureTree.Pointed) -> None:
        self._say()
        self.query_one(PicturePreview).show_soon(message.entry.path)

    @on(Input.Changed, "#path")
    def _preview_typed(self, message: Input.Changed) -> None:
        self._say()
        self.query_one(PicturePreview).show_soon(Path(message.value.strip()))

    @property
    def _chosen(self) -> tuple[Path, ...]:
        return tuple(self.query_one(PictureTree).chosen)


def _keys() -> Content:
    keys = (("space", "choose"), ("enter", "add, open folder"), ("ctrl+v", "from clipboard"), ("esc", "back"))
    parts: list[tuple[str, str]] = []
    for key, words in keys:
        parts += [(key, "bold"), (f" {words}  ", "$quiet")]
    return Content.assemble(*parts)


def _names(paths: Sequence[str]) -> str:
    """The names of some paths in one line, as many as have room, and how many more there are."""
    names = [short_line(path[path.rstrip("/").rfind("/") + 1 :], 30) for path in paths]
    shown = 1
    while shown < len(names) and len("  ".join(names[: shown + 1])) <= MOST_NAMED:
        shown += 1
    more = f"  and {len(names) - shown:,} more" if shown < len(names) else ""
    return "  ".join(names[:shown]) + more


def _looked_up(typed: str) -> Found:
    """What the path that is typed leads to; asks the disk."""
    path = Path(os.path.expanduser(typed))
    # Unlike the method of `Path`, this says no where a name is too long or a folder is closed to us.
    if os.path.isdir(path):
        return Found(path, is_folder=True)
    try:
        PICTURES.open(path)
    except ChatError as error:
        return Found(path, problem=short_line(str(error)))
    return Found(path)


def _working_folder() -> Path:
    try:
        return Path.cwd()
    except OSError:
        # Somebody deleted it, or closed it to us.
        return Path(os.path.expanduser("~"))
