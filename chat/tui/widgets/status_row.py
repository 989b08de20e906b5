"""The line above the composer: what the program is doing, in a word, and how full the context is."""

import time
from enum import StrEnum
from typing import Final, NamedTuple

from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.content import Content
from textual.events import Click
from textual.message import Message
from textual.widgets import Static

from chat.safe_text import printable
from chat.tui.glyphs import GLYPHS

METER_CELLS = 16
FILLING: Final = 0.8
"""Share of the context from which the meter warns."""
NEARLY_FULL: Final = 0.95
STEP_S: Final = 0.25
"""Seconds between two steps of the sign that turns."""


class State(StrEnum):
    """What the program is doing; the value is the word for it."""

    READY = "ready"
    LOADING = "loading"
    CANCELLING = "cancelling"
    NOT_LOADED = "not loaded"
    READING = "reading"
    WRITING = "writing"
    CHOOSING = "choosing"
    STOPPING = "stopping"
    NOT_SAVED = "not saved"

    @property
    def is_busy(self) -> bool:
        """Whether the model is at work on a message."""
        return self in (State.READING, State.WRITING, State.CHOOSING, State.STOPPING)


class Status(NamedTuple):
    """One state of the status row."""

    state: State
    facts: tuple[str, ...] = ()
    """What stands behind the word, in order."""
    amount: str = ""
    """How far it has come, right behind the word."""
    key: str = ""
    """A key that does something about it."""
    key_word: str = ""
    """What the key does."""


class Meter(Static):
    """How full the context is."""

    class Clicked(Message):
        """It was clicked: what takes the room is to be shown."""

    def on_click(self, event: Click) -> None:
        """Tell so."""
        event.stop()
        self.post_message(self.Clicked())


class StatusRow(Horizontal):
    """State at the left, context at the right."""

    def __init__(self) -> None:
        super().__init__()
        self._status = Status(State.LOADING)
        self._step = 0
        self._tokens: int | None = None
        self._limit = 0
        self._fits = True

    def compose(self) -> ComposeResult:
        """Two texts."""
        yield Static(self._state_content(), id="state", markup=False)
        yield Meter("", id="meter", markup=False)

    def show(self, status: Status) -> None:
        """Show a state. While the model is at work it is shown again and again: then its sign turns."""
        step = int(time.monotonic() / STEP_S) if self._turns and status.state.is_busy else 0
        if (status, step) != (self._status, self._step):
            self._status, self._step = status, step
            # Its place is the same whatever it says: the screen need not be laid out anew at every step.
            self.query_one("#state", Static).update(self._state_content(), layout=False)

    def show_context(self, tokens: int | None, limit: int, *, fits: bool = True) -> None:
        """Show how much of the context is used; None where it is not known.

        Args:
            tokens: That are used.
            limit: That there are.
            fits: Whether what is counted could be sent so.
        """
        if (tokens, limit, fits) != (self._tokens, self._limit, self._fits):
            self._tokens, self._limit, self._fits = tokens, limit, fits
            self._show_meter()

    def on_resize(self) -> None:
        """The bar needs room that a narrow column does not have."""
        self._show_meter()

    @property
    def _turns(self) -> bool:
        """Whether motion is wanted, and there is a sign that moves."""
        return self.app.animation_level != "none" and len(GLYPHS.busy) > 1

    def _state_content(self) -> Content:
        status = self._status
        parts: list[str | tuple[str, str]] = [self._glyph(status.state), f" {status.state} {status.amount}".rstrip()]
        for fact in status.facts:
            parts += [(" · ", "$quiet"), printable(fact, multiline=False)]
        if status.key:
            parts += [(" · ", "$quiet"), (status.key, "bold"), (f" {status.key_word}", "$quiet")]
        return Content.assemble(*parts)

    def _glyph(self, state: State) -> tuple[str, str]:
        if state is State.READY:
            return GLYPHS.ready, "$text-success"
        if state in (State.LOADING, State.CANCELLING):
            return GLYPHS.loading, "$text-warning"
        if state.is_busy:
            return GLYPHS.busy[self._step % len(GLYPHS.busy)], "$text-accent"
        return GLYPHS.failed, "$text-error"

    def _show_meter(self) -> None:
        meter, content = self.query_one("#meter", Static), self._meter_content()
        meter.update(content, layout=content.cell_length != meter.size.width)

    def _meter_content(self) -> Content:
        if self._tokens is None or not self._limit:
            return Content()
        share = self._tokens / self._limit
        style, label = "", Content.styled("context ", "$quiet")
        if not self._fits:
            style, label = "$text-error", Content.styled(f"{GLYPHS.failed} does not fit ", "$text-error")
        elif share > NEARLY_FULL:
            style, label = "$text-error", Content.styled(f"{GLYPHS.failed} context nearly full ", "$text-error")
        elif share > FILLING:
            style, label = "$text-warning", Content.styled(f"{GLYPHS.warning} context filling up ", "$text-warning")
        numbers = Content.assemble((f"{self._tokens:,}", style), (f" / {self._limit:,}", "$quiet"))
        if self.size.width < 80:
            return Content.assemble(label, numbers)
        filled = min(METER_CELLS, max(round(share * METER_CELLS), 1 if self._tokens else 0))
        return Content.assemble(
            label,
            (GLYPHS.meter * filled, style or "$primary"),
            (GLYPHS.meter_rest * (METER_CELLS - filled), "$foreground 20%"),
            " ",
            numbers,
        )
