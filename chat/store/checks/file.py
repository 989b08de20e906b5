"""What SQLite itself has to say of the file."""

import re
import sqlite3
from collections.abc import Iterator
from typing import Final

from chat.store.checks.difference import Difference, Differences, Tell

MOST_DAMAGE: Final = 20
"""Lines of SQLite's on a file; those on damage are about pages, which say little to anybody."""

# About values, which the tables refuse unless somebody tells SQLite not to look.
_OF_A_ROW: Final = re.compile(r"(?:CHECK constraint failed|NULL value|non-\w+ value|\w+ value) in (?P<place>\S+)")


def differences(connection: sqlite3.Connection, tell: Tell) -> Iterator[tuple[Difference, bool]]:
    """What SQLite finds in the file, each with whether it is damage of the file and not a value that may not be."""
    tell("looking through the file")
    try:
        for (found,) in connection.execute(f"PRAGMA integrity_check({MOST_DAMAGE})"):
            if found == "ok":
                return
            line = " ".join(found.split())
            of_a_row = _OF_A_ROW.match(line)
            words = f"a row of {of_a_row['place']} holds a value that may not be" if of_a_row else _damaged(line)
            yield Difference(words), of_a_row is None
    except sqlite3.DatabaseError as error:
        if getattr(error, "sqlite_errorcode", 0) & 0xFF not in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
            raise
        yield Difference(_damaged(str(error))), True


def _damaged(line: str) -> str:
    return f"the file is damaged: {line}"


def lost_references(connection: sqlite3.Connection, tell: Tell) -> Differences:
    """Rows that name a row which is not there."""
    tell("looking for what is missing")
    for table, rowid, parent, number in connection.execute("PRAGMA foreign_key_check").fetchall():
        keys = connection.execute(f"PRAGMA foreign_key_list({table})").fetchall()
        column = next(key["from"] for key in keys if key["id"] == number)
        row = connection.execute(f"SELECT * FROM {table} WHERE rowid = ?", (rowid,)).fetchone()
        # Another program may have taken it out meanwhile.
        if row is not None:
            named = " ".join(str(row[column]).split())
            words = f"{table}.{column} names {named}, which is not in {parent}"
            yield Difference(words, *_place(connection, table, row))


def _place(connection: sqlite3.Connection, table: str, row: sqlite3.Row) -> tuple[str | None, int | None]:
    """The session and the turn that a row is of, as far as it is of one."""
    columns = row.keys()
    session_id = row["id"] if table == "sessions" else row["session_id"] if "session_id" in columns else None
    turn_id = row["id"] if table == "turns" else row["turn_id"] if "turn_id" in columns else None
    if session_id is None and turn_id is not None:
        found = connection.execute("SELECT session_id FROM turns WHERE id = ?", (turn_id,)).fetchone()
        session_id = found["session_id"] if found else None
    return session_id, turn_id
