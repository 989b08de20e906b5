"""A row of the list of sessions: its title, what is known of it, and what was found in it."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final

from textual.content import Content

from chat.safe_text import printable
from chat.search import Piece, marked
from chat.summaries import SessionHit, SessionSummary
from chat.talk.wording import count_in_words, label_of, likeness_in_words, time_in_words
from chat.tui.glyphs import GLYPHS

LEAST_TITLE: Final = 16
"""Cells that a title has at least."""
WITH_CHECKPOINT: Final = 70
"""Cells of a row from which it has room for the checkpoint."""


def shown_pieces(pieces: Iterable[Piece], style: str = "") -> Content:
    """Pieces of a text in one line; what was looked for is bold and in quotes, so that no colour is needed."""
    return Content.assemble(
        *(
            (f"«{printable(piece.text, multiline=False)}»", "bold $foreground")
            if piece.is_match
            else (printable(piece.text, multiline=False), style)
            for piece in pieces
        )
    )


def title_of(session: SessionSummary, words: Sequence[str]) -> Content:
    """The title of a session, with what was looked for marked."""
    return shown_pieces(marked(session.title, words)) if session.title.strip() else Content("(no title)")


def facts_of(session: SessionSummary, now: datetime) -> tuple[str, str]:
    """When a session was changed last, and its pictures; of one that cannot be read as a whole, that it is damaged."""
    when = "damaged" if session.problem else time_in_words(session.updated_at, now)
    return when, count_in_words(session.image_count, "picture")


def session_row(hit: SessionHit, words: Sequence[str], width: int, *, is_open: bool, now: datetime) -> Content:
    """A row as wide as the list; a second line is what was found."""
    sign, title = _sign(hit.summary, is_open), title_of(hit.summary, words)
    when, pictures = facts_of(hit.summary, now)
    facts = f"{when:>11}{pictures:>14}"
    if width >= WITH_CHECKPOINT:
        checkpoint = hit.summary.checkpoint
        facts += f"   {printable(label_of(checkpoint), multiline=False) if checkpoint else '':<8}"
    room = max(LEAST_TITLE, width - 2 - len(facts))
    row = Content.assemble(sign, title.truncate(room, ellipsis=True, pad=True), (facts, "$quiet"))
    return row + _second_line(hit, width, words) if words or hit.picture else row


def pane_row(hit: SessionHit, words: Sequence[str], width: int, *, is_open: bool, now: datetime) -> Content:
    """A row of two lines for the narrow list beside the conversation."""
    title = title_of(hit.summary, words).truncate(width - 2, ellipsis=True)
    facts = Content.styled(f"\n  {' · '.join(facts_of(hit.summary, now))}", "$quiet")
    second = _second_line(hit, width, words) if words or hit.picture else facts
    return Content.assemble(_sign(hit.summary, is_open), title, second)


def _sign(session: SessionSummary, is_open: bool) -> tuple[str, str]:
    signs = f"{GLYPHS.here if is_open else ''}{GLYPHS.pinned if session.is_pinned else ''}"
    return f"{signs:<2}", "$text-accent"


def _second_line(hit: SessionHit, width: int, words: Sequence[str]) -> Content:
    found = (
        shown_pieces(hit.snippet, "$quiet")
        if hit.snippet
        else Content.styled(("its id" if hit.is_named else "in the title") if words else "", "$quiet")
    )
    if hit.picture is not None:
        picture = printable(f"{likeness_in_words(hit.picture)}: {hit.picture.name}", multiline=False)
        found = Content.assemble((picture, "$quiet"), (" · " if words else "", "$quiet"), found)
    indent = "    " if width > 40 else "  "
    return Content.assemble(f"\n{indent}", found.truncate(width - len(indent), ellipsis=True))
