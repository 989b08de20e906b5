"""Labels that were ranked, each choice with the turn it follows and the pictures that came with it."""

import sqlite3
from pathlib import Path

from chat.errors import StoreError
from chat.generation import Score
from chat.ranking import Ranking
from chat.records import Choice
from chat.store import provenance, turns
from chat.store.columns import Column, now, number_from, text_from, time_from, to_text, whole_from
from chat.store.generations import facts_columns, facts_from
from chat.store.pictures import image_from
from chat.store.queries import BRANCH_CHOICES, CHOICE_IMAGES, CHOICE_LABELS, SESSION_CHOICES


def insert(connection: sqlite3.Connection, session_id: str, choice: Choice) -> None:
    """Keep a choice; the bytes of its pictures are kept already."""
    query = "SELECT 1 FROM turns WHERE id = ? AND session_id = ?"
    turns.update_session(connection, session_id, updated_at=now())
    if choice.turn_id is not None and not connection.execute(query, (choice.turn_id, session_id)).fetchone():
        raise StoreError(f"turn {choice.turn_id} is not of session {session_id}: nothing can follow it there")
    columns: dict[str, Column] = {
        "session_id": session_id,
        "turn_id": choice.turn_id,
        "created_at": choice.created_at or now(),
        **facts_columns(choice.facts),
        "environment_id": provenance.environment_id(connection, choice.facts.environment),
        "per_token": choice.ranking.per_token,
        "number": choice.number,
        "left_out": choice.left_out,
    }
    values = ", ".join(f":{name}" for name in columns)
    inserted = connection.execute(f"INSERT INTO choices ({', '.join(columns)}) VALUES ({values})", columns)
    for position, (label, score) in enumerate(zip(choice.ranking.labels, choice.ranking.scores, strict=True)):
        row = (inserted.lastrowid, position, to_text(label), score.log_likelihood, score.token_count)
        connection.execute("INSERT INTO choice_labels VALUES (?, ?, ?, ?, ?)", row)
    for position, image in enumerate(choice.images):
        row_of_image = (inserted.lastrowid, position, image.digest, to_text(image.name))
        connection.execute("INSERT INTO choice_images VALUES (?, ?, ?, ?)", row_of_image)


def of_branch(connection: sqlite3.Connection, path: Path, session_id: str) -> list[Choice]:
    """The choices of the branch that a session shows; raises UnknownSessionError."""
    shown = turns.require_session(connection, session_id)["head_turn_id"]
    rows = connection.execute(BRANCH_CHOICES, {"session": session_id, "last": shown}).fetchall()
    return [_choice_from(connection, path, row) for row in rows]


def of_session(connection: sqlite3.Connection, path: Path, session_id: str) -> list[Choice]:
    """The choices of every branch."""
    rows = connection.execute(SESSION_CHOICES, (session_id,)).fetchall()
    return [_choice_from(connection, path, row) for row in rows]


def _choice_from(connection: sqlite3.Connection, path: Path, row: sqlite3.Row) -> Choice:
    rows = connection.execute(CHOICE_LABELS, (row["id"],)).fetchall()
    labels = tuple(text_from(label["label"]) for label in rows)
    if len(labels) < 2 or not all(map(str.strip, labels)):
        raise ValueError("labels that were ranked are lost")
    ranking = Ranking(labels, tuple(map(_score_from, rows)), per_token=bool(row["per_token"]))
    return Choice(
        turn_id=None if row["turn_id"] is None else whole_from(row["turn_id"]),
        ranking=ranking,
        facts=facts_from(row),
        created_at=time_from(row["created_at"]),
        images=tuple(image_from(image, path) for image in connection.execute(CHOICE_IMAGES, (row["id"],))),
        number=_count_from(row["number"]),
        left_out=_count_from(row["left_out"]),
    )


def _score_from(row: sqlite3.Row) -> Score:
    return Score(number_from(row["log_likelihood"]), _count_from(row["token_count"], 1))


def _count_from(column: object, least: int = 0) -> int:
    count = whole_from(column)
    if count < least:
        raise ValueError(f"{count} is below {least}")
    return count
