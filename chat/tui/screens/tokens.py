"""The tokens of a reply: how likely each was, and what else could have stood in its place."""

import math
import threading
from collections.abc import Iterable, Sequence
from typing import ClassVar, Final

from rich.cells import cell_len, set_cell_size
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import Static

from chat.records import StoredTurn
from chat.safe_text import printable, short_line
from chat.seen import WeighedToken
from chat.talk.weighing import Weighed
from chat.talk.wording import count_in_words
from chat.tui.binding import Binding
from chat.tui.glyphs import GLYPHS
from chat.tui.prompt_lines import Line, Look
from chat.tui.screens.layer import Dialog
from chat.tui.widgets.lines import LinesView

LOW: Final = 0.5
"""A token that was less likely than this was less likely than all others together."""
WIDE: Final = 80
"""Cells of the list from which a token has the wider column."""
WIDE_TOKEN: Final = 20
NARROW_TOKEN: Final = 14
_SHARE: Final = 7
_RANK: Final = 6


class TokensScreen(Dialog[None]):
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
        self._tokens: Sequence[WeighedToken] = ()

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
            (f" · {count_in_words(count, 'token')} · ", "$quiet"),
            ("esc", "bold"),
            (" back", "$quiet"),
            (f"\n{note}", "$quiet"),
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
        self._tokens = weighed.tokens
        self._lay_out()

    def on_resize(self) -> None:
        """Fit the columns into the width."""
        self.call_after_refresh(self._lay_out)

    def _lay_out(self) -> None:
        lines = self.query_one(LinesView)
        if self._tokens and lines.size.width:
            lines.show(token_lines(self._tokens, lines.size.width))

    def action_close(self) -> None:
        """Go back; what is not weighed by now is not needed."""
        self._stop.set()
        self.dismiss()


def token_lines(tokens: Iterable[WeighedToken], width: int) -> list[Line]:
    """A line for each token: its text, its probability and rank, and the likeliest tokens with theirs."""
    listed = list(tokens)
    token_cells = WIDE_TOKEN if width >= WIDE else NARROW_TOKEN
    most = max((len(token.alternatives) for token in listed), default=0)
    room = width - token_cells - _SHARE - _RANK
    other_cells = max(3, room // max(most, 1) - _SHARE - 2)
    head: Line = ((f"{'token':<{token_cells}}{'':{_SHARE}}{'rank':>{_RANK}}  likeliest", Look.QUIET),)
    return [head, *(_line(token, token_cells, other_cells) for token in listed)]


def _line(token: WeighedToken, token_cells: int, other_cells: int) -> Line:
    share = math.exp(token.log_probability)
    text = _visible(token.text) or f"#{token.token_id}"
    shown = text if cell_len(text) < token_cells else set_cell_size(text, token_cells - 1)
    others = "".join(
        f"  {set_cell_size(_visible(one.text) or f'#{one.token_id}', other_cells)}"
        f"{_percent(math.exp(one.log_probability)):>{_SHARE}}"
        for one in token.alternatives
    )
    return (
        (shown, Look.LOOKALIKE if share < LOW else Look.PLAIN),
        (" " * (token_cells - cell_len(shown)), Look.PLAIN),
        (f"{_percent(share):>{_SHARE}}", Look.PLAIN),
        (f"{token.rank:>{_RANK},}{others}", Look.QUIET),
    )


def _percent(share: float) -> str:
    return "100 %" if share >= 0.9995 else f"{100 * share:.1f} %"


def _visible(text: str) -> str:
    """A token's text with a sign in the place of every line end, and of a space that would not be seen."""
    shown = printable(text.replace("\n", GLYPHS.line_end), multiline=False)
    return shown if shown.strip() else shown.replace(" ", "·")
