"""The tree of turns: each names the turn before it, and a session names the last one of the branch it shows."""

import sqlite3
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from chat.conversation import Part, Role, Text, Turn
from chat.errors import StoreError, in_one_line
from chat.records import Generation, StoredTurn
from chat.store import index
from chat.store.columns import Column, now, text_from, time_from, to_text, whole_from
from chat.store.connection import read_whatever
from chat.store.faults import NOT_UNDERSTOOD, is_of_a_value
from chat.store.generations import generation_from
from chat.store.ids import unknown
from chat.store.pictures import image_from
from chat.store.queries import ENVIRONMENTS, GENERATIONS, NO_TOKEN_IDS, PARTS, TURNS

_IN_VAIN: Final = frozenset({("", "assistant"), ("assistant", "assistant")})
"""The roles of two turns, or of none and the first, of which the second is a reply to nobody."""


def require_session(connection: sqlite3.Connection, session_id: str) -> sqlite3.Row:
    """The row of a session, deleted or not; raises UnknownSessionError."""
    query, asked = "SELECT * FROM sessions WHERE id = ?", (to_text(session_id),)
    rows = read_whatever(connection, lambda: connection.execute(query, asked).fetchall())
    if not rows:
        raise unknown(session_id)
    row: sqlite3.Row = rows[0]
    return row


def update_session(connection: sqlite3.Connection, session_id: str, **columns: Column) -> None:
    """Change columns of a session, deleted or not; raises UnknownSessionError."""
    session = require_session(connection, session_id)
    assignments = ", ".join(f"{name} = :{name}" for name in columns)
    title = columns.get("title")
    if isinstance(title, str | bytes):
        index.replace_title(connection, session, title)
    connection.execute(f"UPDATE sessions SET {assignments} WHERE id = :id", {**columns, "id": session_id})


def append(
    connection: sqlite3.Connection, session_id: str, role: Role, parent: int | None, *, shows: bool = False
) -> int:
    """Add a turn without parts after `parent`; gives its id.

    It is the last of the shown branch, unless something else has followed the parent before; with `shows` then too.
    """
    last = require_session(connection, session_id)["head_turn_id"]
    time = now()
    rows = connection.execute(
        "INSERT INTO turns (session_id, parent_id, role, created_at) VALUES (?, ?, ?, ?) RETURNING id",
        (session_id, parent, role, time),
    ).fetchall()
    turn_id: int = rows[0]["id"]
    update_session(connection, session_id, head_turn_id=turn_id if shows or parent == last else last, updated_at=time)
    return turn_id


def insert_parts(
    connection: sqlite3.Connection, turn_id: int, parts: Sequence[Part], *, are_final: bool = True
) -> None:
    """Give a turn its parts; the bytes of its pictures are kept already.

    Args:
        connection: In a transaction that writes.
        turn_id: The turn's id.
        parts: In order.
        are_final: They will not change, so that their texts go into the index.
    """
    for position, part in enumerate(parts):
        connection.execute("INSERT INTO parts VALUES (?, ?, ?, ?, ?, ?)", (turn_id, position, *part_columns(part)))
    texts = [part.text for part in parts if isinstance(part, Text)]
    if are_final and texts:
        index.add_turn(connection, turn_id, "\n".join(texts))


def mark_example(connection: sqlite3.Connection, message_id: int, is_example: bool) -> None:
    """Say whether a user's turn is an example; raises StoreError where there is no such turn."""
    query = "UPDATE turns SET is_example = ? WHERE id = ? AND role = ?"
    if connection.execute(query, (is_example, message_id, Role.USER)).rowcount != 1:
        raise StoreError(f"turn {message_id} is not a message: only a message with its reply can be an example")


def branch(
    connection: sqlite3.Connection, database: Path, session_id: str, last: int | None = None
) -> list[StoredTurn]:
    """The turns from the first to `last`, or to the session's last shown one; raises UnknownSessionError."""
    shown = require_session(connection, session_id)["head_turn_id"]
    turns = _rows(connection, session_id)
    path: list[int] = []
    if shown is not None and shown not in turns:
        raise ValueError("the turn that is shown last is not there")
    place = shown if last is None else last
    while place in turns:
        path.append(place)
        place = _parent(place, turns[place][0])
    path.reverse()
    roles = [turns[turn_id][1] for turn_id in path]
    if not _IN_VAIN.isdisjoint(zip(("", *roles), roles, strict=False)):
        raise ValueError("a reply follows no message")
    return _stored(connection, database, session_id, {turn_id: turns[turn_id] for turn_id in path})


def tree(connection: sqlite3.Connection, database: Path, session_id: str) -> list[tuple[int | None, StoredTurn]]:
    """Every turn of every branch, the oldest first, each with the id of the one it follows."""
    turns = dict(sorted(_rows(connection, session_id).items()))
    parents = (_parent(turn_id, columns[0]) for turn_id, columns in turns.items())
    return list(zip(parents, _stored(connection, database, session_id, turns), strict=True))


def ids(connection: sqlite3.Connection, session_id: str) -> list[int]:
    """The turns of every branch, the oldest first."""
    return sorted(_rows(connection, session_id))


def _rows(connection: sqlite3.Connection, session_id: str) -> dict[int, Sequence[Any]]:
    """The turns of a session as their table has them, by id."""
    return {turn_id: row for turn_id, *row in _plain(connection).execute(TURNS, (session_id,))}


def _parent(turn_id: int, parent_id: int | None) -> int | None:
    """The turn that a turn follows, which is an earlier one: otherwise whoever goes up from it might go in circles."""
    if parent_id is not None and not whole_from(parent_id) < turn_id:
        raise ValueError(f"turn {turn_id} follows turn {parent_id}, which is not an earlier one")
    return parent_id


def _stored(
    connection: sqlite3.Connection, database: Path, session_id: str, wanted: Mapping[int, Sequence[Any]]
) -> list[StoredTurn]:
    """Some turns of a session with what they say, in the order given."""
    generations = _generations(connection, session_id, wanted)
    parts = _parts(connection, database, session_id, wanted)
    stored: list[StoredTurn] = []
    for turn_id, columns in wanted.items():
        try:
            stored.append(_turn_from(turn_id, columns, parts[turn_id], generations.get(turn_id)))
        except NOT_UNDERSTOOD as error:
            raise _in_turn(turn_id, error) from error
    return stored


def _generations(
    connection: sqlite3.Connection, session_id: str, wanted: Mapping[int, Sequence[Any]]
) -> dict[int, Generation]:
    cursor = _plain(connection)
    generations: dict[int, Generation] = {}
    turn_id = 0
    try:
        environments = dict(cursor.execute(ENVIRONMENTS, (session_id,)))
        for turn_id, *columns in cursor.execute(GENERATIONS, (session_id,)):
            if turn_id in wanted:
                generations[turn_id] = generation_from(columns, environments)
    except NOT_UNDERSTOOD as error:
        raise _in_turn(turn_id, error) from error
    except sqlite3.OperationalError as error:
        # SQLite counts the token ids, and does not tell of whom they are none.
        found = cursor.execute(NO_TOKEN_IDS, (session_id,)).fetchone() if is_of_a_value(error) else None
        if found is None:
            raise
        raise _in_turn(found[0], error) from error
    return generations


def _parts(
    connection: sqlite3.Connection, database: Path, session_id: str, wanted: Mapping[int, Sequence[Any]]
) -> Mapping[int, Sequence[Part]]:
    parts: dict[int, list[Part]] = defaultdict(list)
    turn_id = 0
    try:
        for turn_id, kind, text, *image in _plain(connection).execute(PARTS, (session_id,)):
            if turn_id in wanted:
                parts[turn_id].append(_part(kind, text, image, database))
    except NOT_UNDERSTOOD as error:
        raise _in_turn(turn_id, error) from error
    return parts


def _in_turn(turn_id: int, error: Exception) -> ValueError:
    return ValueError(f"turn {turn_id}: {str(error) or in_one_line(error)}")


def _plain(connection: sqlite3.Connection) -> sqlite3.Cursor:
    """A cursor whose rows are tuples: a long session has thousands, and by name their columns take twice the time."""
    cursor = connection.cursor()
    cursor.row_factory = None
    return cursor


def _part(kind: object, text: object, image: Sequence[Any], database: Path) -> Part:
    if kind == "text":
        return Text(text_from(text))
    if kind == "image":
        return image_from(image, database)
    raise ValueError("a part of it is neither text nor picture")


def part_columns(part: Part) -> tuple[Column, ...]:
    """What `parts` holds of a part, after its turn and its position."""
    if isinstance(part, Text):
        return ("text", to_text(part.text), None, None)
    return ("image", None, part.digest, to_text(part.name))


def _turn_from(
    turn_id: int, columns: Sequence[Any], parts: Sequence[Part], generation: Generation | None
) -> StoredTurn:
    _, role, created_at, is_example = columns
    return StoredTurn(turn_id, Turn(Role(role), tuple(parts)), time_from(created_at), generation, bool(is_example))
