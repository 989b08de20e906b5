"""A prompt's tokens in lines: broken between tokens alone, each shown as what it is.

A word is kept whole where there is room for it. Signs for line ends stand where the prompt has one, and nowhere else.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum
from itertools import groupby
from typing import Final, NamedTuple

from rich.cells import cell_len, chop_cells

from chat.prompt import BEGIN_OF_SEQUENCE, END_OF_SEQUENCE, END_OF_UTTERANCE, FENCE, GLOBAL_IMAGE, IMAGE
from chat.safe_text import printable
from chat.seen import SeenPrompt, SeenSegment, SegmentKind
from chat.tui.glyphs import GLYPHS

INDENT: Final = 2
"""Cells before every line of a turn but the one that its label begins."""

_NAMED: Final = (BEGIN_OF_SEQUENCE, END_OF_SEQUENCE, END_OF_UTTERANCE, FENCE, GLOBAL_IMAGE, IMAGE)
_LOOKALIKE: Final = re.compile("|".join([*map(re.escape, _NAMED), r"<row_\d+_col_\d+>", r"<\|[^|<>\s]+\|>"]))


class Look(StrEnum):
    """How a piece of a line looks; each stands for what it is, too, by its spelling."""

    PLAIN = "plain"
    QUIET = "quiet"
    BOLD = "bold"
    LABEL = "label"
    FENCE = "fence"
    IMAGE = "image"
    CLOSING = "closing"
    NUMBER = "number"
    LOOKALIKE = "lookalike"
    """Words that are spelled like a control token, and are none."""


Piece = tuple[str, Look]
Line = tuple[Piece, ...]


class Manner(NamedTuple):
    """How a prompt is laid out."""

    width: int
    folds: bool = False
    """Show the number of a picture alone in the place of its tokens."""
    has_ids: bool = False
    """Show the id of every token behind it."""


class _Atom(NamedTuple):
    """What no line break may part."""

    pieces: tuple[Piece, ...]
    begins_line: bool = False
    is_flush: bool = False
    """Whether it stands at the very left where it begins a line."""
    joins: bool = False
    """Whether it goes on with the word before it."""
    ends_line: bool = False

    @property
    def cells(self) -> int:
        return sum(cell_len(text) for text, _ in self.pieces)


def prompt_lines(shown: SeenPrompt, numbers: Sequence[int], manner: Manner) -> list[Line]:
    """The lines of a prompt.

    Args:
        shown: The prompt.
        numbers: Of its pictures, in order, the numbers that they go by.
        manner: How it is laid out.
    """
    return _filled(_atoms(shown, numbers, manner), manner.width)


def _atoms(shown: SeenPrompt, numbers: Sequence[int], manner: Manner) -> Iterator[_Atom]:
    turn, was_picture = 0, False
    for picture, run in groupby(shown.segments, key=lambda segment: segment.picture):
        segments = list(run)
        if picture:
            number = f"[{numbers[picture - 1]}]"
            if manner.folds:
                yield _Atom(((f" {number} ", Look.IMAGE),))
            else:
                yield from _picture_atoms(shown, segments, number, manner)
        for segment in segments if not picture else ():
            begins_turn, turn = segment.turn > turn, segment.turn
            atoms = _text_atoms(shown, segment, manner)
            if begins_turn:
                atoms = _at_the_left(atoms)
            elif was_picture and not manner.folds:
                atoms = _on_a_new_line(atoms)
            for atom in atoms:
                was_picture = False
                yield atom
        was_picture = was_picture or bool(picture)


def _at_the_left(atoms: Iterable[_Atom]) -> Iterator[_Atom]:
    """What a turn begins with: the end of the line before, where there is one, and its label."""
    listed = list(atoms)
    ended = next((place for place, atom in enumerate(listed) if atom.ends_line), -1)
    for place, atom in enumerate(listed):
        yield atom._replace(begins_line=True, is_flush=True) if place == ended + 1 else atom


def _on_a_new_line(atoms: Iterable[_Atom]) -> Iterator[_Atom]:
    for place, atom in enumerate(atoms):
        yield atom._replace(begins_line=True) if place == 0 else atom


def _picture_atoms(shown: SeenPrompt, segments: Sequence[SeenSegment], number: str, manner: Manner) -> Iterator[_Atom]:
    """A picture's tokens; of a run of the same ones the first, and how many there are."""
    start, end = segments[0].start, segments[-1].end
    is_first = True
    for (text, token_id), run in groupby(zip(shown.texts[start:end], shown.token_ids[start:end], strict=True)):
        count = len(list(run))
        if text.strip() == "" and "\n" in text:
            yield from _line_ends(text)
            continue
        pieces: list[Piece] = [(printable(text, multiline=False), Look.IMAGE if text == IMAGE else Look.FENCE)]
        if count > 1:
            pieces.append((f"×{count:,}", Look.QUIET))
        if manner.has_ids:
            pieces.append((f"·{token_id}", Look.QUIET))
        begins_line = text == IMAGE
        if text == IMAGE and is_first:
            pieces.append((f" {number}", Look.NUMBER))
            is_first = False
        elif text == FENCE and not is_first:
            begins_line = True
        yield _Atom(tuple(pieces), begins_line=begins_line)


def _line_ends(text: str) -> Iterator[_Atom]:
    for _ in range(text.count("\n")):
        yield _Atom(((GLYPHS.line_end, Look.QUIET),), joins=True, ends_line=True)


def _text_atoms(shown: SeenPrompt, segment: SeenSegment, manner: Manner) -> Iterator[_Atom]:
    texts = shown.texts[segment.start : segment.end]
    looks = _looks("".join(texts), segment.kind)
    at = 0
    goes_on = False
    for text, token_id in zip(texts, shown.token_ids[segment.start : segment.end], strict=True):
        pieces = [
            ("".join(character for character, _ in run), look)
            for look, run in groupby(zip(text, looks[at : at + len(text)], strict=True), key=lambda one: one[1])
        ]
        at += len(text)
        yield from _token_atoms(pieces, f"{token_id}" if manner.has_ids else "", joins=goes_on)
        goes_on = segment.kind is not SegmentKind.CONTROL and not manner.has_ids


def _looks(text: str, kind: SegmentKind) -> list[Look]:
    """How every character of a segment looks."""
    if kind is SegmentKind.CONTROL:
        return [Look.CLOSING] * len(text)
    if kind is SegmentKind.LABEL:
        return [Look.LABEL] * len(text)
    looks = [Look.PLAIN] * len(text)
    for found in _LOOKALIKE.finditer(text):
        looks[found.start() : found.end()] = [Look.LOOKALIKE] * len(found[0])
    return looks


def _token_atoms(pieces: Sequence[Piece], token_id: str, *, joins: bool) -> Iterator[_Atom]:
    """One token, or the parts of it that real line ends leave."""
    shown_id: list[Piece] = [(f"·{token_id}", Look.QUIET)] if token_id else []
    if [text for text, _ in pieces] == ["\n"]:
        yield _Atom(((GLYPHS.line_end, Look.QUIET), *shown_id), joins=True, ends_line=True)
        return
    own: list[Piece] = []
    is_first = True
    for text, look in pieces:
        first, *rest = text.split("\n")
        if first:
            own.append((printable(first, multiline=False), look))
        for line in rest:
            if own:
                yield _Atom(tuple(own), joins=joins and is_first and not _is_spaced(own))
            is_first = False
            yield _Atom(((GLYPHS.line_end, Look.QUIET),), joins=True, ends_line=True)
            own = [(printable(line, multiline=False), look)] if line else []
    own += shown_id
    if own:
        yield _Atom(tuple(own), joins=joins and is_first and not _is_spaced(own))


def _is_spaced(pieces: Sequence[Piece]) -> bool:
    return pieces[0][0].startswith(" ")


def _filled(atoms: Iterable[_Atom], width: int) -> list[Line]:
    page = _Page(width)
    word: list[_Atom] = []
    for atom in atoms:
        if word and (not atom.joins or atom.begins_line):
            page.add(word)
            word = []
        word.append(atom)
        if atom.ends_line:
            page.add(word)
            page.end_line()
            word = []
    page.add(word)
    page.end_line()
    return page.lines


class _Page:
    """Lines as they fill."""

    def __init__(self, width: int) -> None:
        self.lines: list[Line] = []
        # Room behind the indent for a character of two cells, or it would be put off for ever.
        self._width = max(width, INDENT + 2)
        self._line: list[Piece] = []
        self._used = 0

    def end_line(self) -> None:
        """Begin a new line, if anything stands in this one."""
        if any(text.strip() for text, _ in self._line):
            self.lines.append(tuple(self._line))
        self._line, self._used = [], 0

    def add(self, word: Sequence[_Atom]) -> None:
        """Put a word into this line, or the next where there is no room in this one."""
        if not word:
            return
        if word[0].begins_line or (self._line and self._used + sum(atom.cells for atom in word) > self._width):
            self.end_line()
        for atom in word:
            self._put(atom)

    def _put(self, atom: _Atom) -> None:
        if self._line and self._used + atom.cells > self._width:
            self.end_line()
        if not self._line and not atom.is_flush and self.lines:
            self._line, self._used = [(" " * INDENT, Look.PLAIN)], INDENT
            first, look = atom.pieces[0]
            # The break stands for the space.
            atom = atom._replace(pieces=((first.removeprefix(" "), look), *atom.pieces[1:]))
        for text, look in atom.pieces:
            if text:
                self._put_piece(text, look)

    def _put_piece(self, text: str, look: Look) -> None:
        while cell_len(text) > self._width - self._used:
            # A token that is longer than a whole line has to be cut.
            head = next(iter(chop_cells(text, self._width - self._used)), "") if self._used < self._width else ""
            self._line.append((head, look))
            self.end_line()
            self._line, self._used = [(" " * INDENT, Look.PLAIN)], INDENT
            text = text[len(head) :]
        self._line.append((text, look))
        self._used += cell_len(text)
