"""Markdown in replies as HTML that runs nothing and fetches nothing."""

from functools import cache
from html import escape
from typing import TYPE_CHECKING, Final

from chat.safe_text import printable

if TYPE_CHECKING:
    from collections.abc import Iterable

    from markdown_it import MarkdownIt
    from markdown_it.token import Token

MOST_CHARACTERS: Final = 100_000
"""Of a reply whose Markdown is drawn; a longer one stays text."""

_SCHEMES: Final = ("http://", "https://", "mailto:")


def leads_to_the_net(url: str) -> bool:
    """Whether a link opens a page or a letter, and nothing of the reader's own machine."""
    return url.strip().lower().startswith(_SCHEMES)


def plain(text: str) -> str:
    """A text as it was written, its lines and spaces included."""
    return f'<p class="text" dir="auto">{escape(printable(text))}</p>'


def rendered(text: str) -> str:
    """A text with its Markdown drawn; HTML in it and pictures that it names stay words."""
    if len(text) > MOST_CHARACTERS:
        return plain(text)
    parser = _parser()
    tokens = parser.parse(printable(text))
    _make_printable(tokens)
    return f'<div class="markdown" dir="auto">{parser.renderer.render(tokens, parser.options, {})}</div>'


@cache
def _parser() -> "MarkdownIt":
    from markdown_it import MarkdownIt

    class Parser(MarkdownIt):
        def validateLink(self, url: str) -> bool:
            return leads_to_the_net(url)

    parser = Parser("commonmark", {"html": False, "breaks": True})
    return parser.enable(["table", "strikethrough"]).disable("image")


def _make_printable(tokens: "Iterable[Token]") -> None:
    """An entity may have become a character that turns the line around; links tell nobody where they were followed."""
    for token in tokens:
        token.content, token.info = printable(token.content), printable(token.info, multiline=False)
        for name, value in token.attrs.items():
            token.attrs[name] = printable(value, multiline=False) if isinstance(value, str) else value
        if token.type == "link_open":
            token.attrSet("rel", "noopener noreferrer nofollow")
        _make_printable(token.children or ())
