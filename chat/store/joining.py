"""A session that comes again, and has perhaps grown since: what of it is new goes to the one that is there."""

import sqlite3
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from chat.records import Choice, LeftOut
from chat.store import exporting, left_out, turns
from chat.store.columns import Column, to_text
from chat.store.connection import understood
from chat.store.matching import Matches, matches
from chat.store.whole_rows import TurnIds, by_ids, end_reply, insert_choices, insert_turns, keep_pictures
from chat.transcript.times import as_utc
from chat.transcript.values import Transcript

Places = Mapping[int | None, int | None]


def join(connection: sqlite3.Connection, path: Path, session_id: str, transcript: Transcript) -> int | None:
    """Give a session the turns of a transcript that it lacks, each where it stands there; gives how many.

    Replies that were cut off are ended. Which branch is shown, the title and the system text are those of the one that was changed last. None where the two
    do not begin with the same turn: then nothing is changed.
    """
    with understood(path):
        own = exporting.transcript_of(connection, path, session_id)
    # What other programs say of a session can lose its pictures.
    found = matches(transcript.tree, own.tree, may_lose_pictures=transcript.title_is_own is None)
    places = found.places
    if transcript.tree and own.tree and len(places) == 1:
        return None
    ids = [None, *turns.ids(connection, session_id)]
    turn_ids: TurnIds = {number: ids[place or 0] for number, place in places.items()}
    lacking = [placed for placed in transcript.tree if placed.stored.id not in places]
    keep_pictures(connection, transcript.images)
    _end_replies(connection, found, ids)
    insert_turns(connection, session_id, lacking, turn_ids)
    insert_choices(connection, session_id, _lacking_choices(transcript, own, places), turn_ids)
    added: TurnIds = {placed.stored.id: turn_ids[placed.stored.id] for placed in lacking}
    _leave_out(connection, session_id, transcript.left_out, added)
    updated_at = as_utc(transcript.updated_at)
    columns: dict[str, Column] = {"updated_at": max(own.updated_at, updated_at)}
    goes_on = not own.tree or any(places.get(stored.id) == own.last for stored in transcript.turns)
    if updated_at > own.updated_at:
        columns |= _what_changed(transcript, turn_ids[transcript.last])
    elif goes_on and transcript.last not in places:
        columns["head_turn_id"] = turn_ids[transcript.last]
    turns.update_session(connection, session_id, **columns)
    return len(lacking)


def _end_replies(connection: sqlite3.Connection, found: Matches, ids: list[int | None]) -> None:
    for number, whole in found.endings.items():
        turn_id = ids[number]
        if turn_id is not None:
            end_reply(connection, turn_id, whole)


def _lacking_choices(transcript: Transcript, own: Transcript, places: Places) -> list[Choice]:
    """The choices that are not there, where their time is known at that time; each that is there is found once."""
    waiting = [*own.choices]
    lacking: list[Choice] = []
    for choice in transcript.choices:
        time = as_utc(choice.created_at)
        placed = replace(choice, turn_id=places.get(choice.turn_id), created_at="")
        known = (one for one in waiting if time in ("", one.created_at) and replace(one, created_at="") == placed)
        found = next(known, None) if choice.turn_id in places else None
        if found is None:
            lacking.append(choice)
        else:
            waiting.remove(found)
    return lacking


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
