"""The line at the top: what is talked about, and with which checkpoint."""

from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.content import Content
from textual.widgets import Static

from chat.generation import CheckpointFacts
from chat.safe_text import printable
from chat.talk.wording import checkpoint_in_words, elided
from chat.tui.glyphs import GLYPHS

NEW_TITLE = "New conversation"


class TitleBar(Horizontal):
    """Title at the left, checkpoint at the right."""

    def __init__(self) -> None:
        super().__init__()
        self._facts: CheckpointFacts | None = None
        self._is_talking = False

    def compose(self) -> ComposeResult:
        """Two texts."""
        yield Static(NEW_TITLE, id="title", markup=False)
        yield Static("", id="checkpoint", markup=False)

    def show_title(self, title: str) -> None:
        """Name the session; a session without a name is a new one."""
        self.query_one("#title", Static).update(Content(printable(title, multiline=False) or NEW_TITLE))

    def show_loading(self, checkpoint: str, *, is_demonstration: bool) -> None:
        """Name the checkpoint that is not there yet."""
        self._facts = None
        short = checkpoint.rstrip("/").rpartition("/")[2]
        self._show(GLYPHS.loading, "$text-warning", short, is_demonstration=is_demonstration)

    def show_ready(self, facts: CheckpointFacts) -> None:
        """Name the loaded checkpoint and what it runs on."""
        self._facts = facts
        # A conversation has no need of the word: the welcome told it, and so did the loading.
        is_demonstration = facts.is_demonstration and not self._is_talking
        self._show(GLYPHS.ready, "$text-success", *checkpoint_in_words(facts), is_demonstration=is_demonstration)

    def show_talking(self, is_talking: bool) -> None:
        """Say whether the conversation has begun."""
        if is_talking != self._is_talking:
            self._is_talking = is_talking
            if self._facts is not None:
                self.show_ready(self._facts)

    def show_failed(self, checkpoint: str) -> None:
        """Name the checkpoint that could not be loaded."""
        self._facts = None
        self._show(GLYPHS.failed, "$text-error", checkpoint.rstrip("/").rpartition("/")[2], "not loaded")

    def _show(self, glyph: str, style: str, name: str, detail: str = "", *, is_demonstration: bool = False) -> None:
        quiet = f"{' demonstration' if is_demonstration else ''}{' · ' if detail else ''}{detail}"
        shown = Content.assemble(
            (glyph, style),
            f" {elided(printable(name, multiline=False), 32)}",
            (printable(quiet, multiline=False), "$quiet"),
        )
        self.query_one("#checkpoint", Static).update(shown)
