"""The branches of a session: which one is shown, and what all of them are."""

import sqlite3

from chat.conversation import Role
from chat.errors import StoreError
from chat.generation import StopReason
from chat.records import TreeTurn
from chat.store.columns import text_from, time_from, whole_from
from chat.store.queries import BRANCH_IDS, TREE, VERSIONS
from chat.store.turns import require_session, update_session


def place_after(connection: sqlite3.Connection, session_id: str, after: int | None) -> int | None:
    """The turn that a message follows; see `chat.session.SessionStore.add_user_turn`."""
    last: int | None = require_session(connection, session_id)["head_turn_id"]
    if after is None or after == last:
        return last
    turn = _require_turn(connection, session_id, after)
    message = after if turn["role"] == Role.USER else turn["parent_id"]
    return last if message in _shown_ids(connection, session_id) else after


def place_of(connection: sqlite3.Connection, message_id: int) -> tuple[str, int | None]:
    """The session of a message and the turn that it follows; raises StoreError where there is no such message."""
    query = "SELECT session_id, parent_id FROM turns WHERE id = ? AND role = ?"
    row = connection.execute(query, (message_id, Role.USER)).fetchone()
    if row is None:
        raise StoreError(f"turn {message_id} is not a message: only a message can be edited")
    return row["session_id"], row["parent_id"]


def show_until(connection: sqlite3.Connection, session_id: str, turn_id: int | None) -> None:
    """Make a turn the last one of the shown branch; raises StoreError where it is not of the session."""
    if turn_id is not None:
        _require_turn(connection, session_id, turn_id)
    update_session(connection, session_id, head_turn_id=turn_id)


def newest_below(connection: sqlite3.Connection, session_id: str, turn_id: int) -> int:
    """The newest of a turn and all that follow it; nothing follows it, since a turn is older than its children."""
    _require_turn(connection, session_id, turn_id)
    below, newest = {turn_id}, turn_id
    query = "SELECT id, parent_id FROM turns WHERE session_id = ? AND id > ? ORDER BY id"
    for row in connection.execute(query, (session_id, turn_id)):
        if row["parent_id"] in below:
            newest = row["id"]
            below.add(newest)
    return newest


def versions(connection: sqlite3.Connection, session_id: str) -> list[tuple[int, ...]]:
    """The turns that stand in one place, the oldest first, for every place where there are several."""
    require_session(connection, session_id)
    return [tuple(sorted(map(int, row["ids"].split(",")))) for row in connection.execute(VERSIONS, (session_id,))]


def tree(connection: sqlite3.Connection, session_id: str) -> list[TreeTurn]:
    """Every turn of every branch in short, each after the one it follows."""
    require_session(connection, session_id)
    shown = _shown_ids(connection, session_id)
    return [_tree_turn(row, shown) for row in connection.execute(TREE, (session_id,))]


def _shown_ids(connection: sqlite3.Connection, session_id: str) -> set[int]:
    last = require_session(connection, session_id)["head_turn_id"]
    return {row["id"] for row in connection.execute(BRANCH_IDS, {"session": session_id, "last": last})}


def _require_turn(connection: sqlite3.Connection, session_id: str, turn_id: int) -> sqlite3.Row:
    query = "SELECT role, parent_id FROM turns WHERE id = ? AND session_id = ?"
    row: sqlite3.Row | None = connection.execute(query, (turn_id, session_id)).fetchone()
    if row is None:
        raise StoreError(f"turn {turn_id} is not of session {session_id}")
    return row


def _tree_turn(row: sqlite3.Row, shown: set[int]) -> TreeTurn:
    return TreeTurn(
        id=row["id"],
        parent_id=row["parent_id"],
        role=Role(row["role"]),
        words=text_from(row["words"]),
        image_count=row["image_count"],
        created_at=time_from(row["created_at"]),
        checkpoint=text_from(row["checkpoint"]) if row["checkpoint"] is not None else "",
        seed=None if row["seed"] is None else whole_from(row["seed"]),
        stop_reason=StopReason(row["stop_reason"]) if row["stop_reason"] is not None else None,
        is_shown=row["id"] in shown,
    )
