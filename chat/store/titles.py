"""A title for a session to which the user gave none."""

import sqlite3
from pathlib import Path
from typing import Final

from chat.conversation import Text, Turn
from chat.requests import CAPTION_REQUEST, STORY_REQUEST
from chat.store import turns
from chat.store.columns import text_from, to_text
from chat.store.queries import FIRST_EXCHANGE

LONGEST: Final = 60
REQUESTS: Final = (CAPTION_REQUEST, STORY_REQUEST)


def title_of(message: Turn, reply: str = "") -> str:
    """The first line of a message, at most 60 characters.

    A message that is only a picture, or only what a command asks, says nothing that tells it from others: its title is
    the first line of the reply, or until there is one the name of its picture.
    """
    words = _first_line(_marked(message))
    if words in ("", *REQUESTS):
        words = _first_line(reply) or _picture_name(message) or words
    return shortened(words)


def retitle(connection: sqlite3.Connection, path: Path, turn_id: int, reply: str) -> None:
    """Give a session the title that the reply to its first message makes, unless it has one of the user's own."""
    row = connection.execute(FIRST_EXCHANGE, (turn_id,)).fetchone()
    if row is None:
        return
    (message,) = turns.branch(connection, path, row["session_id"], row["parent_id"])
    if text_from(row["title"]) == title_of(message.turn):
        turns.update_session(connection, row["session_id"], title=to_text(title_of(message.turn, reply)))


def _marked(message: Turn) -> str:
    """The words of a message, with a mark for each picture that stands among them; those around them have none."""
    said, number = "", 1
    for place, part in enumerate(message.parts):
        if isinstance(part, Text):
            said += part.text
            continue
        goes_on = any(isinstance(other, Text) for other in message.parts[place:])
        said += f"[{number}]" if said.strip() and (goes_on or said[-1].isspace()) else ""
        number += 1
    return said


def _first_line(text: str) -> str:
    return next((" ".join(line.split()) for line in text.splitlines() if line.strip()), "")


def _picture_name(message: Turn) -> str:
    return " ".join(f"Picture {message.images[0].name}".split()) if message.images else ""


def shortened(line: str) -> str:
    """The line cut after a word, with an ellipsis, where it is too long."""
    if len(line) <= LONGEST:
        return line
    cut = line[: LONGEST - 1]
    # A line without spaces is cut anywhere.
    words = cut if line[LONGEST - 1] == " " else cut.rpartition(" ")[0] or cut
    return f"{words.rstrip()}…"
