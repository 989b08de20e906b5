"""What of a session the model is not shown."""

import sqlite3
from typing import Final

from chat.records import LeftOut
from chat.store import turns
from chat.store.columns import whole_from

_WHOLE_TURN: Final = -1
"""In the place of one of its pictures."""


def replace(connection: sqlite3.Connection, session_id: str, left: LeftOut) -> None:
    """Keep what is left out; turns of another session are passed over. Raises UnknownSessionError."""
    turns.require_session(connection, session_id)
    connection.execute(
        "DELETE FROM left_out WHERE turn_id IN (SELECT id FROM turns WHERE session_id = ?)", (session_id,)
    )
    whole = ((turn_id, _WHOLE_TURN) for turn_id in left.messages)
    connection.executemany(
        "INSERT INTO left_out SELECT id, ? FROM turns WHERE id = ? AND session_id = ?",
        [(picture, turn_id, session_id) for turn_id, picture in (*whole, *left.pictures)],
    )


def find(connection: sqlite3.Connection, session_id: str) -> LeftOut:
    """What is left out; raises UnknownSessionError."""
    turns.require_session(connection, session_id)
    query = "SELECT turn_id, picture FROM left_out JOIN turns ON turns.id = left_out.turn_id WHERE turns.session_id = ?"
    rows = [(row["turn_id"], whole_from(row["picture"])) for row in connection.execute(query, (session_id,))]
    return LeftOut(
        frozenset(turn_id for turn_id, picture in rows if picture == _WHOLE_TURN),
        frozenset(row for row in rows if row[1] != _WHOLE_TURN),
    )
