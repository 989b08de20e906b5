"""The tokens of a reply: how likely each was, and what else could have stood in its place."""

import math
import threading
from collections.abc import Iterable
from typing import ClassVar, Final

from rich.cells import cell_len, set_cell_size
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from chat.records import StoredTurn
from chat.safe_text import printable, short_line
from chat.seen import WeighedToken
from chat.talk.weighing import Weighed
from chat.talk.wording import count_in_words
from chat.tui.glyphs import GLYPHS
from chat.tui.prompt_lines import Line, Look
from chat.tui.widgets.lines import LinesView

LOW: Final = 0.5
"""A token that was less likely than this was less likely than all others together."""
TOKEN_CELLS: Final = 20
_ALTERNATIVE_CELLS: Final = 15


class TokensScreen(ModalScreen[None]):
    """Lists the tokens of one reply when they are weighed."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,number_sign", "close", "Back", key_display="esc", tooltip="Back to the conversation")
    ]
    AUTO_FOCUS = "#tokens-list"

    def __init__(self, reply: StoredTurn, stop: threading.Event) -> None:
        """Wait for the tokens.

        Args:
            reply: Whose tokens they are.
            stop: Set when nobody waits for them any more.
        """
        super().__init__()
        self._reply = reply
        self._stop = stop

    def compose(self) -> ComposeResult:
        """A title, and a place for the list."""
        with Vertical(classes="dialog", id="tokens"):
            yield Static(self._title("the model weighs them"), id="tokens-title", markup=False)
            with VerticalScroll(id="tokens-list"):
                yield LinesView()

    def _title(self, note: str) -> Content:
        count = len(self._reply.generation.token_ids) if self._reply.generation else 0
        return Content.assemble(
            ("Tokens of the reply", "bold"),
            (f" · {count_in_words(count, 'token')} · {note} · ", "$quiet"),
            ("esc", "bold"),
            (" back", "$quiet"),
        )

    def show(self, weighed: Weighed | None, problem: str = "") -> None:
        """Show the tokens, or why there are none."""
        title = self.query_one("#tokens-title", Static)
        if weighed is None:
            title.update(self._title(short_line(problem, 200)))
            return
        note = "the model's own probabilities, before temperature"
        if not weighed.is_same_prompt:
            given = self._reply.generation.prompt_tokens if self._reply.generation else 0
            note = f"after {weighed.prompt_tokens:,} tokens; the reply was given after {given:,}, so they may differ"
        title.update(self._title(note))
        self.query_one(LinesView).show(token_lines(weighed.tokens))

    def action_close(self) -> None:
        """Go back; what is not weighed by now is not needed."""
        self._stop.set()
        self.dismiss()


def token_lines(tokens: Iterable[WeighedToken]) -> list[Line]:
    """A line for each token: its text, its probability, and the likeliest tokens with theirs."""
    head: Line = ((f"{'token':<{TOKEN_CELLS}}{'':>8}   likeliest", Look.QUIET),)
    return [head, *map(_line, tokens)]


def _line(token: WeighedToken) -> Line:
    share = math.exp(token.log_probability)
    text = _visible(token.text) or f"#{token.token_id}"
    look = Look.LOOKALIKE if share < LOW else Look.PLAIN
    shown = text if cell_len(text) < TOKEN_CELLS else set_cell_size(text, TOKEN_CELLS - 2)
    others = "  ".join(
        f"{set_cell_size(_visible(one.text) or f'#{one.token_id}', _ALTERNATIVE_CELLS - 9)} "
        f"{_percent(math.exp(one.log_probability)):>7}"
        for one in token.alternatives
    )
    rank = "" if token.rank == 1 else f"  rank {token.rank:,}"
    return (
        (shown, look),
        (" " * (TOKEN_CELLS - cell_len(shown)), Look.PLAIN),
        (f"{_percent(share):>8}", Look.PLAIN),
        (f"   {others}{rank}", Look.QUIET),
    )


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _visible(text: str) -> str:
    """A token's text with a sign in the place of every line end, and of a space that would not be seen."""
    shown = printable(text.replace("\n", GLYPHS.line_end), multiline=False)
    return shown if shown.strip() else shown.replace(" ", "·")
