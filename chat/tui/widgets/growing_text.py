"""Text that grows while it is read."""

import math
import time
from collections.abc import Iterator
from typing import Final

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Static

from chat.tui.glyphs import GLYPHS
from chat.tui.widgets.remeasured import Remeasured

GROW_S: Final = 0.3
"""Seconds between two growths by lines. Laying the screen out takes as long as several keys; the words of the lines
that are there take as long as one, and may be shown at any time."""
CALM_GROW_S: Final = 3.5
"""The same while there are keys that would have to wait: one in a hundred does."""
LINES_AHEAD: Final = 6
"""Lines that a calm growth makes room for beyond the text's own: its words go on in them until the next one."""
MOST_TAIL: Final = 1_500
"""Characters of a text being written that are laid out anew with every word."""


class Pace:
    """When a reply may take further lines: not too soon after it has."""

    def __init__(self) -> None:
        self._grew_at = -math.inf

    def allows(self, *, calmly: bool) -> bool:
        """Whether lines may come; calmly, more time goes by between two growths."""
        return time.monotonic() - self._grew_at >= (CALM_GROW_S if calmly else GROW_S)

    def grew(self) -> None:
        """Lines have come."""
        self._grew_at = time.monotonic()


class GrowingText(Static, Remeasured):
    """Shows a text that is set often and mostly has as many lines as before."""

    def __init__(self, content: Content, *, classes: str | None = None) -> None:
        super().__init__(content, markup=False, classes=classes)

    def fit(self, content: Content, *, calmly: bool = False) -> bool:
        """Show this in the place of what was shown; False if it takes further lines and is not shown yet.

        Args:
            content: All of the text.
            calmly: Go on in lines that were made room for.
        """
        lines, room = content.get_height({}, self.content_size.width), self.content_size.height
        is_fitting = lines <= room if calmly else lines == room
        if is_fitting:
            self.update(content, layout=False)
        return is_fitting

    def begin(self, content: Content, *, calmly: bool = False) -> None:
        """Show this in the place of what was shown, at once.

        Args:
            content: All of the text.
            calmly: Make room for lines to come.
        """
        lines = content.get_height({}, self.content_size.width) if calmly else 0
        self.styles.min_height = lines + LINES_AHEAD if calmly else None
        self.update(content)


class PiecedText(Vertical):
    """A text that may be long and may grow: what does not change any more lies in pieces, which are laid out once."""

    def __init__(self, text: str = "", *, pace: Pace | None = None) -> None:
        """A text.

        Args:
            text: Of a text that has ended.
            pace: Of one that is being written.
        """
        super().__init__()
        self._pace = pace
        self._written = [text]
        *self._pieces, self._tail = _pieces_of(text)
        self._growing: GrowingText | None = None

    @property
    def text(self) -> str:
        """All that was written."""
        return "".join(self._written)

    @property
    def has_no_words(self) -> bool:
        """Whether nothing was written."""
        return not self._pieces and not self._tail.strip("\n")

    def compose(self) -> ComposeResult:
        """The pieces."""
        for piece in self._pieces:
            yield _piece(piece)
        if self._pace is None:
            yield _piece(self._tail)
        else:
            self._growing = GrowingText(self._shown_tail(), classes="said")
            yield self._growing

    def append(self, text: str) -> None:
        """Take more of the text; `draw` shows it."""
        self._written.append(text)
        self._tail += text

    def draw(self, *, calmly: bool) -> bool:
        """Show all of the text; False if it must be shown a little later."""
        if self._growing is None:
            return False
        # Asked once: where the answer to a second look were another, the tail might grow each time before it settles.
        may_take_lines = self._pace is not None and self._pace.allows(calmly=calmly)
        if may_take_lines and (end := self._settled_end()):
            # Laying this out again with every word would slow typing down.
            settled, self._tail = self._tail[:end], self._tail[end:]
            piece = settled.removesuffix("\n")
            self._pieces.append(piece)
            self.mount(_piece(piece), before=self._growing)
        elif not self._growing.content_size.width:
            # Not laid out yet, or in a window too narrow for it.
            return False
        elif self._growing.fit(self._shown_tail(), calmly=calmly):
            return True
        elif not may_take_lines:
            return False
        if self._pace is not None:
            self._pace.grew()
        self._growing.begin(self._shown_tail(), calmly=calmly)
        return True

    def _settled_end(self) -> int:
        """How much of the tail may become a piece; 0 for nothing yet."""
        if len(self._tail) <= MOST_TAIL:
            return 0
        end = self._tail.rstrip("\n").rfind("\n")
        if end > 0:
            return end + 1
        width = self.content_size.width
        if not width:
            return 0
        # One long line: up to where the window breaks it, so that it looks as if it were whole.
        lines = Content(self._tail).wrap(width)
        end = 0
        for line in lines[:-2]:
            end += len(line.plain)
            while end < len(self._tail) and self._tail[end] == " ":
                end += 1
        return end

    async def clear(self) -> None:
        """Begin anew."""
        self._written, self._pieces, self._tail = [], [], ""
        if self._growing is not None:
            await self.query(Static).exclude("GrowingText").remove()
            self._growing.begin(self._shown_tail())

    async def end(self, content: Content | None = None) -> None:
        """The text has ended.

        Args:
            content: To show in the place of all pieces; None leaves them as they are.
        """
        self._pace = None
        if self._growing is None:
            return
        if content is not None:
            await self.query(Static).exclude("GrowingText").remove()
        self._growing.begin(Content(self._tail.rstrip("\n")) if content is None else content)

    def _shown_tail(self) -> Content:
        # A line that nothing stands in yet takes no place.
        return Content.assemble(self._tail.rstrip("\n"), (GLYPHS.caret, "$accent"))


def _piece(text: str) -> Static:
    return Static(Content(text), markup=False, classes="said")


def _pieces_of(text: str) -> Iterator[str]:
    """A text that has ended, cut behind lines where it has some."""
    begin = 0
    while len(text) - begin > MOST_TAIL:
        end = text.rfind("\n", begin + 1, begin + MOST_TAIL)
        yield text[begin : end if end > 0 else begin + MOST_TAIL]
        begin = end + 1 if end > 0 else begin + MOST_TAIL
    yield text[begin:]
