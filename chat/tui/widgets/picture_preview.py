"""A look at a file before it is chosen: the picture, what is known of it, and what the model would see."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

from textual import on, work
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.geometry import Size
from textual.message import Message
from textual.timer import Timer
from textual.widgets import Static

from chat.conversation import Image
from chat.errors import ChatError
from chat.images import media_type, orientation
from chat.safe_text import short_line
from chat.talk.wording import size_in_words, turned_in_words
from chat.tui.pictures import PICTURES, PictureMode, picture_mode
from chat.tui.widgets.picture import PictureView
from chat.tui.widgets.picture_tree import is_picture

DELAY_S: Final = 0.08
"""Seconds that the pointer rests on a file before it is read."""


class PicturePreview(Vertical):
    """Shows one file at a time."""

    class Opened(Message):
        """The file was read."""

        def __init__(self, path: Path, image: Image | None, facts: str) -> None:
            super().__init__()
            self.path = path
            self.image = image
            self.facts = facts

    def __init__(self, seen: Callable[[Image], str]) -> None:
        """Show nothing yet.

        Args:
            seen: Says what the model sees of a picture, or nothing; called on another thread.
        """
        super().__init__(id="preview")
        self._seen = seen
        self._timer: Timer | None = None
        self._wanted: Path | None = None

    def compose(self) -> ComposeResult:
        """The facts; the picture comes above them."""
        yield Static("", markup=False, id="preview-facts")

    def show_soon(self, path: Path) -> None:
        """Show a file if nothing else is asked for in the meantime; what was shown stays until then."""
        if self._timer is not None:
            self._timer.stop()
        self._wanted = path
        if is_picture(path.name):
            self._timer = self.set_timer(DELAY_S, lambda: self._open(path))

    @work(thread=True, exclusive=True, group="preview", exit_on_error=False)
    def _open(self, path: Path) -> None:
        try:
            image = PICTURES.open(path)
            self.post_message(self.Opened(path, image, self._facts(image)))
        except ChatError as error:
            self.post_message(self.Opened(path, None, short_line(str(error))))

    def _facts(self, image: Image) -> str:
        data = image.read()
        kind = media_type(data).rpartition("/")[2].upper()
        lines = (
            short_line(image.name, 60),
            f"{image.width}×{image.height} {kind} {size_in_words(len(data))}",
            turned_in_words(orientation(data)),
            self._seen(image),
            f"sha {image.digest[:8]}",
        )
        return "\n".join(line for line in lines if line)

    @on(Opened)
    async def _show(self, message: Opened) -> None:
        message.stop()
        if message.path != self._wanted:
            return
        await self.query(PictureView).remove()
        if message.image is not None and picture_mode() is not PictureMode.TEXT:
            await self.mount(PictureView(message.image, preview_box), before=0)
        self.query_one("#preview-facts", Static).update(Content(message.facts))


def preview_box(terminal: Size) -> tuple[int, int]:
    """The box of the picture in a terminal of some size."""
    if terminal.width < 70:
        return 12, 6
    if terminal.width < 100 or terminal.height < 30:
        return 20, 10
    return (40, 20) if terminal.width >= 160 and terminal.height >= 40 else (32, 16)
