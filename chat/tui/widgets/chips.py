"""The pictures of the message being written."""

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.content import Content
from textual.events import Click
from textual.message import Message
from textual.widgets import Static

from chat.conversation import Image
from chat.safe_text import printable
from chat.talk.wording import elided
from chat.tui.glyphs import GLYPHS
from chat.tui.pictures import PictureMode, picture_mode
from chat.tui.widgets.picture import PictureView, fixed_box

MOST_CHIPS = 3
"""Chips that are shown; the rest are counted."""


class RemoveSign(Static):
    """The cross that takes a picture out."""

    class Pressed(Message):
        """The picture is to go."""

        def __init__(self, position: int) -> None:
            super().__init__()
            self.position = position

    def __init__(self, position: int) -> None:
        super().__init__(GLYPHS.remove, markup=False)
        self._position = position

    def on_click(self, event: Click) -> None:
        """Take the picture out."""
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
        image = self._image
        if picture_mode() is not PictureMode.TEXT:
            yield PictureView(image, fixed_box(8, 4))
        name = elided(printable(image.name, multiline=False), 24)
        words = Content.assemble(
            (f"[{self._number}]", "bold $text-accent"), f" {name} ", (f"{image.width}×{image.height}", "$quiet")
        )
        yield Static(words, markup=False, classes="words")
        yield RemoveSign(self._position)


class ChipRow(Horizontal):
    """The chips side by side."""

    class Removed(Message):
        """A picture was taken out."""

        def __init__(self, position: int) -> None:
            super().__init__()
            self.position = position

    async def show(self, images: tuple[Image, ...], first_number: int) -> None:
        """Show these pictures, numbered from the given number on."""
        with self.app.batch_update():
            await self.remove_children()
            self.display = bool(images)
            await self.mount_all(
                Chip(image, first_number + position, position) for position, image in enumerate(images[:MOST_CHIPS])
            )
            if hidden := len(images) - MOST_CHIPS:
                if hidden > 0:
                    await self.mount(Static(f"+{hidden} more", markup=False, classes="more"))

    @on(RemoveSign.Pressed)
    def _remove(self, message: RemoveSign.Pressed) -> None:
        message.stop()
        self.post_message(self.Removed(message.position))
