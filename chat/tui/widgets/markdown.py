"""Replies that hold Markdown. The widget is imported with the first of them, since plain sentences do not need it."""

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from textual.widgets import Markdown

MOST_CHARACTERS: Final = 20_000
MOST_TABLE_ROWS: Final = 100
"""Longer tables take seconds to lay out and stay text."""

_MARKDOWN = re.compile(
    r"^(?:#{1,6} |[-*+] |\d{1,3}[.)] |> |```|~~~| {0,3}(?:[-*_] ?){3,}$|\|.*\|)|\*\*\S|__\S|`[^`\n]+`|\[[^\]\n]+\]\(",
    re.MULTILINE,
)
_TABLE_ROW = re.compile(r"^\s*\|", re.MULTILINE)


def markdown_widget(text: str) -> "Markdown | None":
    """A widget for printable text that holds Markdown; None for text that needs no such widget or is too much for it.

    Links do nothing when clicked, and pictures are neither fetched nor opened.
    """
    if len(text) > MOST_CHARACTERS or not _MARKDOWN.search(text) or len(_TABLE_ROW.findall(text)) > MOST_TABLE_ROWS:
        return None
    from markdown_it import MarkdownIt
    from textual.widgets import Markdown

    # Without the rule, a picture's address in a reply would be drawn as a sign that opens it.
    return Markdown(text, open_links=False, parser_factory=lambda: MarkdownIt("gfm-like").disable("image"))
