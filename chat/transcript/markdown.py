"""Conversations as Markdown to read: a heading for each turn, pictures as files in a folder beside the document.

No text can end its turn early or begin another one: where its own Markdown could, it stands in a quotation or a fence.
"""

import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import TYPE_CHECKING, Final

from chat.conversation import Image, Role
from chat.records import StoredTurn
from chat.safe_text import printable
from chat.transcript.present import missing_in_words
from chat.transcript.rendering import leads_to_the_net
from chat.transcript.telling import (
    choice_in_words,
    moment_of,
    numbered,
    origin_of,
    picture_in_words,
    speaker_of,
    title_of,
)
from chat.transcript.values import Transcript

if TYPE_CHECKING:
    from markdown_it import MarkdownIt

MOST_CHARACTERS: Final = 100_000
"""Of a text whose Markdown is looked at; a longer one stands in a fence."""

_SIGNS: Final = re.compile(r"([\\`*_{}\[\]<>()#!|~&])")
# Of footnotes, which our parser does not know: like links, they would reach every turn of the document.
_DEFINITION: Final = re.compile(r"^[ >\t]*\[[^\]\n]+\]:", re.MULTILINE)
_END: Final = "\n\n## end\n"
_END_TOKENS: Final = 3
_MARKS: Final = re.compile(r"[\\`*_\[\]<>#!|~&=+\t-]|^ *\d+[.)]|^ {4}", re.MULTILINE)
"""Without any of these a text has no Markdown in it."""
_REACHING_OUT: Final = frozenset({"html_block", "html_inline", "image"})
"""What a viewer might run, fetch, or take for its own."""


def to_markdown(transcript: Transcript, files: Mapping[str, str]) -> str:
    """The document of a transcript.

    Args:
        transcript: What to write.
        files: For the digest of every picture, the path of its file from where the document will lie; words stand for
            one that has none.
    """
    blocks = [f"# {_escaped(title_of(transcript))}"]
    if transcript.system:
        blocks += ["## System", _contained(transcript.system)]
    numbers = numbered(transcript)
    blocks += _choices(transcript, None)
    for stored in transcript.turns:
        blocks += _turn(stored, files, numbers)
        blocks += _choices(transcript, stored.id)
    return "\n\n".join(blocks) + "\n"


def _turn(stored: StoredTurn, files: Mapping[str, str], numbers: Mapping[tuple[int, int], int]) -> Iterator[str]:
    yield f"## {_escaped(speaker_of(stored))}"
    place = 0
    for part in stored.turn.parts:
        if isinstance(part, Image):
            words = _escaped(picture_in_words(numbers[stored.id, place], part))
            file = files.get(part.digest)
            yield f"![{words}]({file})" if file else f"*{_escaped(missing_in_words(part))}*"
            place += 1
        elif part.text.strip():
            yield _contained(part.text)
    if stored.turn.role is Role.ASSISTANT and not stored.turn.text:
        yield "*(no words)*"
    about = [moment_of(stored.created_at), origin_of(stored.generation) if stored.generation else ""]
    if words := " · ".join(word for word in about if word):
        yield f"*{_escaped(words)}*"


def _choices(transcript: Transcript, turn_id: int | None) -> list[str]:
    return [f"*{_escaped(choice_in_words(choice))}*" for choice in transcript.choices if choice.turn_id == turn_id]


def _contained(text: str) -> str:
    """A text as it is where its Markdown keeps to itself, in a quotation where it would look like turns of its own."""
    text = printable(text).rstrip()
    kinds = _kinds(text)
    if kinds is None or _DEFINITION.search(text) or kinds & _REACHING_OUT:
        return _fenced(text)
    if kinds & {"heading_open", "hr"}:
        return "\n".join(f"> {line}".rstrip() for line in text.split("\n"))
    return text


def _kinds(text: str) -> set[str] | None:
    """What a text is made of as Markdown; None where it does not keep to itself.

    It may take what follows it for a part of it, give it a meaning, or lead to the reader's own files.
    """
    if len(text) > MOST_CHARACTERS:
        return None
    if not _MARKS.search(text):
        return set()
    found: dict[str, object] = {}
    tokens = _parser().parse(text + _END, found)
    own, end = tokens[:-_END_TOKENS], tokens[-_END_TOKENS:]
    ends_apart = end[0].type == "heading_open" and end[0].map == [text.count("\n") + 2, text.count("\n") + 3]
    if not ends_apart or end[0].level or found.get("references"):
        return None
    within = [child for token in own for child in token.children or ()]
    if not all(leads_to_the_net(str(token.attrGet("href"))) for token in within if token.type == "link_open"):
        return None
    return {token.type for token in (*own, *within)}


@cache
def _parser() -> "MarkdownIt":
    from markdown_it import MarkdownIt

    class Parser(MarkdownIt):
        # What this parser refuses to take for a link or a picture, a viewer may follow or fetch.
        def validateLink(self, url: str) -> bool:
            return True

    return Parser("commonmark").enable(["table", "strikethrough"])


def _fenced(text: str) -> str:
    """A text as it stands, in a fence that is longer than any in it."""
    longest = max((len(ticks) for ticks in re.findall("`{3,}", text)), default=2)
    fence = "`" * (longest + 1)
    return f"{fence}text\n{text}\n{fence}"


def _escaped(line: str) -> str:
    """A line without a meaning in Markdown."""
    return _SIGNS.sub(r"\\\1", line)
