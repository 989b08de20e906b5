"""Where a playback is: its state in a word, a line with a mark for every turn, and the time."""

from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.content import Content
from textual.events import Click
from textual.message import Message
from textual.widgets import Static

from chat.tui.glyphs import GLYPHS

CELLS_BY_WIDTH = ((160, 60), (100, 40), (60, 24), (0, 0))
"""Cells of the line from so many columns of the window."""


class ScrubLine(Static):
    """The line. A click asks for that place."""

    class Sought(Message):
        """A place in the playback is wanted."""

        def __init__(self, share: float) -> None:
            super().__init__()
            self.share = share
            """Of the whole, from 0 to 1."""

    def on_click(self, event: Click) -> None:
        """Ask for the place under the pointer."""
        event.stop()
        if self.size.width > 1:
            self.post_message(self.Sought(min(max(event.x / (self.size.width - 1), 0.0), 1.0)))


class Scrubber(Horizontal):
    """State at the left, line and time at the right."""

    def compose(self) -> ComposeResult:
        """Three texts."""
        yield Static("", id="play-state", markup=False)
        yield ScrubLine("", id="scrub-line", markup=False)
        yield Static("", id="play-time", markup=False)

    def show(
        self, *, position: int, count: int, seconds: float, duration: float, speed: float, is_playing: bool
    ) -> None:
        """Show where the playback is.

        Args:
            position: How many turns have begun.
            count: How many there are.
            seconds: That have been played.
            duration: Of the whole, in seconds.
            speed: 1 is the recorded one.
            is_playing: Whether it goes on by itself.
        """
        sign, word = (GLYPHS.playing, "playing") if is_playing else (GLYPHS.paused, "paused")
        state = f" {word} · turn {position} of {count} · {speed:g}×"
        self.query_one("#play-state", Static).update(Content.assemble((sign, "$text-accent"), state), layout=False)
        self.query_one("#scrub-line", Static).update(self._line(position, count))
        self.query_one("#play-time", Static).update(Content.styled(f"{_clock(seconds)} / {_clock(duration)}", "$quiet"))

    def _line(self, position: int, count: int) -> Content:
        cells = next(cells for width, cells in CELLS_BY_WIDTH if self.app.size.width >= width)
        if not cells or not count:
            return Content()
        line = [(GLYPHS.meter_rest, "$foreground 20%")] * cells
        for turn in range(count):
            at = round(turn * (cells - 1) / max(count - 1, 1))
            is_past = turn < position
            line[at] = (GLYPHS.turn, "$primary" if is_past else "$quiet")
        if position:
            line[round((position - 1) * (cells - 1) / max(count - 1, 1))] = (GLYPHS.ready, "$text-accent")
        return Content.assemble(*line)


def _clock(seconds: float) -> str:
    """Minutes and seconds: `1:04`."""
    whole = int(seconds)
    return f"{whole // 60}:{whole % 60:02}"
