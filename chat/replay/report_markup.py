"""What an HTML report is written with: every text that is not ours is made printable and escaped here."""

from collections.abc import Iterable, Sequence
from html import escape
from typing import Final

from chat.replay.word_marks import Piece
from chat.safe_text import printable

SAME: Final = "="
DIFFERS: Final = "≠"
FAILED: Final = "✕"
UNKNOWN: Final = "–"
"""Stands in a table for what nobody knows."""


def line(text: str) -> str:
    """A text as one line of markup."""
    return escape(printable(text, multiline=False))


def plain(pieces: Iterable[Piece]) -> str:
    """A text as it was written, its lines and spaces included, with its marked pieces."""
    shown = (f"<mark>{text}</mark>" if is_marked else text for text, is_marked in _escaped(pieces))
    return f'<p class="text" dir="auto">{"".join(shown)}</p>'


def _escaped(pieces: Iterable[Piece]) -> Iterable[Piece]:
    return (Piece(escape(printable(piece.text)), piece.is_marked) for piece in pieces)


def table(columns: Sequence[str], rows: Iterable[Sequence[str]], kind: str = "numbers") -> str:
    """A table whose first column names what its rows tell of.

    Args:
        columns: What stands above them.
        rows: Their cells, as markup; one is empty where nobody knows.
        kind: What the cells hold: `numbers` or `words`.
    """
    heads = "".join(f'<th scope="col">{line(one)}</th>' for one in columns)
    body = "".join(_row(row) for row in rows)
    return f'<table class="{kind}" tabindex="0">\n<thead><tr>{heads}</tr></thead>\n<tbody>\n{body}</tbody>\n</table>\n'


def _row(row: Sequence[str]) -> str:
    cells = "".join(f"<td>{cell or UNKNOWN}</td>" for cell in row[1:])
    return f'<tr><th scope="row" dir="auto">{row[0]}</th>{cells}</tr>\n'


def definitions(pairs: Iterable[tuple[str, str]]) -> str:
    """Terms with what they mean."""
    entries = "".join(f"<dt>{line(term)}</dt><dd>{line(meaning)}</dd>\n" for term, meaning in pairs)
    return f"<dl>\n{entries}</dl>\n"


def count(amount: int, noun: str) -> str:
    """So many of something, in words."""
    return f"{amount:,} {noun}{'' if amount == 1 else 's'}"
