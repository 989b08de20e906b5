"""Messages that have not been sent, one for each session and one for the session not yet begun."""

import json
import sqlite3
from contextlib import suppress
from pathlib import Path

from chat.conversation import Image
from chat.drafts import Draft
from chat.errors import InvalidTurnError
from chat.store.columns import legible, to_text
from chat.store.pictures import image_from


def replace(connection: sqlite3.Connection, session_id: str | None, draft: Draft) -> None:
    """Keep a draft in place of the one before; the bytes of its pictures are kept already."""
    connection.execute("DELETE FROM drafts WHERE session_id IS ?", (session_id,))
    if draft:
        listed = [{"digest": image.digest, "name": image.name} for image in draft.images]
        # Unescaped: reading JSON would make one character of two escaped surrogates.
        images = to_text(json.dumps(listed, ensure_ascii=False))
        connection.execute("INSERT INTO drafts VALUES (?, ?, ?)", (session_id, to_text(draft.text), images))


def find(connection: sqlite3.Connection, path: Path, session_id: str | None) -> Draft:
    """The draft that was kept, as far as it can be read, or an empty one."""
    row = connection.execute("SELECT text, images FROM drafts WHERE session_id IS ?", (session_id,)).fetchone()
    return Draft(legible(row["text"]), _images(connection, path, legible(row["images"]))) if row else Draft()


def _images(connection: sqlite3.Connection, path: Path, listed: str) -> tuple[Image, ...]:
    """The pictures of a draft, in its order; one that somebody took out of the database by hand is left out."""
    query = "SELECT digest, ?, width, height FROM images WHERE digest = ?"
    found: list[Image] = []
    for name, digest in _listed(listed):
        for row in connection.execute(query, (to_text(name), digest)).fetchall():
            with suppress(InvalidTurnError, TypeError, ValueError):
                found.append(image_from(row, path))
    return tuple(found)


def _listed(text: str) -> list[tuple[str, str]]:
    """The names and digests of pictures in a list of them, as far as it is one."""
    try:
        entries = json.loads(text)
        return [(str(entry["name"]), str(entry["digest"])) for entry in entries]
    except (KeyError, RecursionError, TypeError, ValueError):
        return []
