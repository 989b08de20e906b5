"""Whether what a row of the list says of a session follows from its turns; where it does not, it is made anew."""

import sqlite3
from typing import Final

from chat.store.checks.difference import Difference, Differences, Tell
from chat.store.columns import Column
from chat.store.connection import transaction
from chat.store.faults import in_words

_COUNTED: Final = """
    SELECT
        CASE
            WHEN typeof(number) <> 'integer' OR number < 1 THEN NULL
            WHEN number IN (SELECT number FROM sessions GROUP BY number HAVING count(*) > 1) THEN NULL
            ELSE number
        END AS number,
        id, turn_count, image_count, checkpoint,
        (SELECT count(*) FROM turns WHERE session_id = sessions.id) AS turns,
        (
            SELECT count(*) FROM turns JOIN parts ON parts.turn_id = turns.id
            WHERE session_id = sessions.id AND kind = 'image'
        ) AS images,
        coalesce((
            SELECT generations.checkpoint FROM turns JOIN generations ON turn_id = turns.id
            WHERE session_id = sessions.id ORDER BY turns.id DESC LIMIT 1
        ), '') AS newest
    FROM sessions
"""
_DIFFERENT: Final = f"""
    SELECT * FROM ({_COUNTED})
    WHERE number IS NULL OR turn_count <> turns OR image_count <> images OR checkpoint <> newest
"""


def differences(connection: sqlite3.Connection, tell: Tell) -> Differences:
    """What the list says that is not so, repaired."""
    tell("counting turns and pictures")
    if not connection.execute(f"{_DIFFERENT} LIMIT 1").fetchone():
        return
    try:
        with transaction(connection):
            # Whoever wrote meanwhile may have made it right.
            different = connection.execute(_DIFFERENT).fetchall()
            for row in different:
                _repair(connection, row)
    except sqlite3.Error as error:
        for row in connection.execute(_DIFFERENT).fetchall():
            yield Difference(_what(row), row["id"]).not_repaired(in_words(error))
    else:
        for row in different:
            yield Difference(_what(row), row["id"]).repaired()


def _what(row: sqlite3.Row) -> str:
    wrong = [
        f"{noun} {said}, and it is {found}"
        for noun, said, found in (
            ("its turns are counted as", row["turn_count"], row["turns"]),
            ("its pictures are counted as", row["image_count"], row["images"]),
            (
                "its checkpoint is said to be",
                _shown(row["checkpoint"]) or "none",
                _shown(row["newest"]) or "none",
            ),
        )
        if said != found
    ]
    if row["number"] is None:
        wrong.append("it has no number of its own")
    return "; ".join(wrong)


def _shown(column: str | bytes) -> str:
    """A name to be read, also where it is none that the program would write."""
    return column.decode(errors="replace") if isinstance(column, bytes) else column


def _repair(connection: sqlite3.Connection, row: sqlite3.Row) -> None:
    columns: dict[str, Column] = {
        "turn_count": row["turns"],
        "image_count": row["images"],
        "checkpoint": row["newest"],
        "number": row["number"],
        "id": row["id"],
    }
    connection.execute(
        "UPDATE sessions SET turn_count = :turn_count, image_count = :image_count, checkpoint = :checkpoint,"
        " number = coalesce(:number, (SELECT coalesce(max(max(number, 0)), 0) + 1 FROM sessions"
        " WHERE typeof(number) = 'integer')) WHERE id = :id",
        columns,
    )
