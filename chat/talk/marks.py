"""Marks like `[2]` in a message: they place the picture of that number in the text."""

import re
from collections.abc import Container, Iterator, Sequence
from dataclasses import replace

from chat.conversation import Image, Part, Text, Turn
from chat.drafts import Draft

_MARK = re.compile(r"\[(\d{1,4})\]")


def parts_of(text: str, images: Sequence[Image], first_number: int = 1) -> tuple[Part, ...]:
    """The parts of a message.

    A mark of a picture of this message is replaced by the picture; any other mark is text. A picture without a mark
    follows the one before it, or comes first: so pictures keep their numbers where the marks are in order.

    Args:
        text: As it was typed.
        images: The pictures of this message.
        first_number: The number of its first picture; pictures are numbered through the conversation.
    """
    placed: dict[int, re.Match[str]] = {}
    for mark in _MARK.finditer(text):
        position = int(mark[1]) - first_number
        if 0 <= position < len(images) and position not in placed:
            placed[position] = mark
    parts: list[Part] = [*_unplaced(images, placed, 0)]
    start = 0
    for position, mark in sorted(placed.items(), key=lambda item: item[1].start()):
        parts.extend(_text(text[start : mark.start()]))
        parts += [images[position], *_unplaced(images, placed, position + 1)]
        start = mark.end()
    parts.extend(_text(text[start:]))
    return tuple(parts)


def draft_of(turn: Turn, first_number: int) -> Draft:
    """The message that a turn was sent as, with marks where its pictures stand behind a text; `parts_of` undoes it."""
    number, pieces = first_number, []
    for part in turn.parts:
        if isinstance(part, Text):
            pieces.append(part.text)
        else:
            pieces += [f"[{number}]"] * bool(pieces)
            number += 1
    return Draft("".join(pieces), turn.images)


def _unplaced(images: Sequence[Image], placed: Container[int], start: int) -> Iterator[Image]:
    """The pictures from this position on, up to one that has a mark."""
    while start < len(images) and start not in placed:
        yield images[start]
        start += 1


def _text(text: str) -> list[Part]:
    return [Text(text)] if text.strip() else []


def without_picture(text: str, number: int, last_number: int) -> str:
    """A message's text after one of its pictures is gone: its mark goes, and those behind it move up."""

    def renumber(mark: re.Match[str]) -> str:
        marked = int(mark[1])
        if marked == number:
            return ""
        return f"[{marked - 1}]" if number < marked <= last_number else mark[0]

    return _MARK.sub(renumber, text)


def moved(text: str, first_number: int, count: int, by: int) -> str:
    """A message's text after its pictures got other numbers."""

    def renumber(mark: re.Match[str]) -> str:
        marked = int(mark[1])
        return f"[{marked + by}]" if first_number <= marked < first_number + count else mark[0]

    return _MARK.sub(renumber, text)


def renumbered(draft: Draft, number: int, new_number: int) -> Draft:
    """A message whose first picture got another number: the marks of its pictures go with them."""
    return replace(draft, text=moved(draft.text, number, len(draft.images), new_number - number))
