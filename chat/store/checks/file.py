"""What SQLite itself has to say of the file."""

import re
import sqlite3
from collections.abc import Iterator
from typing import Final

from chat.store.checks.difference import Difference, Differences, Tell
from chat.store.faults import in_words

MOST_DAMAGE: Final = 20
"""Lines of SQLite's on a file; those on damage are about pages, which say little to anybody."""

MOST_ROWS: Final = 1_000
"""Rows of a table that are named."""

_RULE: Final = re.compile(r"\bCHECK\s*\(", re.IGNORECASE)
_OF_A_RULE: Final = re.compile(r"CHECK constraint failed in (?P<table>\w+)$")
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
    if any(map(_is_damage, lines)):
        # No table of such a file may be asked for its rows.
        yield from ((Difference(_damaged(line)), True) for line in lines if _is_damage(line))
        yield from ((found, False) for line in lines for found in _of_a_row(line))
        return
    broken = {found["table"] for line in lines if (found := _OF_A_RULE.match(line))}
    named = [found for table in sorted(broken) for found in _breaking_rules(connection, table)]
    yield from ((found, False) for found in named)
    for line in lines:
        if not (named and _OF_A_RULE.match(line)):
            yield from ((found, False) for found in _of_a_row(line))


def of_a_copy(connection: sqlite3.Connection) -> tuple[int, int]:
    """What SQLite finds at a quick look: how many things that are damage of the file, and how many that are not."""
    found = connection.execute(f"PRAGMA quick_check({MOST_ROWS})").fetchall()
    lines = [" ".join(line.split()) for (line,) in found if line != "ok"]
    damage = sum(_is_damage(line) and not _OF_WORDS.search(line) for line in lines)
    return damage, len(lines) - damage


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


def _of_a_row(line: str) -> Differences:
    if found := _OF_A_ROW.match(line):
        yield Difference(f"a row of {found['place']} holds a value that may not be")


def _breaking_rules(connection: sqlite3.Connection, table: str) -> Differences:
    """The rows of a table that its own rules would not let in; nothing where its rules are not understood."""
    made_by = connection.execute("SELECT sql FROM sqlite_master WHERE name = ?", (table,)).fetchone()["sql"]
    for rule in _rules(made_by):
        try:
            # What is neither so nor not so, as of a value that is missing, passes.
            query = f'SELECT rowid FROM "{table}" WHERE NOT ({rule}) LIMIT {MOST_ROWS}'
            rows = connection.execute(query).fetchall()
        except sqlite3.OperationalError:
            continue
        for (rowid,) in rows:
            words = f"a row of {table} holds a value that may not be: its rule is {rule}"
            yield Difference(words, *place_of(connection, table, rowid))


def _rules(made_by: str) -> Iterator[str]:
    """The conditions in the statement that makes a table."""
    for found in _RULE.finditer(made_by):
        depth, is_quoted = 1, False
        for place in range(found.end(), len(made_by)):
            character = made_by[place]
            is_quoted ^= character == "'"
            depth += 0 if is_quoted else (character == "(") - (character == ")")
            if not depth:
                yield " ".join(made_by[found.end() : place].split())
                break


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
