"""A session that comes again, and has perhaps grown since: what of it is new goes to the one that is there."""

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from chat.conversation import Role
from chat.records import Choice, LeftOut
from chat.store import exporting, left_out, turns
from chat.store.columns import Column, now, to_text
from chat.store.faults import understood
from chat.store.matching import Matches, matches
from chat.store.whole_rows import TurnIds, by_ids, complete_turn, insert_choices, insert_turns, keep_pictures
from chat.transcript.times import as_utc
from chat.transcript.values import Transcript

Places = Mapping[int | None, int | None]


def join(connection: sqlite3.Connection, path: Path, session_id: str, transcript: Transcript) -> int | None:
    """Give a session the turns of a transcript that it lacks, each where it stands there; gives how many.

    Replies that were cut off are ended, and messages get back the pictures that they had lost. Which branch is shown,
    and the system text, are those of the one that was changed last, but a branch that goes on is shown to its end; so
    are the marks, where the transcript tells of them. A title that the user gave gives way to another such one alone.
    None where the two do not begin with the same turn: then nothing is changed.
    """
    with understood(f"session {session_id}"):
        own = exporting.transcript_of(connection, path, session_id)
    found = matches(transcript.tree, own.tree, may_lose_pictures=not _tells_marks(transcript))
    places = found.places
    if transcript.tree and own.tree and len(places) == 1:
        return None
    ids = [None, *turns.ids(connection, session_id)]
    turn_ids: TurnIds = {number: ids[place or 0] for number, place in places.items()}
    lacking = [placed for placed in transcript.tree if placed.stored.id not in places]
    keep_pictures(connection, transcript)
    _complete(connection, own, found, ids)
    insert_turns(connection, session_id, lacking, turn_ids)
    insert_choices(connection, session_id, _lacking_choices(transcript, own, places), turn_ids)
    _merge_marks(connection, session_id, transcript, own, turn_ids, places)
    turns.update_session(connection, session_id, **_changed(transcript, own, places, turn_ids))
    return len(lacking)


def _complete(connection: sqlite3.Connection, own: Transcript, found: Matches, ids: Sequence[int | None]) -> None:
    before = {placed.stored.id: placed.stored for placed in own.tree}
    for number, whole in found.completions.items():
        turn_id = ids[number]
        if turn_id is not None:
            complete_turn(connection, turn_id, before[number], whole)


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


def _merge_marks(
    connection: sqlite3.Connection,
    session_id: str,
    transcript: Transcript,
    own: Transcript,
    turn_ids: TurnIds,
    places: Places,
) -> None:
    """Mark the examples and what is left out, as the one says that was changed last; both do where that is neither.

    Turns that were added have their marks in any case.
    """
    order = _order(transcript, own)
    told = turn_ids if order >= 0 else {number: at for number, at in turn_ids.items() if number not in places}
    decided = {turn_ids[number] for number in places} if order > 0 else set()
    theirs = by_ids(transcript.left_out, told)
    before = left_out.find(connection, session_id)
    merged = LeftOut(
        theirs.messages | {turn_id for turn_id in before.messages if turn_id not in decided},
        theirs.pictures | {picture for picture in before.pictures if picture[0] not in decided},
    )
    if merged != before:
        left_out.replace(connection, session_id, merged)
    if order < 0:
        return
    for placed in transcript.tree:
        stored, place, turn_id = placed.stored, places.get(placed.stored.id), turn_ids[placed.stored.id]
        if place is None or turn_id is None or stored.turn.role is Role.ASSISTANT:
            continue
        is_marked = own.tree[place - 1].stored.is_example
        if stored.is_example != is_marked and (order > 0 or stored.is_example):
            turns.mark_example(connection, turn_id, stored.is_example)


def _changed(transcript: Transcript, own: Transcript, places: Places, turn_ids: TurnIds) -> dict[str, Column]:
    """What of the session itself changes."""
    updated_at = as_utc(transcript.updated_at)
    is_later = updated_at > own.updated_at
    columns: dict[str, Column] = {"updated_at": max(own.updated_at, updated_at)}
    goes_on = not own.tree or any(places.get(stored.id) == own.last for stored in transcript.turns)
    if is_later or (goes_on and transcript.last not in places):
        columns["head_turn_id"] = turn_ids[transcript.last]
    if is_later:
        columns["system"] = to_text(transcript.system)
    if transcript.is_pinned and not own.is_pinned and _order(transcript, own) >= 0:
        columns["pinned_at"] = now()
    if _has_better_title(transcript, own, is_later):
        columns |= {"title": to_text(transcript.title), "title_is_own": transcript.title_is_own}
    return columns


def _has_better_title(transcript: Transcript, own: Transcript, is_later: bool) -> bool:
    """Whether a title is to be taken: renaming a session is no change of it, so that its time does not tell."""
    if transcript.title_is_own is None or transcript.title_is_own < bool(own.title_is_own):
        return False
    return is_later or transcript.title_is_own > bool(own.title_is_own)


def _tells_marks(transcript: Transcript) -> bool:
    """Whether a transcript comes from this program; what others say of a session knows nothing of its marks."""
    return transcript.title_is_own is not None


def _order(transcript: Transcript, own: Transcript) -> int:
    """Whose marks hold: 1 for those that come, -1 for those that are there, 0 for both."""
    updated_at = as_utc(transcript.updated_at)
    if not _tells_marks(transcript):
        return -1
    return (updated_at > own.updated_at) - (updated_at < own.updated_at)
