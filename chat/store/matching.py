"""Which turns of a session that comes again are there already."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from chat.conversation import Image, Role
from chat.records import StoredTurn
from chat.store.llm_reading import NO_WORDS
from chat.transcript.alternation import LEFT_OUT
from chat.transcript.fingerprint import content_of
from chat.transcript.times import as_utc
from chat.transcript.values import PlacedTurn

_STAND_INS: Final = (LEFT_OUT, NO_WORDS)
"""What stands for a message that says nothing without its pictures."""


@dataclass(frozen=True, slots=True)
class Matches:
    """The turns that are there already."""

    places: dict[int | None, int | None] = field(default_factory=lambda: {None: None})
    """For the numbers of turns that come, those of the same turns that are there; None stands for itself."""
    completions: dict[int, StoredTurn] = field(default_factory=dict)
    """For the numbers of turns that are there in part, what comes of them as a whole."""


def matches(tree: Iterable[PlacedTurn], own: Iterable[PlacedTurn], *, may_lose_pictures: bool) -> Matches:
    """Find the turns that say the same after the same turns, at the same time where it is known.

    A reply that is cut off here may be whole there, and the other way round.

    Args:
        tree: The turns that come.
        own: Those that are there.
        may_lose_pictures: They come from where a message can lose its pictures: then it is the same without them.
    """
    same: dict[tuple[int | None, str], list[StoredTurn]] = defaultdict(list)
    at: dict[tuple[int | None, Role, str], list[StoredTurn]] = defaultdict(list)
    for placed in own:
        same[placed.after, content_of(placed.stored)].append(placed.stored)
        at[placed.after, placed.stored.turn.role, placed.stored.created_at].append(placed.stored)
    found = Matches()
    for placed in tree:
        stored = placed.stored
        if placed.after not in found.places:
            continue
        after, time = found.places[placed.after], as_utc(stored.created_at)
        waiting = same[after, content_of(stored)]
        known = next((one for one in waiting if time in ("", one.created_at)), None)
        if known is not None:
            waiting.remove(known)
        elif time:
            others = at[after, stored.turn.role, time]
            known = next((one for one in others if _is_same(stored, one, may_lose_pictures)), None)
        if known is not None:
            found.places[stored.id] = known.id
            if _completes(stored, known):
                found.completions[known.id] = stored
    return found


def _is_same(stored: StoredTurn, own: StoredTurn, may_lose_pictures: bool) -> bool:
    """Whether two turns at the same place and time are one, though they differ."""
    if stored.turn.role is Role.ASSISTANT:
        return _is_unfinished(stored) or _is_unfinished(own)
    return may_lose_pictures and _words(stored) == _words(own) and _are_among(stored.turn.images, own.turn.images)


def _completes(stored: StoredTurn, own: StoredTurn) -> bool:
    """Whether of two turns that are one the other lacks its end, or pictures."""
    is_ended = _is_unfinished(own) and not _is_unfinished(stored)
    return is_ended or set(stored.turn.images) > set(own.turn.images)


def _words(stored: StoredTurn) -> str:
    return "" if stored.turn.text in _STAND_INS else stored.turn.text


def _are_among(some: Iterable[Image], others: Iterable[Image]) -> bool:
    """Whether the pictures of one of two messages are all in the other one."""
    ours, theirs = set(some), set(others)
    return ours <= theirs or theirs <= ours


def _is_unfinished(stored: StoredTurn) -> bool:
    return stored.generation is not None and stored.generation.is_interrupted
