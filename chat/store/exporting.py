"""A session as a value: all that is kept of it but what is not sent yet."""

import sqlite3
from dataclasses import replace
from pathlib import Path

from chat.records import LeftOut
from chat.store import choices, left_out, turns
from chat.store.columns import text_from, time_from
from chat.transcript.values import PlacedTurn, Transcript, divided


def transcript_of(connection: sqlite3.Connection, path: Path, session_id: str) -> Transcript:
    """A session, deleted or not, with its turns numbered from 1 as they came; raises UnknownSessionError."""
    session = turns.require_session(connection, session_id)
    kept = turns.tree(connection, path, session_id)
    numbers: dict[int | None, int] = {stored.id: number for number, (_, stored) in enumerate(kept, start=1)}
    tree = [PlacedTurn(numbers.get(parent), replace(stored, id=numbers[stored.id])) for parent, stored in kept]
    shown, others = divided(tree, numbers.get(session["head_turn_id"]))
    left = left_out.find(connection, session_id)
    return Transcript(
        title=text_from(session["title"]),
        system=text_from(session["system"]),
        turns=shown,
        choices=tuple(
            replace(choice, turn_id=numbers.get(choice.turn_id))
            for choice in choices.of_session(connection, path, session_id)
        ),
        others=others,
        left_out=LeftOut(
            frozenset(numbers[turn_id] for turn_id in left.messages),
            frozenset((numbers[turn_id], picture) for turn_id, picture in left.pictures),
        ),
        session_id=text_from(session["id"]),
        title_is_own=bool(session["title_is_own"]),
        is_pinned=session["pinned_at"] is not None,
        created_at=time_from(session["created_at"]),
        updated_at=time_from(session["updated_at"]),
    )
