"""The folders of this machine, to choose pictures in: pictures first, whatever else there is in grey."""

import asyncio
import errno
import os
from collections.abc import Awaitable, Callable, Iterator
from enum import IntEnum
from pathlib import Path
from typing import ClassVar, Final, NamedTuple

from rich.cells import cell_len
from rich.style import Style
from rich.text import Text, TextType
from textual import events, on, work
from textual.binding import BindingType
from textual.message import Message
from textual.widgets import Tree
from textual.widgets.tree import TreeNode

from chat.images import PICTURE_SUFFIXES
from chat.safe_text import printable, short_line
from chat.tui.binding import Binding
from chat.tui.glyphs import GLYPHS

MOST_ENTRIES: Final = 10_000
"""Of a folder that are shown; the others are counted."""

AT_ONCE: Final = 200
"""Entries that are added before others may do something."""


class Kind(IntEnum):
    """What an entry is; the order is that of the tree."""

    PICTURE = 0
    FOLDER = 1
    OTHER = 2
    NOTE = 3
    """A line that tells something of the folder."""


class Entry(NamedTuple):
    """Something in a folder."""

    path: Path
    kind: Kind


class PictureTree(Tree[Entry]):
    """Folders and files; names are shown without their control characters. Folders are read on another thread."""

    ICON_NODE = "▸ "
    ICON_NODE_EXPANDED = "▾ "
    COMPONENT_CLASSES: ClassVar[set[str]] = {"picture-tree--chosen", "picture-tree--other"}
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("space", "choose", "Choose", tooltip="Choose the picture, or open the folder"),
        Binding("right", "open_folder", "Open", show=False, tooltip="Open the folder"),
        Binding("left", "close_folder", "Close", show=False, tooltip="Close the folder, or go to the one around it"),
    ]

    class Pointed(Message):
        """The pointer is on an entry."""

        def __init__(self, entry: Entry) -> None:
            super().__init__()
            self.entry = entry

    class Chosen(Message):
        """Other files are chosen than before."""

    class Entered(Message):
        """Enter was pressed on an entry that is no folder, or where files are chosen."""

        def __init__(self, entry: Entry) -> None:
            super().__init__()
            self.entry = entry

    class Read(Message):
        """A folder was read."""

        def __init__(self, node: TreeNode[Entry], entries: list[Entry]) -> None:
            super().__init__()
            self.node = node
            self.entries = entries

    def __init__(self, folder: Path, take_key: Callable[[events.Key], Awaitable[None]]) -> None:
        """Begin at a folder.

        Args:
            folder: The one at the top.
            take_key: Takes a key that is pressed here and means nothing here.
        """
        super().__init__(_from_home(folder), Entry(folder, Kind.FOLDER))
        self._take_key = take_key
        self.show_guides, self.guide_depth, self.auto_expand = False, 2, False
        self.chosen: dict[Path, None] = {}
        """The files that are chosen, in order."""
        self._asked: set[Path] = set()
        """Folders that were read or are being read."""

    @property
    def path(self) -> Path:
        """The folder at the top."""
        return self._entry(self.root).path

    def on_mount(self) -> None:
        """Open the folder at the top."""
        self.root.expand()

    def show_folder(self, folder: Path) -> None:
        """Put another folder at the top; what is chosen stays so."""
        self._asked.clear()
        self.reset(_from_home(folder), Entry(folder, Kind.FOLDER))
        self.root.expand()
        self.cursor_line = 0

    async def _on_key(self, event: events.Key) -> None:
        """Give away what is typed, and what was pressed behind it: at once, so that no key overtakes another."""
        is_typed = event.is_printable and event.key not in self.screen.active_bindings
        if is_typed or self.screen.focused is not self:
            await self._take_key(event)

    def action_open_folder(self) -> None:
        """Open the folder under the pointer."""
        node = self.cursor_node
        if node is not None and self._entry(node).kind is Kind.FOLDER:
            node.expand()

    def action_close_folder(self) -> None:
        """Close the folder under the pointer; where none is open there, go to the folder around it."""
        node = self.cursor_node
        if node is None:
            return
        if node.is_expanded:
            node.collapse()
        elif node.parent is not None:
            self.move_cursor(node.parent)

    def action_choose(self) -> None:
        """Choose the picture under the pointer, or take it back; open or close a folder."""
        node = self.cursor_node
        if node is None:
            return
        path, kind = self._entry(node)
        if kind is Kind.FOLDER:
            node.toggle()
        elif kind is Kind.PICTURE:
            if path in self.chosen:
                del self.chosen[path]
            else:
                self.chosen[path] = None
            node.refresh()
            self.post_message(self.Chosen())

    def process_label(self, label: TextType) -> Text:
        """The name as text: never as markup, and with marks for its control characters."""
        return Text(printable(str(label), multiline=False))

    def render_label(self, node: TreeNode[Entry], base_style: Style, style: Style) -> Text:
        """An entry's line: a sign, its name, and what it is where that is no picture."""
        path, kind = self._entry(node)
        words = "  not a picture" if kind is Kind.OTHER else ""
        label = self._fitted(node, len(words))
        if kind is Kind.FOLDER:
            sign = self.ICON_NODE_EXPANDED if node.is_expanded else self.ICON_NODE
            return Text.assemble((sign, base_style), label, style=style)
        if kind is Kind.PICTURE and path in self.chosen:
            chosen = self.get_component_rich_style("picture-tree--chosen", partial=True)
            return Text.assemble((f"{GLYPHS.chosen} ", chosen), label, style=style)
        if kind is Kind.PICTURE:
            return Text.assemble("  ", label, style=style)
        other = self.get_component_rich_style("picture-tree--other", partial=True)
        return Text.assemble("  ", label, words, style=style + other)

    def _fitted(self, node: TreeNode[Entry], taken: int) -> str:
        """A name without its middle, where its line has no room for it beside its sign and `taken` cells of words."""
        name, depth, above = str(node.label), 0, node.parent
        while above is not None:
            depth, above = depth + 1, above.parent
        room = self.scrollable_content_region.width - depth * self.guide_depth - len(self.ICON_NODE) - taken
        most, shown = room, name
        while room > 0 and cell_len(shown) > room and most > 0:
            shown, most = short_line(name, most), most - 1
        return shown

    @on(Tree.NodeHighlighted)
    def _point(self, message: Tree.NodeHighlighted[Entry]) -> None:
        message.stop()
        self.post_message(self.Pointed(self._entry(message.node)))

    @on(Tree.NodeSelected)
    def _enter(self, message: Tree.NodeSelected[Entry]) -> None:
        message.stop()
        entry = self._entry(message.node)
        if entry.kind is Kind.FOLDER and not self.chosen:
            message.node.toggle()
        else:
            self.post_message(self.Entered(entry))

    @on(Tree.NodeExpanded)
    def _open(self, message: Tree.NodeExpanded[Entry]) -> None:
        message.stop()
        path = self._entry(message.node).path
        if path not in self._asked:
            self._asked.add(path)
            self._read(message.node, path)

    @work(thread=True, group="folders", exit_on_error=False)
    def _read(self, node: TreeNode[Entry], folder: Path) -> None:
        self.post_message(self.Read(node, list(entries_of(folder))))

    @on(Read)
    async def _add(self, message: Read) -> None:
        message.stop()
        top = message.node
        while top.parent is not None:
            top = top.parent
        if top is not self.root:
            # Another folder is at the top by now, without this one.
            return
        for place, entry in enumerate(message.entries):
            if place % AT_ONCE == AT_ONCE - 1:
                await asyncio.sleep(0)
            name = entry.path.name
            if entry.kind is Kind.FOLDER:
                message.node.add(name, entry)
            else:
                message.node.add_leaf(name, entry)

    def _entry(self, node: TreeNode[Entry]) -> Entry:
        return node.data or Entry(Path(), Kind.NOTE)


def _from_home(folder: Path) -> str:
    """A folder's path, short where it is at home."""
    home = os.path.expanduser("~")
    return f"~/{folder.relative_to(home)}" if folder != Path(home) and folder.is_relative_to(home) else str(folder)


def is_picture(name: str) -> bool:
    """Whether a file is called like a picture."""
    return name.lower().endswith(PICTURE_SUFFIXES)


def entries_of(folder: Path) -> Iterator[Entry]:
    """What is in a folder, but for what is hidden: pictures, folders, the rest; one line where it cannot be read."""
    found: list[Entry] = []
    try:
        with os.scandir(folder) as entries:
            found.extend(entry_of(entry) for entry in entries if not entry.name.startswith("."))
    except OSError as error:
        yield Entry(folder / _problem(error), Kind.NOTE)
        return
    found.sort(key=lambda entry: (entry.kind, entry.path.name.lower()))
    yield from found[:MOST_ENTRIES]
    if len(found) > MOST_ENTRIES:
        yield Entry(folder / f"and {len(found) - MOST_ENTRIES:,} more: type the path", Kind.NOTE)


def entry_of(entry: os.DirEntry[str]) -> Entry:
    """What something in a folder is; a link is what it leads to."""
    try:
        is_folder = entry.is_dir()
    except OSError:
        # A link in a circle.
        is_folder = False
    if is_folder:
        return Entry(Path(entry.path), Kind.FOLDER)
    return Entry(Path(entry.path), Kind.PICTURE if is_picture(entry.name) else Kind.OTHER)


def _problem(error: OSError) -> str:
    match error.errno:
        case errno.EACCES | errno.EPERM:
            return "you may not look into this folder"
        case errno.ENOENT | errno.ENOTDIR:
            return "this folder is gone"
        case _:
            return "this folder cannot be read"
