"""The part of a session around a turn in which something was found."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from chat.conversation import Role
from chat.records import StoredTurn
from chat.search import holds
from chat.session import SessionStore
from chat.summaries import SessionSummary


@dataclass(frozen=True, slots=True)
class Excerpt:
    """A message and its reply, one of which holds the words."""

    summary: SessionSummary
    turns: tuple[tuple[StoredTurn, int], ...]
    """Each with the number of its first picture; empty in a session without turns."""
    turn_id: int | None
    """The turn with the words; None where they are in none."""
    number: int
    """Which match it is, from 1; 0 where there is none."""
    count: int
    """How many turns of its branch hold the words."""
    turn_count: int
    """How many turns the branch has that is shown when the session is opened."""
    image_count: int
    """How many pictures came with them."""


def excerpt_of(
    store: SessionStore, session_id: str, words: Sequence[str], turn_id: int | None = None, step: int = 0
) -> Excerpt:
    """The exchange of a session around a match.

    Args:
        store: Where the session is.
        session_id: The session's id.
        words: What is looked for; without any, the turn that is named is the match. Where there is no match, it is the
            first exchange.
        turn_id: The match to begin at; without one it is the first.
        step: How many matches further it is to be; the first one follows the last.

    Raises:
        StoreError: The session cannot be read, or is not there any more.
    """
    summary, turns = store.find_session(session_id), list(store.turns(session_id))
    counts = len(turns), sum(len(stored.turn.images) for stored in turns)
    if turn_id is not None and all(stored.id != turn_id for stored in turns):
        # It is on a branch that is not shown.
        turns = list(store.turns(session_id, turn_id))
    matches = [
        place
        for place, stored in enumerate(turns)
        if (holds(stored.turn.text, words) if words else stored.id == turn_id)
    ]
    ids = [turns[place].id for place in matches]
    match = (ids.index(turn_id) if turn_id in ids else 0) + step
    place = matches[match % len(matches)] if matches else 0
    first = place - (place > 0 and turns[place].turn.role is Role.ASSISTANT)
    shown = tuple(_numbered(turns))[first : first + 2]
    if not matches:
        return Excerpt(summary, shown, None, 0, 0, *counts)
    return Excerpt(summary, shown, turns[place].id, match % len(matches) + 1, len(matches), *counts)


def _numbered(turns: Sequence[StoredTurn]) -> Iterator[tuple[StoredTurn, int]]:
    number = 1
    for stored in turns:
        yield stored, number
        number += len(stored.turn.images)
