"""The loading of a checkpoint, as the turn that a waiting message waits for."""

import time

from textual.app import ComposeResult
from textual.content import Content
from textual.widgets import Static

from chat.loading import LoadProgress
from chat.safe_text import printable
from chat.talk.wording import label_of
from chat.tui.glyphs import GLYPHS
from chat.tui.widgets.turn import TurnView

BAR_CELLS = 40
LEAST_S = 3.0
"""Seconds of loading before the time left is guessed."""


class LoadingTurn(TurnView):
    """How far the loading has come, or why it failed."""

    def __init__(self, checkpoint: str, started: float, progress: LoadProgress) -> None:
        """The loading of a checkpoint.

        Args:
            checkpoint: Its name.
            started: When it began, in `time.monotonic`'s seconds.
            progress: How far it has come.
        """
        super().__init__(Content.styled(printable(label_of(checkpoint), multiline=False), "bold $quiet"))
        self._checkpoint = checkpoint
        self._started = started
        self._shown = self._progress_content(progress)

    def again(self) -> "LoadingTurn":
        """One that shows the same, to be mounted anew."""
        turn = LoadingTurn(self._checkpoint, self._started, LoadProgress(""))
        turn._shown = self._shown
        return turn

    def compose_body(self) -> ComposeResult:
        """One text of two lines."""
        yield Static(self._shown, markup=False, classes="said")

    def show_progress(self, progress: LoadProgress) -> None:
        """Show how far the loading has come."""
        self._show(self._progress_content(progress))

    def show_problem(self, problem: str, cure: str) -> None:
        """Show why there is no model, and what can be done."""
        line = Content.assemble((GLYPHS.failed, "$text-error"), f" {printable(problem, multiline=False)}")
        self._show(Content("\n").join([line, Content.styled(cure, "$quiet")]))

    def _show(self, content: Content) -> None:
        self._shown = content
        # The turn may not be mounted yet; it shows what it has then.
        for said in self.query(".said").results(Static):
            said.update(content)

    def _progress_content(self, progress: LoadProgress) -> Content:
        stage = f" · {printable(progress.stage, multiline=False)}" if progress.stage else ""
        line = Content.styled(f"Loading the checkpoint{stage}", "$quiet")
        if progress.fraction is None:
            return line
        fraction = min(max(progress.fraction, 0.0), 1.0)
        filled = round(fraction * BAR_CELLS)
        bar = Content.assemble(
            (GLYPHS.meter * filled, "$primary"),
            (GLYPHS.meter_rest * (BAR_CELLS - filled), "$foreground 20%"),
            f"  {fraction * 100:.0f} %",
            (self._time_left(fraction), "$quiet"),
        )
        return Content("\n").join([line, bar])

    def _time_left(self, fraction: float) -> str:
        elapsed = time.monotonic() - self._started
        if elapsed < LEAST_S or fraction < 0.05:
            return ""
        return f"  about {max(1, round(elapsed * (1 - fraction) / fraction)):,} s left"
