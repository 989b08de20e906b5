"""A text in Markdown as blocks, found while it is still being written: each line is looked at once.

Knows only where one block ends and the next begins; what the marks within a block mean is the business of whoever draws
it. A text may come in pieces, cut anyhow.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Final

MOST_LIST_LINES: Final = 40
"""Lines of a list after which its next item begins another block: a long list is shown part by part."""

_LONGEST_MARK: Final = 12
"""Characters after which it is certain whether a line begins with the mark of a list item or a heading."""

_FENCE = re.compile(r"( {0,3})(`{3,}(?=[^`]*$)|~{3,})(.*)")
_MAYBE_FENCE = re.compile(r" {0,3}(?:`{1,2}|~{1,2}|`{3}.*|~{3}.*)?", re.DOTALL)
_ITEM = re.compile(r" {0,3}(?:[-*+]|\d{1,9}[.)])(?: |$)")
_INNER_FENCE = re.compile(r"\s+(`{3,}|~{3,})")
_ALONE = re.compile(r" {0,3}(?:#{1,6}(?: |$)|(?:(?:\*[ \t]*){3,}|(?:_[ \t]*){3,}|(?:-[ \t]*){3,})$)")
_RULE_OF_DASHES = re.compile(r" {0,3}(?:-[ \t]*){3,}$")


class Kind(Enum):
    """What a block is, as far as it matters where it ends."""

    TEXT = "text"
    """Paragraphs, headings, tables and quotes."""
    LIST = "list"
    CODE = "code"
    """What stands between two fences."""


@dataclass(frozen=True, slots=True)
class Block:
    """A block that has ended."""

    kind: Kind
    source: str
    """As it was written, with the fences and the blank lines around it; the sources of all blocks are the text."""
    language: str = ""
    """Of code, where the fence names one."""
    is_continued: bool = False
    """Whether it goes on with the list before it."""

    @property
    def text(self) -> str:
        """What is shown of it: the code between the fences, or everything without the blank lines around it."""
        if self.kind is not Kind.CODE:
            return self.source.strip("\n")
        first, *lines = self.source.lstrip("\n").split("\n")
        opening = _FENCE.fullmatch(first)
        if opening is None:
            return self.source
        while lines and not lines[-1].strip():
            lines.pop()
        if lines and _closes(lines[-1], opening[2]):
            lines.pop()
        return "\n".join(_outdented(line, len(opening[1])) for line in lines)


@dataclass(frozen=True, slots=True)
class Grown:
    """The block being written goes on with this."""

    text: str


@dataclass(frozen=True, slots=True)
class CodeBegun:
    """A fence was opened; what grows from now on is code."""

    language: str


Event = Grown | CodeBegun | Block
"""What became of a text by another piece."""


class BlockReader:
    """Takes a text piece by piece and tells what becomes of it."""

    def __init__(self) -> None:
        self._partial: list[str] = []
        """The pieces of the line that has not ended, and how much of it was told."""
        self._told = 0
        self._length = 0
        self._lines: list[str] = []
        self._line_count = 0
        self._fence: re.Match[str] | None = None
        self._is_list = self._is_continued = self._had_blank = False
        self._inner = ""
        """The fence within a list that is open."""

    def add(self, piece: str) -> Iterator[Event]:
        """Take another piece."""
        first, *others = piece.split("\n")
        self._take(first)
        for other in others:
            line = "".join(self._partial)
            self._partial, told, self._told, self._length = [], self._told, 0, 0
            yield from self._end_line(line, told)
            self._take(other)
        yield from self._tell_partial()

    def end(self) -> Iterator[Event]:
        """Take the end of the text."""
        if self._partial:
            line = "".join(self._partial)
            if self._fence is not None and _closes(line, self._fence[2]):
                self._lines.append(line)
            else:
                yield from self._before(line)
                self._lines.append(line)
                if self._length > self._told:
                    yield Grown(line[self._told :])
            self._partial = []
        if any(line.strip() for line in self._lines):
            yield self._ended(is_last=True)

    def _take(self, text: str) -> None:
        if text:
            self._partial.append(text)
            self._length += len(text)

    def _tell_partial(self) -> Iterator[Event]:
        """Tell the line so far, as soon as it is certain which block it belongs to."""
        if self._told:
            if self._length > self._told:
                yield Grown(self._untold())
        elif self._partial:
            line = "".join(self._partial)
            self._partial = [line]
            if self._is_undecided(line):
                return
            yield from self._before(line)
            yield Grown(line)
            self._told = self._length

    def _is_undecided(self, line: str) -> bool:
        """Whether a line that has only begun may turn out to be a fence, or the beginning of another block."""
        if self._fence is not None:
            return _may_close(line, self._fence[2])
        begun = line.strip()
        is_short = len(begun) < _LONGEST_MARK and (not begun or begun[0] in "#*_-+0123456789")
        return bool(_MAYBE_FENCE.fullmatch(line)) or is_short

    def _untold(self) -> str:
        """What was added to the line since it was told; the line is kept as one string only when it ends."""
        count, parts = self._length - self._told, []
        for part in reversed(self._partial):
            if count <= 0:
                break
            parts.append(part[-count:])
            count -= len(part)
        self._told = self._length
        return "".join(reversed(parts))

    @property
    def _has_text(self) -> bool:
        return self._line_count > 0

    def _end_line(self, line: str, told: int) -> Iterator[Event]:
        if self._fence is not None:
            self._lines.append(line + "\n")
            if _closes(line, self._fence[2]):
                yield self._ended()
            else:
                yield Grown(line[told:] + "\n")
            return
        if not line.strip():
            yield from self._end_blank(line, told)
            return
        if not told:
            yield from self._before(line)
        opening = None if self._inner or told else _FENCE.fullmatch(line)
        self._lines.append(line + "\n")
        self._line_count += 1
        if opening and not self._is_list:
            self._fence = opening
            yield CodeBegun(opening[3].split()[0] if opening[3].strip() else "")
            return
        self._follow_inner(line)
        if self._line_count == 1:
            self._is_list = bool(_ITEM.match(line)) and not _ALONE.match(line)
        yield Grown(line[told:] + "\n")
        self._had_blank = False
        if self._line_count == 1 and _ALONE.match(line):
            yield self._ended()

    def _end_blank(self, line: str, told: int) -> Iterator[Event]:
        self._lines.append(line + "\n")
        if self._has_text and not self._is_list:
            yield self._ended()
        elif self._has_text:
            self._had_blank = True
            yield Grown(line[told:] + "\n")

    def _before(self, line: str) -> Iterator[Event]:
        """End the block that this line is no part of."""
        if not self._has_text or self._fence is not None or self._inner:
            return
        is_item = bool(_ITEM.match(line))
        if self._is_list:
            is_inside = line[:1] in " \t" and bool(re.match(r"\s{2,}|\t", line))
            is_too_long = self._line_count >= MOST_LIST_LINES and is_item and not line.startswith(" ")
            is_other = (self._had_blank and not is_item) or _begins_block(line)
            if is_too_long or (is_other and not is_inside):
                yield self._ended(is_continued=is_too_long and not self._had_blank)
        elif (is_item and not _RULE_OF_DASHES.match(line)) or _begins_block(line):
            yield self._ended()

    def _follow_inner(self, line: str) -> None:
        """Know of a fence within a list, in which blank lines end nothing."""
        match = _INNER_FENCE.match(line) if self._is_list else None
        if match and not self._inner:
            self._inner = match[1]
        elif match and _closes(line.strip(), self._inner):
            self._inner = ""

    def _ended(self, *, is_last: bool = False, is_continued: bool = False) -> Block:
        source = "".join(self._lines)
        if self._fence is not None:
            info = self._fence[3].split()
            block = Block(Kind.CODE, source, info[0] if info else "")
        else:
            block = Block(Kind.LIST if self._is_list else Kind.TEXT, source, is_continued=self._is_continued)
        self._lines, self._line_count, self._fence, self._inner = [], 0, None, ""
        self._is_list, self._is_continued, self._had_blank = False, is_continued and not is_last, False
        return block


def blocks_of(text: str) -> list[Block]:
    """The blocks of a whole text."""
    reader = BlockReader()
    events = [*reader.add(text), *reader.end()]
    return [event for event in events if isinstance(event, Block)]


def code_of(text: str) -> list[Block]:
    """The code blocks of a whole text."""
    return [block for block in blocks_of(text) if block.kind is Kind.CODE]


def _closes(line: str, opening: str) -> bool:
    mark = line.strip()
    is_mark = len(mark) >= len(opening) and not mark.strip(opening[0])
    return is_mark and len(line) - len(line.lstrip(" ")) <= 3


def _may_close(line: str, opening: str) -> bool:
    return not line.strip().strip(opening[0]) and len(line) - len(line.lstrip(" ")) <= 3


def _begins_block(line: str) -> bool:
    """Whether a line ends any block before it; a rule of dashes makes a heading of a paragraph instead."""
    return bool(_FENCE.fullmatch(line)) or (bool(_ALONE.match(line)) and not _RULE_OF_DASHES.match(line))


def _outdented(line: str, indent: int) -> str:
    return line[min(indent, len(line) - len(line.lstrip(" "))) :]
