"""Sessions that come as values: kept once, however often they come."""

import sqlite3
from dataclasses import replace
from pathlib import Path

from chat.records import Imported
from chat.store import ids, joining, turns, whole_rows
from chat.store.columns import now, text_from, to_text
from chat.transcript.values import Transcript


def bring_in(connection: sqlite3.Connection, path: Path, transcript: Transcript, mark: str) -> Imported:
    """Keep a session, unless it is there already; of one that has grown since, keep what is new.

    A session that is there is one whose document was brought in before, whatever became of it here, or one that goes by
    the same id and has the first turn of this one.

    Args:
        connection: In a transaction that writes.
        path: The database.
        transcript: The session.
        mark: Its document's fingerprint.
    """
    known = connection.execute("SELECT session_id FROM imports WHERE fingerprint = ?", (mark,)).fetchone()
    imported = _again(connection, text_from(known["session_id"]), 0) if known else None
    if imported is None:
        imported = _joined(connection, path, transcript) or _anew(connection, transcript)
        row = (mark, to_text(imported.session_id), to_text(transcript.session_id) or None, now())
        connection.execute("INSERT INTO imports VALUES (?, ?, ?, ?)", row)
    title = turns.require_session(connection, imported.session_id)["title"]
    return replace(imported, title=text_from(title))


def add(connection: sqlite3.Connection, transcript: Transcript) -> str:
    """Keep a session of its own, whatever is there; gives its id, which is the one it has if nothing else has it."""
    session_id = transcript.session_id if ids.is_id(transcript.session_id) else ids.random_id()
    while connection.execute("SELECT 1 FROM sessions WHERE id = ?", (session_id,)).fetchall():
        session_id = ids.random_id()
    whole_rows.insert(connection, session_id, transcript)
    return session_id


def _anew(connection: sqlite3.Connection, transcript: Transcript) -> Imported:
    return Imported(add(connection, transcript), is_new=True)


def _joined(connection: sqlite3.Connection, path: Path, transcript: Transcript) -> Imported | None:
    """What became of a session that comes from one that is there; None where there is no such session."""
    origin = to_text(transcript.session_id)
    query = "SELECT id FROM sessions WHERE id = ? UNION SELECT session_id FROM imports WHERE origin = ?"
    for row in connection.execute(query, (origin, origin)).fetchall() if origin else ():
        session_id = text_from(row["id"])
        added = joining.join(connection, path, session_id, transcript)
        if added is not None:
            return _again(connection, session_id, added)
    return None


def _again(connection: sqlite3.Connection, session_id: str, added: int) -> Imported:
    was_deleted = turns.require_session(connection, session_id)["deleted_at"] is not None
    if was_deleted:
        turns.update_session(connection, session_id, deleted_at=None)
    return Imported(session_id, is_new=False, added_turns=added, was_deleted=was_deleted)
