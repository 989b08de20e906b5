"""What of the store's texts goes into the index of words; `chat.store.search_tables` says how it is made."""

import sqlite3

from chat.store.columns import text_from, whole_from
from chat.store.search_tables import indexed


def add_turn(connection: sqlite3.Connection, turn_id: int, text: str) -> None:
    """Put a turn's text into the index; it must be one that does not change."""
    connection.execute("INSERT INTO words (rowid, text) VALUES (?, ?)", (turn_id, indexed(text)))


def take_out(connection: sqlite3.Connection, row: int, text: str) -> None:
    """Take a text out of the index, which needs it as it was put there."""
    connection.execute("INSERT INTO words (words, rowid, text) VALUES ('delete', ?, ?)", (row, indexed(text)))


def replace_title(connection: sqlite3.Connection, session: sqlite3.Row, title: str | bytes) -> None:
    """Put a session's title into the index, in the place of the one that its row has."""
    number, before, after = -whole_from(session["number"]), text_from(session["title"]), text_from(title)
    if before:
        take_out(connection, number, before)
    if after:
        connection.execute("INSERT INTO words (rowid, text) VALUES (?, ?)", (number, indexed(after)))
