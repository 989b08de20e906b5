"""Text of many shapes in one widget: paragraphs, hanging lists, quotes and tables, as lines of the width there is.

A widget for each item or cell, as Textual's own Markdown has it, takes so long to lay out that keys would wait for it.
"""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

from textual.content import Content
from textual.strip import Strip
from textual.style import Style
from textual.visual import RenderOptions, Visual
from textual.widgets import Static

from chat.tui.glyphs import GLYPHS

if TYPE_CHECKING:
    from textual.css.styles import RulesMap
    from textual.selection import Selection

SPACE: Final = "\ufdd0"
"""At the end of a line: it goes on in the next one, after a space. Unicode keeps this character out of all texts."""
FOLD: Final = "\ufdd1"
"""At the end of a line: it goes on in the next one, in the middle of a word."""
GAP: Final = 2
"""Cells between the columns of a table."""
LEAST_COLUMN: Final = 4
"""Cells that a column of a table keeps, however narrow the window is."""


class Line(NamedTuple):
    """A line that fits the width."""

    content: Content
    goes_on: str = ""
    """How the text goes on in the next line: `SPACE`, `FOLD`, or not at all."""
    indent: int = 0
    """Cells at its beginning that are not of the text."""


class Part(Protocol):
    """Something that can be put into lines."""

    def lines(self, width: int) -> Iterable[Line]:
        """Its lines, none wider than this."""


class Paragraph(NamedTuple):
    """A text whose lines begin alike: after the bullet of an item, or after the bar of a quote."""

    content: Content
    first: str = ""
    """What its first line begins with."""
    rest: str = ""
    """What the others begin with."""

    def lines(self, width: int) -> Iterable[Line]:
        """Its lines, the second and the others as far from the left as the first one's text."""
        room = max(2, width - max(len(self.first), len(self.rest)))
        begin, indent = self.first, 0
        for line in self.content.split("\n", allow_blank=True):
            for content, goes_on in _wrapped(line, room):
                yield Line(Content.assemble((begin, "$quiet"), content) if begin else content, goes_on, indent)
                begin, indent = self.rest, len(self.rest)


class Table(NamedTuple):
    """Rows of cells; the first row is the heads."""

    rows: Sequence[Sequence[Content]]

    def lines(self, width: int) -> Iterable[Line]:
        """Its lines: columns as wide as their cells, or narrower where there is no room for all."""
        columns = max(len(row) for row in self.rows)
        widths = _column_widths(self.rows, columns, width)
        for place, row in enumerate(self.rows):
            cells = [[content for content, _ in _wrapped(cell, room)] for cell, room in zip(row, widths, strict=False)]
            for number in range(max((len(lines) for lines in cells), default=0)):
                line = Content(" " * GAP).join(
                    (lines[number] if number < len(lines) else Content("")).pad_right(
                        max(0, room - (lines[number].cell_length if number < len(lines) else 0))
                    )
                    for lines, room in zip(cells, widths, strict=False)
                )
                yield Line(line.rstrip().stylize("bold") if place == 0 else line.rstrip())
            if place == 0:
                rule = (" " * GAP).join(GLYPHS.meter_rest * room for room in widths)
                yield Line(Content.styled(rule, "$foreground 30%"))


class Flow(Visual):
    """Parts below each other."""

    def __init__(self, parts: Sequence[Part]) -> None:
        self.parts = parts
        self._width = -1
        self._lines: list[Line] = []
        self._content = Content("")

    def at(self, width: int) -> Content:
        """All lines at a width, as one text."""
        if width != self._width:
            self._width = width
            self._lines = [line for part in self.parts for line in part.lines(width)]
            self._content = Content("\n").join(line.content for line in self._lines)
        return self._content

    def selected(self, selection: "Selection") -> str:
        """What a selection takes of it, with the line breaks of the text and not those of the window."""
        marked = "\n".join(f"{line.content.plain}{line.goes_on}" for line in self._lines)
        taken = selection.extract(marked).split("\n")
        # The selection may begin in any line; which one, tells how those after it are indented.
        begin = self._begin_of(selection)
        text = taken[0]
        for line, piece in zip(self._lines[begin + 1 :], taken[1:], strict=False):
            if text.endswith((SPACE, FOLD)):
                text = (text[:-1] + " " if text.endswith(SPACE) else text[:-1]) + piece[line.indent :]
            else:
                text += "\n" + piece
        return text.rstrip(SPACE + FOLD)

    def _begin_of(self, selection: "Selection") -> int:
        return selection.start.y if selection.start is not None else 0

    def render_strips(self, width: int, height: int | None, style: Style, options: RenderOptions) -> list[Strip]:
        """The lines as strips."""
        return self.at(width).render_strips(width, height, style, options)

    def get_optimal_width(self, rules: "RulesMap", container_width: int) -> int:
        """As wide as there is room."""
        return container_width

    def get_height(self, rules: "RulesMap", width: int) -> int:
        """How many lines it takes."""
        self.at(width)
        return len(self._lines)

    def __str__(self) -> str:
        return self._content.plain


class FlowText(Static):
    """Shows a flow; what is selected of it is its text, whatever the width."""

    def __init__(self, flow: Flow, *, classes: str | None = None) -> None:
        super().__init__(flow, markup=False, classes=classes)
        self._flow = flow

    def get_selection(self, selection: "Selection") -> tuple[str, str] | None:
        """The selected text."""
        return self._flow.selected(selection), "\n"


def _wrapped(line: Content, width: int) -> Iterable[tuple[Content, str]]:
    """The lines of one line of text, and how each goes on."""
    plain = line.plain.expandtabs(8)
    wrapped = line.wrap(width)
    at = 0
    for content in wrapped[:-1]:
        at += len(content.plain)
        after = at
        while after < len(plain) and plain[after] == " ":
            after += 1
        yield content, SPACE if after > at or content.plain.endswith(" ") else FOLD
        at = after
    yield wrapped[-1], ""


def _column_widths(rows: Sequence[Sequence[Content]], columns: int, width: int) -> list[int]:
    widths = [
        max((row[column].cell_length for row in rows if column < len(row)), default=0) for column in range(columns)
    ]
    widths = [max(1, one) for one in widths]
    while sum(widths) + GAP * (columns - 1) > width and max(widths) > LEAST_COLUMN:
        # The widest give way, together down to the next narrower one.
        widest = max(widths)
        over = sum(widths) + GAP * (columns - 1) - width
        places = [place for place, one in enumerate(widths) if one == widest]
        next_width = max([one for one in widths if one < widest], default=LEAST_COLUMN)
        step = max(1, min(widest - max(next_width, LEAST_COLUMN), -(-over // len(places))))
        for place in places:
            widths[place] -= step
    return widths
