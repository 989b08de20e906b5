"""Lines that are laid out already, of which only those in view are drawn, however many there are."""

from collections.abc import Sequence
from typing import ClassVar

from rich.segment import Segment
from textual.events import Click
from textual.geometry import Size
from textual.message import Message
from textual.strip import Strip

from chat.tui.prompt_lines import Line, Look, Piece
from chat.tui.widgets.remeasured import Remeasured


class LinesView(Remeasured):
    """Shows lines one below the other; what each piece looks like is told by the rules for its component class."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {f"lines--{look}" for look in Look}

    class Clicked(Message):
        """A piece of a line was clicked."""

        def __init__(self, piece: Piece) -> None:
            super().__init__()
            self.piece = piece

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - what Textual calls it
        super().__init__(id=id)
        self._lines: Sequence[Line] = ()

    @property
    def text(self) -> str:
        """What is shown, line by line."""
        return "\n".join("".join(text for text, _ in line) for line in self._lines)

    @property
    def lines(self) -> Sequence[Line]:
        """What is shown."""
        return self._lines

    def show(self, lines: Sequence[Line]) -> None:
        """Show these lines in the place of those before."""
        is_as_high = len(lines) == len(self._lines)
        self._lines = lines
        self.refresh(layout=not is_as_high)

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """A row for every line."""
        return len(self._lines)

    def render_line(self, y: int) -> Strip:
        """One line."""
        pieces = self._lines[y] if y < len(self._lines) else ()
        segments = [Segment(text, self.get_component_rich_style(f"lines--{look}")) for text, look in pieces]
        return Strip(segments).adjust_cell_length(self.size.width, self.rich_style)

    def on_click(self, event: Click) -> None:
        """Tell which piece it was."""
        offset = event.get_content_offset(self)
        if offset is None or not 0 <= offset.y < len(self._lines):
            return
        end = 0
        for piece in self._lines[offset.y]:
            end += Segment(piece[0]).cell_length
            if offset.x < end:
                self.post_message(self.Clicked(piece))
                return
