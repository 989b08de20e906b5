"""A picture in the transcript with its receipt: its number and name, its size, and what the model gets of it."""

from collections.abc import Container
from typing import Final

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.content import Content
from textual.widgets import Static

from chat.conversation import Image
from chat.safe_text import printable
from chat.talk.wording import elided, size_in_words
from chat.tui.glyphs import GLYPHS
from chat.tui.pictures import PictureMode, picture_mode
from chat.tui.widgets.picture import PictureView, PixelPicture

MOST_FIGURES = 4
"""Pictures of one turn that are drawn; of more, one place goes to the count of the rest."""


LEFT_OUT: Final = "the model no longer sees it"


class Receipt(Static):
    """What is known of a picture."""

    def __init__(self, image: Image, number: int, image_size: int | None, *, is_left_out: bool = False) -> None:
        super().__init__(markup=False)
        self._image = image
        self._number = number
        self._image_size = image_size
        self._byte_count: int | None = None
        self._problem = ""
        self._is_missing = False
        self._is_left_out = is_left_out

    def on_mount(self) -> None:
        """Show what is known so far."""
        self._show()

    def add_byte_count(self, byte_count: int) -> None:
        """Show the size of the file too."""
        self._byte_count = byte_count
        self._show()

    def add_image_size(self, image_size: int) -> None:
        """Show the side of the square that the model sees."""
        self._image_size = image_size
        self._show()

    def add_problem(self, problem: str) -> None:
        """Show why the picture cannot be drawn."""
        self._problem = problem
        self._show()

    def tell_missing(self) -> None:
        """Show that the picture is not there to be drawn; how large it was then is not known for sure either."""
        self._is_missing = True
        self.add_problem(f"{GLYPHS.failed} picture [{self._number}] not found by digest")

    def _show(self) -> None:
        image = self._image
        lines = [
            Content.assemble(
                (f"[{self._number}]", "bold $text-accent"),
                (f" {elided(printable(image.name, multiline=False), 28)}", "bold"),
            )
        ]
        if not self._is_missing:
            size = "" if self._byte_count is None else f" · {size_in_words(self._byte_count)}"
            lines.append(Content.styled(f"{image.width}×{image.height}{size}", "$quiet"))
        if self._is_left_out:
            lines.append(Content.styled(f"{GLYPHS.cut} {LEFT_OUT}", "$text-warning"))
        elif self._image_size and not self._is_missing:
            lines.append(Content.styled(f"model sees {self._image_size}×{self._image_size}", "$quiet"))
        lines.append(Content.styled(f"sha {image.digest[:8]}", "$quiet"))
        if self._problem:
            lines.append(Content.styled(printable(self._problem, multiline=False), "$text-error"))
        self.update(Content("\n").join(lines))


class Figure(Horizontal):
    """A picture and its receipt; the receipt stands beside one picture alone and below one of several."""

    def __init__(
        self, image: Image, number: int, image_size: int | None, *, is_alone: bool, is_left_out: bool = False
    ) -> None:
        super().__init__(classes="-alone" if is_alone else "")
        self._is_left_out = is_left_out
        self._image = image
        self._number = number
        self._image_size = image_size

    def compose(self) -> ComposeResult:
        """Picture, then receipt."""
        if picture_mode() is PictureMode.TEXT:
            name = printable(self._image.name, multiline=False)
            size = f"{self._image.width}x{self._image.height}"
            left_out = f" · {LEFT_OUT}" if self._is_left_out else ""
            yield Static(f"[picture {self._number}: {name}, {size}]{left_out}", markup=False)
            return
        if picture_mode() is PictureMode.HALF:
            yield PictureView(self._image)
        else:
            yield PixelPicture(PictureView(self._image, is_stand_in=True))
        yield Receipt(self._image, self._number, self._image_size, is_left_out=self._is_left_out)

    async def show_left_out(self, is_left_out: bool) -> None:
        """Show whether the model does not see the picture."""
        if is_left_out != self._is_left_out:
            self._is_left_out = is_left_out
            await self.recompose()

    @on(PictureView.Shrunk)
    def _add_byte_count(self, message: PictureView.Shrunk) -> None:
        self.query_one(Receipt).add_byte_count(message.shrunk.byte_count)

    @on(PictureView.Unreadable)
    def _add_problem(self, message: PictureView.Unreadable) -> None:
        if message.is_missing:
            self.query_one(Receipt).tell_missing()
        else:
            self.query_one(Receipt).add_problem(str(message.error))


class Figures(Horizontal):
    """The pictures of a turn."""

    def __init__(
        self, images: tuple[Image, ...], first_number: int, image_size: int | None, left_out: Container[int] = ()
    ) -> None:
        super().__init__()
        self._images = images
        self._left_out = left_out
        self._first_number = first_number
        self._image_size = image_size

    def compose(self) -> ComposeResult:
        """As many as are drawn, and how many are not."""
        images = self._images if len(self._images) <= MOST_FIGURES else self._images[: MOST_FIGURES - 1]
        for place, image in enumerate(images):
            number, is_alone = self._first_number + place, len(self._images) == 1
            yield Figure(image, number, self._image_size, is_alone=is_alone, is_left_out=place in self._left_out)
        if hidden := len(self._images) - len(images):
            yield Static(f"+{hidden} more", markup=False, classes="more")

    def show_left_out(self, places: Container[int]) -> None:
        """Show which of the pictures, from 0, the model does not see."""
        self._left_out = places
        for place, figure in enumerate(self.query(Figure)):
            self.call_later(figure.show_left_out, place in places)
