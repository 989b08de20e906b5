"""Where a playback is: its state in a word, a line with a mark for every turn, and the time."""

from collections.abc import Mapping

from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.content import Content
from textual.events import MouseDown, MouseMove, MouseUp
from textual.message import Message
from textual.widgets import Static

from chat.tui.glyphs import GLYPHS

CELLS_BY_WIDTH = ((160, 60), (100, 40), (60, 24), (0, 0))
"""Cells of the line from so many columns of the window."""
Marks = Mapping[int, bool]
"""Of turns that were compared, by their places from 0, whether they are the same."""


class ScrubLine(Static):
    """The line. A click, or a drag, asks for a place."""

    class Sought(Message):
        """A place in the playback is wanted."""

        def __init__(self, share: float) -> None:
            super().__init__()
            self.share = share
            """Of the whole, from 0 to 1."""

    _is_dragged = False

    def on_mouse_down(self, event: MouseDown) -> None:
        """Ask for the place under the pointer, and for those that it is drawn to."""
        event.stop()
        self._is_dragged = True
        self.capture_mouse()
        self._seek(event.x)

    def on_mouse_move(self, event: MouseMove) -> None:
        """Ask for the place that the pointer was drawn to."""
        if self._is_dragged:
            event.stop()
            self._seek(event.x)

    def on_mouse_up(self, event: MouseUp) -> None:
        """Let the pointer go."""
        event.stop()
        self._is_dragged = False
        self.release_mouse()

    def _seek(self, x: int) -> None:
        if self.size.width > 1:
            self.post_message(self.Sought(min(max(x / (self.size.width - 1), 0.0), 1.0)))


class Scrubber(Horizontal):
    """State at the left, line and time at the right."""

    def compose(self) -> ComposeResult:
        """Three texts."""
        yield Static("", id="play-state", markup=False)
        yield ScrubLine("", id="scrub-line", markup=False)
        yield Static("", id="play-time", markup=False)

    def show(
        self,
        *,
        position: int,
        count: int,
        seconds: float,
        duration: float,
        speed: float,
        is_playing: bool,
        marks: Marks,
        busy: str = "",
        is_stopping: bool = False,
    ) -> None:
        """Show where the playback is.

        Args:
            position: How many turns have begun.
            count: How many there are.
            seconds: That have been played.
            duration: Of the whole, in seconds.
            speed: 1 is the recorded one.
            is_playing: Whether it goes on by itself.
            marks: Which turns are the same as they were, and which differ.
            busy: What a model is doing, in words.
            is_stopping: Whether it has been told to stop.
        """
        if busy:
            escape = " leaves" if is_stopping else " stops"
            working = Content.assemble((GLYPHS.busy[0], "$text-accent"), f" {busy} · ", ("esc", "bold"), escape)
            self.query_one("#play-state", Static).update(working, layout=False)
        sign, word = (GLYPHS.playing, "playing") if is_playing else (GLYPHS.paused, "paused")
        state = f" {word} · turn {position} of {count} · {speed:g}×"
        if not busy:
            self.query_one("#play-state", Static).update(Content.assemble((sign, "$text-accent"), state), layout=False)
        self.query_one("#scrub-line", Static).update(self._line(position, count, marks))
        self.query_one("#play-time", Static).update(Content.styled(f"{_clock(seconds)} / {_clock(duration)}", "$quiet"))

    def _line(self, position: int, count: int, marks: Marks) -> Content:
        cells = next(cells for width, cells in CELLS_BY_WIDTH if self.app.size.width >= width)
        if not cells or not count:
            return Content()

        def cell(turn: int) -> int:
            return round(turn * (cells - 1) / max(count - 1, 1))

        here = cell(position - 1) if position else -1
        line = [
            (GLYPHS.meter, "$primary") if at < here else (GLYPHS.meter_rest, "$foreground 20%") for at in range(cells)
        ]
        for turn in range(count):
            line[cell(turn)] = (GLYPHS.turn, "$primary" if turn < position else "$quiet")
        # Where turns share a cell, that one of them differs is to be seen.
        for turn, is_same in marks.items():
            if not is_same:
                line[cell(turn)] = (GLYPHS.differs[0], "bold $text-warning")
        if position:
            line[here] = (GLYPHS.ready, "$text-accent")
        return Content.assemble(*line)


def _clock(seconds: float) -> str:
    """Minutes and seconds: `1:04`."""
    whole = int(seconds)
    return f"{whole // 60}:{whole % 60:02}"
