"""What SQLite itself has to say of the file."""

import re
import sqlite3
from collections.abc import Iterator
from typing import Final

from chat.store.checks.difference import Difference, Differences, Tell
from chat.store.faults import in_words

MOST_DAMAGE: Final = 20
"""Lines of SQLite's on a file; those on damage are about pages, which say little to anybody."""

# About values, which the tables refuse unless somebody tells SQLite not to look.
_OF_A_ROW: Final = re.compile(r"(?:CHECK constraint failed|NULL value|non-\w+ value|\w+ value) in (?P<place>\S+)")
_OF_AN_INDEX: Final = re.compile(
    r"(?:row \d+ missing from|row \d+ values differ from|rowid not at end-of-record for row \d+ of"
    r"|wrong # of entries in|non-unique entry in) index (?P<index>\w+)"
)
# Versions of SQLite from 3.44 on ask it too; `chat.store.checks.words` looks through it with any.
_OF_WORDS: Final = re.compile(r"FTS5 table (?:main\.)?words\b")


def differences(connection: sqlite3.Connection, tell: Tell) -> Iterator[tuple[Difference, bool]]:
    """What SQLite finds in the file, each with whether it is damage of the file.

    It is none where a value may not be, or where an index does not agree with its table: that is made anew.
    """
    tell("looking through the file")
    lines, told = _lines(connection), set[str]()
    while (indexes := _indexes(lines) - told) and not any(map(_is_damage, lines)):
        for index in sorted(indexes):
            yield _made_anew(connection, index), False
        told |= indexes
        # Of those that come first there may be so many that others are not told.
        lines = _lines(connection)
    for line in lines:
        if of_a_row := _OF_A_ROW.match(line):
            yield Difference(f"a row of {of_a_row['place']} holds a value that may not be"), False
        elif _is_damage(line):
            yield Difference(_damaged(line)), True


def _lines(connection: sqlite3.Connection) -> list[str]:
    """What SQLite says of the file; nothing where all is well, and nothing of the index of words."""
    lines: list[str] = []
    try:
        for (found,) in connection.execute(f"PRAGMA integrity_check({MOST_DAMAGE})"):
            lines.append(" ".join(found.split()))
    except sqlite3.DatabaseError as error:
        if getattr(error, "sqlite_errorcode", 0) & 0xFF not in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
            raise
        lines.append(str(error))
    return [line for line in lines if line != "ok" and not _OF_WORDS.search(line)]


def _indexes(lines: list[str]) -> set[str]:
    return {found["index"] for line in lines if (found := _OF_AN_INDEX.match(line))}


def _is_damage(line: str) -> bool:
    return not (_OF_A_ROW.match(line) or _OF_AN_INDEX.match(line))


def _made_anew(connection: sqlite3.Connection, index: str) -> Difference:
    found = Difference(f"the index {index} does not agree with its table")
    try:
        connection.execute(f'REINDEX "{index}"')
    except sqlite3.Error as error:
        return found.not_repaired(in_words(error))
    return found.repaired()


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


def place_of(connection: sqlite3.Connection, table: str, rowid: int) -> tuple[str | None, int | None]:
    """The session and the turn that a row is of, as far as it is of one."""
    row = connection.execute(f"SELECT * FROM {table} WHERE rowid = ?", (rowid,)).fetchone()
    return (None, None) if row is None else _place(connection, table, row)


def _place(connection: sqlite3.Connection, table: str, row: sqlite3.Row) -> tuple[str | None, int | None]:
    """The session and the turn that a row is of, as far as it is of one."""
    columns = row.keys()
    session_id = row["id"] if table == "sessions" else row["session_id"] if "session_id" in columns else None
    turn_id = row["id"] if table == "turns" else row["turn_id"] if "turn_id" in columns else None
    if session_id is None and turn_id is not None:
        found = connection.execute("SELECT session_id FROM turns WHERE id = ?", (turn_id,)).fetchone()
        session_id = found["session_id"] if found else None
    return session_id, turn_id
