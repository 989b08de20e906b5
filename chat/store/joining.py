"""A session that comes again, and has perhaps grown since: what of it is new goes to the one that is there."""

import sqlite3
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from chat.records import Choice, LeftOut, StoredTurn
from chat.store import exporting, left_out, turns
from chat.store.columns import Column, to_text
from chat.store.connection import understood
from chat.store.whole_rows import TurnIds, by_ids, insert_choices, insert_turns, keep_pictures
from chat.transcript.fingerprint import content_of
from chat.transcript.times import as_utc
from chat.transcript.values import PlacedTurn, Transcript

Places = dict[int | None, int | None]
"""For the numbers of turns that come, those of the same turns in the session that is there; None stands for itself."""


def join(connection: sqlite3.Connection, path: Path, session_id: str, transcript: Transcript) -> int | None:
    """Give a session the turns of a transcript that it lacks, each where it stands there; gives how many.

    Which branch is shown, the title and the system text are those of the one that was changed last. None where the two
    do not begin with the same turn: then nothing is changed.
    """
    with understood(path):
        own = exporting.transcript_of(connection, path, session_id)
    places = _places(transcript.tree, own.tree)
    if transcript.tree and own.tree and len(places) == 1:
        return None
    ids = [None, *turns.ids(connection, session_id)]
    turn_ids: TurnIds = {number: ids[place or 0] for number, place in places.items()}
    lacking = [placed for placed in transcript.tree if placed.stored.id not in places]
    keep_pictures(connection, transcript.images)
    insert_turns(connection, session_id, lacking, turn_ids)
    insert_choices(connection, session_id, _lacking_choices(transcript, own, places), turn_ids)
    added: TurnIds = {placed.stored.id: turn_ids[placed.stored.id] for placed in lacking}
    _leave_out(connection, session_id, transcript.left_out, added)
    updated_at = as_utc(transcript.updated_at)
    columns: dict[str, Column] = {"updated_at": max(own.updated_at, updated_at)}
    if updated_at > own.updated_at:
        columns |= _what_changed(transcript, turn_ids[transcript.last])
    turns.update_session(connection, session_id, **columns)
    return len(lacking)


def _places(tree: Iterable[PlacedTurn], own: Iterable[PlacedTurn]) -> Places:
    """Which turns are there already: those that say the same after the same turns, at the same time where it is known.

    A reply that is cut off here may be whole there.
    """
    same: dict[tuple[int | None, str], list[StoredTurn]] = defaultdict(list)
    at: dict[tuple[int | None, str], int] = {}
    for placed in own:
        same[placed.after, content_of(placed.stored)].append(placed.stored)
        at[placed.after, placed.stored.created_at] = placed.stored.id
    places: Places = {None: None}
    for placed in tree:
        if placed.after not in places:
            continue
        after, time = places[placed.after], as_utc(placed.stored.created_at)
        waiting = same[after, content_of(placed.stored)]
        found = next((stored for stored in waiting if time in ("", stored.created_at)), None)
        if found is not None:
            waiting.remove(found)
            places[placed.stored.id] = found.id
        elif _is_unfinished(placed.stored) and (after, time) in at:
            places[placed.stored.id] = at[after, time]
    return places


def _is_unfinished(stored: StoredTurn) -> bool:
    return stored.generation is not None and stored.generation.is_interrupted


def _lacking_choices(transcript: Transcript, own: Transcript, places: Places) -> list[Choice]:
    return [
        choice
        for choice in transcript.choices
        if choice.turn_id not in places or replace(choice, turn_id=places[choice.turn_id]) not in own.choices
    ]


def _leave_out(connection: sqlite3.Connection, session_id: str, left: LeftOut, added: TurnIds) -> None:
    """Leave out what is left out of the turns that were added, besides what is already."""
    more = by_ids(left, added)
    if more:
        before = left_out.find(connection, session_id)
        both = LeftOut(before.messages | more.messages, before.pictures | more.pictures)
        left_out.replace(connection, session_id, both)


def _what_changed(transcript: Transcript, last: int | None) -> dict[str, Column]:
    columns: dict[str, Column] = {"head_turn_id": last, "system": to_text(transcript.system)}
    if transcript.title_is_own is not None:
        columns |= {"title": to_text(transcript.title), "title_is_own": transcript.title_is_own}
    return columns
