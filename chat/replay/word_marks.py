"""Which words of two texts differ, so that they can be marked."""

import re
from collections.abc import Sequence
from difflib import SequenceMatcher
from typing import Final, NamedTuple

_SINGLE: Final = "\u3040-\u30ff\u3400-\u9fff"
"""Characters of scripts that put no spaces between words: each stands for itself."""
_WORDS: Final = re.compile(rf"\s+|[{_SINGLE}]|[^\W{_SINGLE}]+|[^\w\s]")
_MOST_WORDS: Final = 2000
"""That are looked through one by one; the middles of longer texts are marked as a whole."""


class Piece(NamedTuple):
    """A piece of a text."""

    text: str
    is_marked: bool
    """Whether the other text says something else in its place."""


def marked(text: str, others: Sequence[str]) -> list[Piece]:
    """A text in pieces: marked are the words that one of the others, at least, does not say in that place.

    White space alone is no difference.
    """
    words = _WORDS.findall(text)
    places = set[int]().union(*(_differing(words, _WORDS.findall(other)) for other in others))
    pieces: list[Piece] = []
    for place, word in enumerate(words):
        # A space between two marked words belongs to both.
        between = word.isspace() and {place - 1, place + 1} <= places
        is_marked = between or (place in places and not word.isspace())
        if pieces and pieces[-1].is_marked == is_marked:
            pieces[-1] = Piece(pieces[-1].text + word, is_marked)
        else:
            pieces.append(Piece(word, is_marked))
    return pieces


def _differing(words: Sequence[str], others: Sequence[str]) -> set[int]:
    """The places of the words that are not among the others, as these stand in order."""
    ours = [place for place, word in enumerate(words) if not word.isspace()]
    theirs = [word for word in others if not word.isspace()]
    start, end = _shared_ends([words[place] for place in ours], theirs)
    middle, other_middle = ours[start : len(ours) - end], theirs[start : len(theirs) - end]
    differing = set(middle)
    if len(middle) + len(other_middle) <= _MOST_WORDS:
        matcher = SequenceMatcher(None, [words[place] for place in middle], other_middle, autojunk=False)
        for block in matcher.get_matching_blocks():
            differing -= set(middle[block.a : block.a + block.size])
    return differing


def _shared_ends(words: Sequence[str], others: Sequence[str]) -> tuple[int, int]:
    """How many words two texts share at their beginning, and how many of the rest at their end."""
    most = min(len(words), len(others))
    start = next((place for place in range(most) if words[place] != others[place]), most)
    end = next((place for place in range(most - start) if words[-1 - place] != others[-1 - place]), most - start)
    return start, end
