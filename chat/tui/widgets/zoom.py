"""A picture as large as its widget, or a part of it larger than that."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from textual import on, work
from textual.containers import Container
from textual.message import Message
from textual.strip import Strip

from chat.errors import ChatError
from chat.tui.half_blocks import half_blocks
from chat.tui.pictures import PictureMode, picture_mode
from chat.tui.widgets.picture import CELL_PIXELS

if TYPE_CHECKING:
    import PIL.Image

STEP: Final = 1.5
"""How much larger a step makes a picture."""
LARGEST: Final = 8
"""Dots of the screen that a dot of the picture takes at most on a side."""
PAN: Final = 0.25
"""How much of what is in view a step to the side goes on by."""


@dataclass(frozen=True, slots=True)
class Part:
    """Which part of a picture is in view."""

    zoom: float = 1.0
    """How much larger than where all of it is in view."""
    x: float = 0.5
    """Where the middle of the view is, from 0 at the left to 1 at the right."""
    y: float = 0.5

    def zoomed(self, factor: float, most: float) -> "Part":
        """A larger or smaller part around the same place; never smaller than the window."""
        return replace(self, zoom=max(1.0, min(self.zoom * factor, max(1.0, most))))

    def moved(self, columns: int, rows: int) -> "Part":
        """A part beside this one, by steps to the right and downward."""
        step = PAN / self.zoom
        return replace(self, x=self.x + columns * step, y=self.y + rows * step)

    def box(self, picture: tuple[int, int], window: tuple[int, int]) -> tuple[float, float, float, float]:
        """Its left, upper, right and lower side, in the picture's own dots; always within the picture."""
        scale = fit(picture, window) * self.zoom
        sides = [min(float(side), room / scale) for side, room in zip(picture, window, strict=True)]
        left, top = (
            max(0.0, min(place * side - taken / 2, side - taken))
            for place, side, taken in zip((self.x, self.y), picture, sides, strict=True)
        )
        return left, top, left + sides[0], top + sides[1]

    def within(self, picture: tuple[int, int], window: tuple[int, int]) -> "Part":
        """The same part, its middle where it really is: a step beyond the edge is none."""
        left, top, right, bottom = self.box(picture, window)
        return replace(self, x=(left + right) / 2 / picture[0], y=(top + bottom) / 2 / picture[1])


def fit(picture: tuple[int, int], window: tuple[int, int]) -> float:
    """Dots of the screen for a dot of the picture where all of it is in view."""
    return min(window[0] / picture[0], window[1] / picture[1])


class ZoomView(Container, can_focus=False):
    """Draws a part of a picture; the work is done beside the UI, the last wish first."""

    class Drawn(Message):
        """A part was drawn."""

        def __init__(self, pixels: "PIL.Image.Image | None", lines: list[Strip]) -> None:
            super().__init__()
            self.pixels = pixels
            self.lines = lines

    class Fitted(Message):
        """There is more room for the picture than before, or less."""

    class Unreadable(Message):
        """The picture could not be drawn."""

        def __init__(self, problem: str) -> None:
            super().__init__()
            self.problem = problem

    def __init__(self) -> None:
        super().__init__()
        self._wanted: Callable[[], PIL.Image.Image] | None = None
        self._is_drawing = False
        self._lines: list[Strip] = []

    def on_resize(self) -> None:
        """Tell that there is another room."""
        self.post_message(self.Fitted())

    def window(self) -> tuple[int, int]:
        """Dots there is room for."""
        columns, rows = CELL_PIXELS if self._draws_pixels else (1, 2)
        return max(1, self.size.width * columns), max(1, self.size.height * rows)

    @property
    def _draws_pixels(self) -> bool:
        return picture_mode() in (PictureMode.KITTY, PictureMode.SIXEL)

    def show(self, make: "Callable[[], PIL.Image.Image]") -> None:
        """Show what this gives; it is called on another thread and may raise ChatError."""
        self._wanted = make
        if not self._is_drawing:
            self._draw_next()

    def _draw_next(self) -> None:
        if self._wanted is not None:
            make, self._wanted = self._wanted, None
            self._is_drawing = True
            self._draw(make)

    @work(thread=True, group="zoom", exit_on_error=False)
    def _draw(self, make: "Callable[[], PIL.Image.Image]") -> None:
        try:
            pixels = make()
        except ChatError as error:
            self.post_message(self.Drawn(None, []))
            self.post_message(self.Unreadable(str(error)))
        else:
            self.post_message(self.Drawn(pixels, [] if self._draws_pixels else half_blocks(pixels)))

    @on(Drawn)
    async def _take(self, message: Drawn) -> None:
        message.stop()
        self._is_drawing = False
        self._lines = message.lines
        if message.pixels is not None and self._draws_pixels:
            await self._show_pixels(message.pixels)
        self.refresh()
        self._draw_next()

    async def _show_pixels(self, pixels: "PIL.Image.Image") -> None:
        # Imported as late as this: the import asks the terminal questions, which `picture_mode` has asked before.
        from textual_image.widget import SixelImage, TGPImage

        kind = TGPImage if picture_mode() is PictureMode.KITTY else SixelImage
        drawn = kind(pixels)
        drawn.styles.width = max(1, round(pixels.width / CELL_PIXELS[0]))
        drawn.styles.height = max(1, round(pixels.height / CELL_PIXELS[1]))
        with self.app.batch_update():
            await self.remove_children()
            await self.mount(drawn)

    def render_line(self, y: int) -> Strip:
        """A line of the picture, in the middle of the widget."""
        width, height = self.size
        place = y - (height - len(self._lines)) // 2
        if self._draws_pixels or not 0 <= place < len(self._lines):
            return Strip.blank(width, self.rich_style)
        line = self._lines[place]
        left = max(0, (width - line.cell_length) // 2)
        return Strip.join([Strip.blank(left, self.rich_style), line]).adjust_cell_length(width, self.rich_style)
