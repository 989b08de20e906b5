"""Whether the database has the tables, indexes and triggers of the present version.

An index and a trigger follow from the version, and what pictures look like from the pictures: those are made anew. A
table or a column that is lost held what somebody said.
"""

import sqlite3
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import Final, NamedTuple

from chat.store.checks.difference import Difference, Differences, Tell
from chat.store.connection import transaction
from chat.store.faults import in_words
from chat.store.schema import prepare

LEARNT: Final = "likenesses"
"""The table that holds nothing but what is learnt from the others."""
_INDEX_OF_WORDS: Final = "words"


Tables = dict[str, dict[str, bool]]
"""Columns by their tables and names, each with whether it must hold a value."""


class Made(NamedTuple):
    """Something that a statement has made."""

    type: str
    sql: str


def present() -> tuple[dict[str, Made], Tables]:
    """What a new database has, by name, and the columns of its tables, without those of the index of words."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as fresh:
        fresh.row_factory = sqlite3.Row
        prepare(fresh, Path(":memory:"), lambda _: None)
        made = _made(fresh)
        tables = [name for name, each in made.items() if each.type == "table" and not _is_of_words(name)]
        return made, {table: _columns(fresh, table) for table in tables}


def lost(connection: sqlite3.Connection, columns: Tables) -> Differences:
    """Tables and columns that are not there, without which nothing else can be asked."""
    for table, expected in columns.items():
        if table == LEARNT:
            continue
        held = _columns(connection, table)
        if not held:
            yield Difference(f"the table {table} is lost")
        elif lacking := [column for column in expected if column not in held]:
            yield Difference(f"the table {table} has lost its {', '.join(lacking)}")


def differences(connection: sqlite3.Connection, expected: dict[str, Made], tell: Tell) -> Differences:
    """Indexes and triggers that are not as they should be, made anew, and triggers that should not be there."""
    tell("looking for tables, indexes and triggers")
    held = _made(connection)
    for name, each in expected.items():
        if each.type in ("index", "trigger") or name == LEARNT:
            there = held.get(name)
            if there is None or _spelled(there) != _spelled(each):
                what = "is not as it should be" if there else "is not there"
                yield _made_anew(connection, name, each, Difference(f"the {each.type} {name} {what}"))
    for name, each in held.items():
        if each.type == "trigger" and name not in expected:
            yield Difference(f"the trigger {name} is not of this program: it may change what is written")


def _made_anew(connection: sqlite3.Connection, name: str, expected: Made, found: Difference) -> Difference:
    try:
        with transaction(connection):
            connection.execute(f"DROP {expected.type} IF EXISTS {name}")
            connection.execute(expected.sql)
    except sqlite3.Error as error:
        return found.not_repaired(in_words(error))
    return found.repaired()


def _made(connection: sqlite3.Connection) -> dict[str, Made]:
    rows: Iterable[tuple[str, str, str]] = connection.execute(
        "SELECT name, type, sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY rowid"
    )
    return {name: Made(kind, sql) for name, kind, sql in rows if not name.startswith("sqlite_")}


def _spelled(made: Made) -> tuple[str, list[str]]:
    """What tells two of them apart, however their lines are broken."""
    return made.type, made.sql.split()


def _columns(connection: sqlite3.Connection, table: str) -> dict[str, bool]:
    return {column["name"]: bool(column["notnull"]) for column in connection.execute(f"PRAGMA table_info({table})")}


def _is_of_words(name: str) -> bool:
    return name == _INDEX_OF_WORDS or name.startswith(f"{_INDEX_OF_WORDS}_")
