"""The tables of the fourth version: pins, what a row of the list says, and the index of titles and turns.

The index holds three letters at a time, so that any part of a word is found in any language. It holds no text of its
own. A title's row is the session's `number` below zero, a turn's row is its id. Two spaces follow each text, so that
its last letters begin three letters too. `chat.store.index` writes it: a trigger may not, where no schema is trusted.
"""

import sqlite3
from collections.abc import Iterator
from itertools import groupby
from typing import Final

from chat.store.columns import text_from, to_text

M004: Final = (
    "ALTER TABLE sessions ADD COLUMN pinned_at TEXT /* not null: stands before the others in the list */",
    "ALTER TABLE sessions ADD COLUMN number INTEGER /* of its title in words, below zero */",
    "ALTER TABLE sessions ADD COLUMN turn_count INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE sessions ADD COLUMN image_count INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE sessions ADD COLUMN checkpoint TEXT NOT NULL DEFAULT '' /* of the newest reply */",
    """
    UPDATE sessions SET
        number = rowid,
        turn_count = (SELECT count(*) FROM turns WHERE session_id = sessions.id),
        image_count = (
            SELECT count(*) FROM turns JOIN parts ON parts.turn_id = turns.id
            WHERE turns.session_id = sessions.id AND parts.kind = 'image'
        ),
        checkpoint = coalesce((
            SELECT checkpoint FROM turns JOIN generations ON generations.turn_id = turns.id
            WHERE turns.session_id = sessions.id ORDER BY turns.id DESC LIMIT 1
        ), '')
    """,
    "CREATE UNIQUE INDEX sessions_by_number ON sessions (number)",
    # With all that filters ask for, so that sessions are passed over without being read.
    "DROP INDEX sessions_shown",
    "CREATE INDEX sessions_shown ON sessions (updated_at, image_count, checkpoint) WHERE deleted_at IS NULL",
    """
    CREATE INDEX sessions_listed ON sessions (pinned_at IS NOT NULL, updated_at, image_count, checkpoint)
        WHERE deleted_at IS NULL
    """,
    "CREATE INDEX replies_being_written ON generations (turn_id) WHERE stop_reason IS NULL",
    "CREATE VIRTUAL TABLE words USING fts5(text, content='', tokenize='trigram')",
    """
    CREATE TRIGGER session_numbered AFTER INSERT ON sessions BEGIN
        UPDATE sessions SET number = (SELECT coalesce(max(number), 0) + 1 FROM sessions) WHERE id = new.id;
    END
    """,
    """
    CREATE TRIGGER turn_counted AFTER INSERT ON turns BEGIN
        UPDATE sessions SET turn_count = turn_count + 1 WHERE id = new.session_id;
    END
    """,
    """
    CREATE TRIGGER picture_counted AFTER INSERT ON parts WHEN new.kind = 'image' BEGIN
        UPDATE sessions SET image_count = image_count + 1
            WHERE id = (SELECT session_id FROM turns WHERE turns.id = new.turn_id);
    END
    """,
    """
    CREATE TRIGGER checkpoint_named AFTER INSERT ON generations BEGIN
        UPDATE sessions SET checkpoint = new.checkpoint
            WHERE id = (SELECT session_id FROM turns WHERE turns.id = new.turn_id);
    END
    """,
)

TITLES: Final = "SELECT -number AS id, 0 AS position, title AS text FROM sessions WHERE title <> ''"
"""The titles that belong into the index."""
TURNS: Final = """
    SELECT turn_id AS id, position, text FROM parts
    WHERE kind = 'text' AND turn_id NOT IN (SELECT turn_id FROM generations WHERE stop_reason IS NULL)
"""
"""The texts of turns that belong into the index."""


def indexed(text: str) -> str | bytes:
    """A text as it is given to the index."""
    return to_text(padded(text))


def padded(text: str) -> str:
    """A text as it goes into the index, which would end at a zero."""
    return text.replace("\0", " ") + "  "


def index_all(connection: sqlite3.Connection) -> None:
    """Put every title and turn of a database into the index, which is empty."""
    for query in (TITLES, TURNS):
        rows = texts_of(connection, query)
        connection.executemany(
            "INSERT INTO words (rowid, text) VALUES (?, ?)", ((row, indexed(text)) for row, text in rows)
        )


def texts_of(
    connection: sqlite3.Connection, query: str, after: int = -(2**63), until: int = 2**63 - 1
) -> Iterator[tuple[int, str]]:
    """The texts that belong into the index, each with its row there.

    Args:
        connection: Where they are.
        query: `TITLES` or `TURNS`.
        after: The row behind which they begin.
        until: The last row.
    """
    texts = f"SELECT id, text FROM ({query}) WHERE id > ? AND id <= ? ORDER BY id, position"
    for number, rows in groupby(connection.execute(texts, (after, until)), key=lambda row: row["id"]):
        yield number, "\n".join(text_from(row["text"]) for row in rows)
