"""The pictures of the message being written."""

from collections.abc import Sequence

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.content import Content
from textual.events import Click
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Static

from chat.conversation import Image
from chat.safe_text import printable
from chat.talk.wording import elided
from chat.tui.glyphs import GLYPHS
from chat.tui.pictures import PictureMode, picture_mode
from chat.tui.widgets.picture import PictureView, fixed_box

MOST_CHIPS = 3
"""Chips that are shown at most; the rest are counted."""
AROUND = 7
"""Columns of a chip beside its words: the cross, and what parts it from the next one."""
BEHIND = 3
"""Columns of these behind the cross, which the last chip can do without."""
COUNT_CELLS = 10
"""Columns of the count of those that are not shown."""
COPY_BOX = (8, 4)
"""Of the small copy of a picture."""


class RemoveSign(Static):
    """The cross that takes a picture out."""

    class Pressed(Message):
        """The picture is to go, or the name of what is none."""

        def __init__(self, position: int | None) -> None:
            super().__init__()
            self.position = position

    def __init__(self, position: int | None) -> None:
        super().__init__(GLYPHS.remove, markup=False)
        self._position = position

    def on_click(self, event: Click) -> None:
        """Take it out."""
        event.stop()
        self.post_message(self.Pressed(self._position))


class Chip(Horizontal):
    """A picture's number, name and size, with a small copy of it where there is room."""

    def __init__(self, image: Image, number: int, position: int) -> None:
        super().__init__()
        self._image = image
        self._number = number
        self._position = position

    def compose(self) -> ComposeResult:
        """The copy, the words, and the cross."""
        if picture_mode() is not PictureMode.TEXT:
            yield PictureView(self._image, fixed_box(*COPY_BOX))
        yield Static(_words(self._image, self._number), markup=False, classes="words")
        yield RemoveSign(self._position)


class UnreadChip(Horizontal):
    """The name of a file that could not be read as a picture; why is told above the composer."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self._file_name = name

    def compose(self) -> ComposeResult:
        """The name, and the cross."""
        yield Static(_unread_words(self._file_name), markup=False, classes="words")
        yield RemoveSign(None)


class ChipRow(Horizontal):
    """The chips side by side, as many as there is room for."""

    class Removed(Message):
        """A picture was taken out, or, where it has no position, the names of what is none."""

        def __init__(self, position: int | None) -> None:
            super().__init__()
            self.position = position

    def __init__(self) -> None:
        super().__init__()
        self._images: tuple[Image, ...] = ()
        self._first_number = 1
        self._unread: tuple[str, ...] = ()
        self._shown_count: int | None = None

    async def show(self, images: tuple[Image, ...], first_number: int, unread: Sequence[str] = ()) -> None:
        """Show these pictures, numbered from the given number on, and before them the names of what is none."""
        self._images, self._first_number, self._unread = images, first_number, tuple(unread[:1])
        await self._fill()

    async def on_resize(self) -> None:
        """Show as many as there is room for from here on."""
        if self._shown_count not in (None, self._fitting()):
            await self._fill()

    async def _fill(self) -> None:
        count = self._shown_count = self._fitting()
        hidden = len(self._images) - count
        numbered = list(enumerate(self._images[:count]))
        with self.app.batch_update():
            await self.remove_children()
            self.display = bool(self._images or self._unread)
            await self.mount_all(UnreadChip(name) for name in self._unread)
            await self.mount_all(Chip(image, self._first_number + position, position) for position, image in numbered)
            if hidden:
                await self.mount(Static(f"+{hidden} more", markup=False, classes="more"))

    def _fitting(self) -> int:
        """How many of the pictures there is room for, at least one."""
        # Before it is laid out for the first time it is as wide as the composer.
        width = self.size.width or (self.parent.content_size.width if isinstance(self.parent, Widget) else 0)
        left = width - sum(_unread_words(name).cell_length + AROUND for name in self._unread)
        copy = COPY_BOX[0] + 1 if self._has_copies else 0
        count = 0
        for number, image in enumerate(self._images[:MOST_CHIPS], self._first_number):
            left -= _words(image, number).cell_length + AROUND + copy
            is_last = count + 1 == len(self._images)
            if count and left < (-BEHIND if is_last else COUNT_CELLS):
                break
            count += 1
        return count

    @property
    def _has_copies(self) -> bool:
        """Whether the style sheet shows the copies: in high windows beside a conversation."""
        classes = self.screen.classes
        return picture_mode() is not PictureMode.TEXT and {"-tall", "-talking"} <= classes

    @on(RemoveSign.Pressed)
    def _remove(self, message: RemoveSign.Pressed) -> None:
        message.stop()
        self.post_message(self.Removed(message.position))


def _words(image: Image, number: int) -> Content:
    name = elided(printable(image.name, multiline=False), 24)
    return Content.assemble(
        (f"[{number}]", "bold $text-accent"), f" {name} ", (f"{image.width}×{image.height}", "$quiet")
    )


def _unread_words(name: str) -> Content:
    return Content.assemble(
        (f"{GLYPHS.failed} ", "$text-error"), (elided(printable(name, multiline=False), 24), "$text-error")
    )
