"""One picture, drawn as well as the terminal can."""

from collections.abc import Callable

from textual import on, work
from textual.app import ComposeResult
from textual.containers import Container
from textual.events import Click
from textual.geometry import Size
from textual.message import Message
from textual.strip import Strip

from chat.conversation import Image
from chat.errors import ChatError
from chat.images import is_there
from chat.tui.half_blocks import half_blocks
from chat.tui.pictures import PICTURES, PictureMode, ShrunkPicture, cells_for, picture_mode
from chat.tui.widgets.remeasured import Remeasured

Box = Callable[[Size], tuple[int, int]]
"""Gives the most columns and rows a picture may take in a terminal of some size."""

CELL_PIXELS = (10, 20)
"""Pixels a cell is taken to have where real pixels are drawn."""


def turn_box(terminal: Size) -> tuple[int, int]:
    """The box of a picture in a turn."""
    if terminal.height < 30:
        return 20, 10
    return (28, 14) if terminal.width >= 160 else (24, 12)


def fixed_box(columns: int, rows: int) -> Box:
    """The same box in every terminal."""
    return lambda terminal: (columns, rows)


class PictureView(Remeasured):
    """A picture as large as its box allows; its place is kept while it is read."""

    class Shrunk(Message):
        """The picture was read and made small."""

        def __init__(self, view: "PictureView", shrunk: ShrunkPicture, cells: tuple[int, int]) -> None:
            super().__init__()
            self.view = view
            self.shrunk = shrunk
            self.cells = cells

    class Unreadable(Message):
        """The picture's bytes are gone or damaged."""

        def __init__(self, view: "PictureView", error: ChatError, *, is_missing: bool) -> None:
            super().__init__()
            self.view = view
            self.error = error
            self.is_missing = is_missing
            """Whether there are no bytes at all."""

    class Opened(Message):
        """The picture was clicked."""

        def __init__(self, image: Image, *, is_double: bool) -> None:
            super().__init__()
            self.image = image
            self.is_double = is_double
            """Whether it was clicked twice in a row."""

    def __init__(self, image: Image, box: Box = turn_box, *, is_stand_in: bool = False) -> None:
        """Show a picture.

        Args:
            image: The picture.
            box: The place it may take.
            is_stand_in: Only keep its place and shrink it, for somebody else to draw it with the terminal's pixels.
        """
        super().__init__()
        self.image = image
        self._is_stand_in = is_stand_in
        self._box = box
        self._lines: list[Strip] = []
        self._asked: tuple[int, int] | None = None

    @property
    def cells(self) -> tuple[int, int]:
        """Columns and rows it is drawn in."""
        return cells_for(self.image.width, self.image.height, self._box(self.app.size))

    def show(self, image: Image) -> None:
        """Show another picture in the same place."""
        self.image = image
        self._lines, self._asked = [], None
        self.refresh(layout=True)

    def get_content_width(self, container: Size, viewport: Size) -> int:
        """As wide as its picture, never wider than there is room."""
        return min(self.cells[0], container.width) if container.width else self.cells[0]

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """As high as its picture."""
        return self.cells[1]

    def on_click(self, event: Click) -> None:
        """Tell of it; whether that opens it, others know."""
        self.post_message(self.Opened(self.image, is_double=event.chain > 1))

    def render_line(self, y: int) -> Strip:
        """A line of the picture, or an empty one until it is there."""
        if self._asked != self.cells:
            self._asked = self.cells
            self._shrink(self.image, self._asked)
        return self._lines[y] if y < len(self._lines) else Strip.blank(self.size.width, self.rich_style)

    @work(thread=True, group="pictures", exit_on_error=False)
    def _shrink(self, image: Image, cells: tuple[int, int]) -> None:
        factor = CELL_PIXELS if self._is_stand_in else (1, 2)
        try:
            shrunk = PICTURES.make(image, cells[0] * factor[0], cells[1] * factor[1])
        except ChatError as error:
            self.post_message(self.Unreadable(self, error, is_missing=not is_there(image)))
        else:
            self.post_message(self.Shrunk(self, shrunk, cells))

    @on(Shrunk)
    def _take_lines(self, message: Shrunk) -> None:
        if message.cells == self._asked and not self._is_stand_in:
            self._lines = half_blocks(message.shrunk.pixels)
            self.refresh()


class PixelPicture(Container):
    """A picture drawn with the terminal's own pixels, in the place of a `PictureView`."""

    def __init__(self, view: PictureView) -> None:
        super().__init__()
        self._view = view

    def compose(self) -> ComposeResult:
        """The measuring view alone until the picture is there."""
        yield self._view

    @on(PictureView.Shrunk)
    async def _draw(self, message: PictureView.Shrunk) -> None:
        # Imported as late as this: the import asks the terminal questions, which `picture_mode` has asked before.
        from textual_image.widget import SixelImage, TGPImage

        kind = TGPImage if picture_mode() is PictureMode.KITTY else SixelImage
        drawn = kind(message.shrunk.pixels)
        drawn.styles.width, drawn.styles.height = message.cells
        self._view.styles.display = "none"
        await self.query(kind).remove()
        await self.mount(drawn)
