"""Whether what pictures look like is kept so that it can be compared; what is not is let go, and learnt again."""

import sqlite3
from typing import Final

from chat.store.checks.difference import Difference, Differences, Tell
from chat.store.connection import transaction
from chat.store.faults import in_words
from chat.store.likenesses import WELL_FORMED

_KINDS: Final = (
    (f"NOT ({WELL_FORMED})", "what pictures look like is kept so that it cannot be compared"),
    (
        "NOT EXISTS (SELECT 1 FROM images WHERE digest = image_digest)",
        "what pictures look like is kept of some that are not there",
    ),
)


def differences(connection: sqlite3.Connection, tell: Tell) -> Differences:
    """What is kept of pictures and is of no use, taken out."""
    tell("looking through what pictures look like")
    for condition, words in _KINDS:
        (count,) = connection.execute(f"SELECT count(*) FROM likenesses WHERE {condition}").fetchone()
        if not count:
            continue
        found = Difference(f"{words}: {count:,}")
        try:
            with transaction(connection):
                connection.execute(f"DELETE FROM likenesses WHERE {condition}")
        except sqlite3.Error as error:
            yield found.not_repaired(in_words(error))
        else:
            yield found.repaired()
