"""What somebody looks for among the sessions: words and filters as they are typed, and where a text holds the words.

Knows nothing of where the sessions are kept.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Final, NamedTuple

from chat.errors import UsageError
from chat.safe_text import short_line

SNIPPET: Final = 160
"""Characters of a text that are shown around what was found in it."""
_BEFORE: Final = 32
"""Characters of a snippet that stand before the first word found."""

_TOKEN: Final = re.compile(
    r'(?:(?P<filter>has|checkpoint|before|after|image):)?(?:"(?P<phrase>[^"]*)"?|(?P<word>[^\s"]+))?'
)


@dataclass(frozen=True, slots=True)
class Filters:
    """What a session must be like, whatever it says."""

    has_picture: bool = False
    checkpoint: str = ""
    """What the name of its newest reply's checkpoint contains."""
    after: str = ""
    """Changed at this time or later; ISO 8601, UTC."""
    before: str = ""
    """Changed earlier than this; ISO 8601, UTC."""
    image: str = ""
    """The file of a picture that is in it, or one like it."""


NO_FILTERS: Final = Filters()


@dataclass(frozen=True, slots=True)
class Query:
    """What is looked for: words that one text, or one title, holds all of, in capitals or not."""

    words: tuple[str, ...] = ()
    filters: Filters = NO_FILTERS

    def __bool__(self) -> bool:
        return bool(self.words) or self.filters != NO_FILTERS


class Piece(NamedTuple):
    """A piece of a text, and whether it is what was looked for."""

    text: str
    is_match: bool = False


def parse_query(text: str) -> Query:
    """The query somebody typed: words, words "in quotes" that stand together, and filters.

    The filters are `has:picture`, `checkpoint:NAME`, `before:2026-11-01`, `after:2026-11-01` and `image:FILE`. Anything
    else with a colon is a word.

    Raises:
        UsageError: A filter cannot be understood.
    """
    words: list[str] = []
    has_picture, named, days = False, {"checkpoint": "", "image": ""}, {"before": "", "after": ""}
    for token in _TOKEN.finditer(text.replace("\0", " ")):
        name = token["filter"]
        value = token["phrase"] if token["phrase"] is not None else token["word"] or ""
        if name == "has":
            has_picture = _has_picture(value)
        elif name in named:
            named[name] = value if name != "image" else _named_file(value)
        elif name is not None:
            days[name] = start_of_day(f"{name}:", value)
        elif value.strip():
            words.append(value)
    return Query(tuple(words), Filters(has_picture, **named, **days))


def _has_picture(value: str) -> bool:
    if value.lower() not in ("picture", "pictures"):
        raise UsageError(f"has:{short_line(value, 20)} is no filter; has:picture is")
    return True


def _named_file(value: str) -> str:
    if not value.strip():
        raise UsageError("image: names no file; image:cat.png does")
    return value


def start_of_day(filter_before: str, value: str) -> str:
    """When a day begins here, in UTC and as the store writes times.

    Args:
        filter_before: What stood before the value, to be said where that is no day.
        value: As in `2026-11-01`.

    Raises:
        UsageError: It is no day.
    """
    try:
        day = date.fromisoformat(value)
        begins = datetime(day.year, day.month, day.day).astimezone().astimezone(UTC)
    except (ValueError, OverflowError) as error:
        said = f"{filter_before}{short_line(value, 20)}"
        raise UsageError(f"{said} is no day; {filter_before}2026-11-01 is") from error
    return begins.isoformat(timespec="microseconds")


def folded(text: str) -> str:
    """The text without the difference of capitals, character for character."""
    whole = text.casefold()
    if len(whole) == len(text):
        return whole
    return "".join(one if len(one := character.casefold()) == 1 else character for character in text)


def holds(text: str, words: Iterable[str]) -> bool:
    """Whether the text holds all of the words."""
    within = folded(text)
    return all(folded(word) in within for word in words)


def marked(text: str, words: Iterable[str]) -> tuple[Piece, ...]:
    """The text in pieces, of which those that are one of the words are marked."""
    # The longest first: of two words that begin in one place the longer one is marked.
    spelled = sorted((folded(word) for word in words if word), key=len, reverse=True)
    if not spelled:
        return (Piece(text),) if text else ()
    pieces: list[Piece] = []
    end = 0
    for match in re.finditer("|".join(map(re.escape, spelled)), folded(text)):
        pieces += [Piece(text[end : match.start()]), Piece(text[match.start() : match.end()], True)]
        end = match.end()
    return tuple(piece for piece in (*pieces, Piece(text[end:])) if piece.text)


def snippet(text: str, words: Iterable[str], most: int = SNIPPET) -> tuple[Piece, ...]:
    """The part of a text around the first of the words in it, as one line, with every one of them marked."""
    words = tuple(words)
    line = " ".join(text.split())
    within = folded(line)
    places = [place for word in words if (place := within.find(folded(word))) >= 0]
    first = min(places, default=0)
    start = 0 if first <= _BEFORE else line.rfind(" ", 0, first - _BEFORE) + 1
    if first - start > 2 * _BEFORE:
        # A text without spaces is cut anywhere.
        start = first - _BEFORE
    cut = line[start : start + most]
    before, after = "…" if start else "", "…" if start + most < len(line) else ""
    return tuple(piece for piece in (Piece(before), *marked(cut, words), Piece(after)) if piece.text)
