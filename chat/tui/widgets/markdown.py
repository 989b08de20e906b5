"""Markdown as a flow of lines. The parser is imported with the first text that needs it: plain sentences do not."""

import re
from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING, Final

from textual.content import Content

from chat.safe_text import printable
from chat.tui.glyphs import ASCII, GLYPHS
from chat.tui.widgets.flow import Flow, Paragraph, Part, Table

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.tree import SyntaxTreeNode

MOST_CHARACTERS: Final = 8_000
"""Of one block; a longer one stays text."""
MOST_TABLE_ROWS: Final = 100
"""Longer tables stay text."""

_MARKDOWN = re.compile(
    r"^ {0,3}(?:#{1,6} |[-*+] |\d{1,9}[.)] |> ?|```|~~~|(?:[-*_] ?){3,}$|=+$|\|.*\|)"
    r"|\*\*\S|__\S|`[^`\n]+`|\[[^\]\n]+\]\(|(?<![\w*])\*[^\s*][^*\n]*\*(?![\w*])|(?<!\w)_[^\s_][^_\n]*_(?!\w)|~~\S",
    re.MULTILINE,
)
_TABLE_ROW = re.compile(r"^\s*\|", re.MULTILINE)
_INLINE_STYLES: Final = {"strong": "bold", "em": "italic", "s": "strike", "code_inline": "on $panel"}


def flow_of(text: str) -> Flow | None:
    """Printable text that holds Markdown, as it is drawn; None for text that has no marks, or is too much for it.

    Links do nothing when clicked: they show where they lead. Pictures are neither fetched nor opened.
    """
    if len(text) > MOST_CHARACTERS or not _MARKDOWN.search(text) or len(_TABLE_ROW.findall(text)) > MOST_TABLE_ROWS:
        return None
    from markdown_it.tree import SyntaxTreeNode

    return Flow([*_blocks(SyntaxTreeNode(_parser().parse(text)).children, "", "", is_loose=True)])


@cache
def _parser() -> "MarkdownIt":
    from markdown_it import MarkdownIt

    # What these would take out of a reply is shown as it stands there.
    return MarkdownIt("gfm-like").disable(["image", "html_block", "html_inline", "reference"])


def _blocks(nodes: list["SyntaxTreeNode"], first: str, rest: str, *, is_loose: bool) -> Iterator[Part]:
    """The blocks below each other, every line behind the same beginning."""
    for place, node in enumerate(nodes):
        if place and is_loose:
            yield Paragraph(Content(""), rest.rstrip(), rest.rstrip())
        yield from _block(node, rest if place else first, rest)


def _block(node: "SyntaxTreeNode", first: str, rest: str) -> Iterator[Part]:
    match node.type:
        case "bullet_list" | "ordered_list":
            yield from _list(node, first, rest)
        case "blockquote":
            bar = "| " if GLYPHS is ASCII else "▌ "
            yield from _blocks(node.children, first + bar, rest + bar, is_loose=True)
        case "table":
            yield Table([[_inline(cell) for cell in row.children] for part in node.children for row in part.children])
        case "fence" | "code_block":
            yield Paragraph(Content.styled(printable(node.content.rstrip("\n")), "on $panel"), first, rest)
        case "hr":
            yield Paragraph(Content.styled(GLYPHS.meter_rest * 3, "$quiet"), first, rest)
        case "heading":
            style = "bold underline" if node.tag == "h1" else "bold"
            yield Paragraph(_inline(node).stylize(style), first, rest)
        case _:
            yield Paragraph(_inline(node), first, rest)


def _list(node: "SyntaxTreeNode", first: str, rest: str) -> Iterator[Part]:
    is_loose = any(not child.hidden for item in node.children for child in item.children if child.type == "paragraph")
    number = int(node.attrs.get("start", 1))
    bullet = "-" if GLYPHS is ASCII else "•"
    width = len(str(number + len(node.children) - 1)) + 2
    for place, item in enumerate(node.children):
        if place and is_loose:
            yield Paragraph(Content(""), rest.rstrip(), rest.rstrip())
        mark = f"{bullet} " if node.type == "bullet_list" else f"{number + place}. ".rjust(width)
        before = rest if place else first
        yield from _blocks(item.children, before + mark, rest + " " * len(mark), is_loose=is_loose)
        if not item.children:
            yield Paragraph(Content(""), before + mark, rest)


def _inline(node: "SyntaxTreeNode") -> Content:
    """The words of a block, with their styles."""
    return Content("").join(_spans(child) for child in node.children) if node.children else Content("")


def _spans(node: "SyntaxTreeNode") -> Content:
    match node.type:
        case "softbreak" | "hardbreak":
            # Whoever writes lines means lines.
            return Content("\n")
        case "link":
            words, address = _inline(node), printable(str(node.attrs.get("href", "")), multiline=False)
            if node.markup in ("linkify", "autolink") or words.plain == address:
                return words.stylize("underline")
            return Content.assemble(words.stylize("underline"), (f" ({address})", "$quiet"))
        case "text" | "code_inline" | "text_special" | "html_inline":
            # An entity may have become a character that steers the terminal.
            return Content.styled(printable(node.content), _INLINE_STYLES.get(node.type, ""))
        case _:
            return _inline(node).stylize(_INLINE_STYLES.get(node.type, ""))
