"""Whether each value is one that the program can read: of its column's kind, a text that is one, a time that is one.

None of this is ever repaired: it is what somebody said, or what was known of it.
"""

import sqlite3
from collections.abc import Callable, Iterable
from typing import Final

from chat.errors import ChatError
from chat.store.checks.difference import Difference, Differences, Tell
from chat.store.checks.file import place_of
from chat.store.checks.structure import Tables
from chat.store.generations import environment_from, settings_from

MOST: Final = 1_000
"""Differences of one table that are told."""

_KINDS: Final = {
    "INTEGER": ("no whole number", "typeof({0}) NOT IN ('integer', 'null')"),
    "REAL": ("no number", "typeof({0}) NOT IN ('real', 'integer', 'null') OR {0} IN (9e999, -9e999)"),
    "TEXT": ("no text", "typeof({0}) NOT IN ('text', 'null')"),
}
# Written with `to_text`.
_TEXT_OR_BYTES: Final = frozenset(
    "title system checkpoint revision family device dtype quantization image_detail text image_name label".split()
) | {"images"}
_NO_BYTES_OF_A_TEXT: Final = ("no text", "typeof({0}) NOT IN ('text', 'blob', 'null')")
_NOT_DECODED: Final = (
    "no text that can be read",
    "CASE typeof({0}) WHEN 'text' THEN is_garbled(CAST({0} AS BLOB), 'strict')"
    " WHEN 'blob' THEN is_garbled({0}, 'surrogatepass') ELSE 0 END",
)
# An imported reply need not say when it was begun.
_NO_TIME: Final = ("no time", "({0} <> '' AND (length({0}) < 10 OR datetime({0}) IS NULL))")

_MADE_FROM: Final[tuple[tuple[str, str, Callable[[str], object]], ...]] = (
    (
        "SELECT DISTINCT settings FROM generations WHERE json_valid(settings) AND json_type(settings) = 'object'",
        "settings that replies were made with are not understood",
        settings_from,
    ),
    (
        "SELECT content FROM environments WHERE json_valid(content)",
        "what replies were computed with is not understood",
        environment_from,
    ),
)


def differences(connection: sqlite3.Connection, tables: Tables, tell: Tell) -> Differences:
    """The values of those tables that are none, and where they are."""
    connection.create_function("is_garbled", 2, _is_garbled, deterministic=True)
    for table, columns in tables.items():
        tell(f"looking through the values, {table}")
        yield from _of_table(connection, table, [name for name, is_required in columns.items() if is_required])
    for query, words, made_from in _MADE_FROM:
        for (column,) in connection.execute(query).fetchall():
            try:
                made_from(column)
            except (ChatError, KeyError, TypeError, ValueError) as error:
                yield Difference(f"{words}: {column[:80]} ({error})")


def _of_table(connection: sqlite3.Connection, table: str, required: Iterable[str]) -> Differences:
    questions = [
        (column["name"], words, condition.format(column["name"]))
        for column in connection.execute(f"PRAGMA table_info({table})").fetchall()
        for words, condition in _conditions(column["name"], column["type"])
    ]
    # A table that somebody made anew may let them be missing.
    questions += [(name, "missing", f"{name} IS NULL") for name in required]
    if not questions:
        return
    asked = ", ".join(condition for _, _, condition in questions)
    is_any = " OR ".join(condition for _, _, condition in questions)
    found = connection.execute(f"SELECT rowid, {asked} FROM {table} WHERE {is_any} LIMIT {MOST + 1}").fetchall()
    for rowid, *answers in found[:MOST]:
        place = place_of(connection, table, rowid)
        for (column, words, _), is_so in zip(questions, answers, strict=True):
            if is_so:
                yield Difference(f"{table}.{column} is {words}", *place)
    if len(found) > MOST:
        yield Difference(f"there are more than these {MOST:,} rows of {table} with such values")


def _conditions(column: str, kind: str) -> Iterable[tuple[str, str]]:
    """What is asked of a column, each with what is said where it is so."""
    if kind == "TEXT" and column in _TEXT_OR_BYTES:
        yield _NO_BYTES_OF_A_TEXT
    elif kind in _KINDS:
        yield _KINDS[kind]
    if kind == "TEXT":
        yield _NOT_DECODED
        if column.endswith("_at"):
            yield _NO_TIME


def _is_garbled(text: bytes, errors: str) -> bool:
    try:
        text.decode(errors=errors)
    except UnicodeDecodeError:
        return True
    return False
