"""Whether the index of words holds what titles and turns say; where it does not, it is made anew.

The index keeps no text, so it is counted: which rows it has, and how often each three letters stand in all of them.
"""

import sqlite3
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from typing import Final

from chat.store.checks.difference import Difference, Differences, Tell
from chat.store.columns import to_text
from chat.store.connection import transaction
from chat.store.faults import in_words
from chat.store.search_tables import TITLES, TURNS, index_all, padded, texts_of

MOST: Final = 1_000
"""Titles and turns that are named, if so many are not in the index as they should be."""
_PAGE: Final = 2_000
"""Turns that are read in one transaction."""

_BELONGING: Final = f"SELECT id FROM ({TITLES}) UNION SELECT id FROM ({TURNS})"
_LACKING: Final = f"{_BELONGING} EXCEPT SELECT id FROM words_docsize LIMIT {MOST}"
_TOO_MANY: Final = f"SELECT id FROM words_docsize EXCEPT SELECT id FROM ({_BELONGING}) LIMIT {MOST}"
_VOCABULARY: Final = "CREATE VIRTUAL TABLE IF NOT EXISTS temp.counted USING fts5vocab('main', 'words', 'row')"


def differences(connection: sqlite3.Connection, tell: Tell, stop: threading.Event) -> Differences:
    """What of titles and turns is not found, or is found and not there, repaired."""
    found = _look(connection, tell, stop)
    if not found or stop.is_set():
        return
    try:
        with transaction(connection):
            # Whoever wrote between two looks may have made it seem so.
            found = _look(connection, tell, stop)
            if found and not stop.is_set():
                tell("making the index of words anew")
                connection.execute("INSERT INTO words (words) VALUES ('delete-all')")
                index_all(connection)
    except sqlite3.Error as error:
        yield from (each.not_repaired(in_words(error)) for each in found)
    else:
        yield from (each.repaired() for each in found)


def _look(connection: sqlite3.Connection, tell: Tell, stop: threading.Event) -> list[Difference]:
    tell("looking through the index of words")
    found = [
        *(
            _named(connection, row, "is not in the index of words")
            for (row,) in connection.execute(_LACKING).fetchall()
        ),
        *(_named(connection, row, "is in the index of words") for (row,) in connection.execute(_TOO_MANY).fetchall()),
    ]
    if found:
        return found
    said = _letters_said(connection, tell, stop)
    connection.execute(_VOCABULARY)
    for term, count in connection.execute("SELECT term, cnt FROM temp.counted"):
        said[term] -= count
    if not stop.is_set() and any(said.values()):
        return [Difference("the index of words does not agree with what titles and turns say")]
    return []


def _named(connection: sqlite3.Connection, row: int, words: str) -> Difference:
    if row < 0:
        session = connection.execute("SELECT id FROM sessions WHERE number = ?", (-row,)).fetchone()
        title = "its title" if session else f"the title of session number {-row}, which is not there,"
        return Difference(f"{title} {words}", session["id"] if session else None)
    turn = connection.execute("SELECT session_id FROM turns WHERE id = ?", (row,)).fetchone()
    return Difference(words, turn["session_id"] if turn else None, row)


def _letters_said(connection: sqlite3.Connection, tell: Tell, stop: threading.Event) -> Counter[str]:
    """How often each three letters stand in titles and turns, as the index spells them."""
    counted: Counter[str] = Counter()
    with closing(_Spelling()) as spelling:
        for text in _texts(connection, tell, stop):
            spelled = padded(text).translate(spelling)
            counted.update(spelled[place : place + 3] for place in range(len(spelled) - 2))
    return counted


def _texts(connection: sqlite3.Connection, tell: Tell, stop: threading.Event) -> Iterator[str]:
    for _, title in texts_of(connection, TITLES):
        yield title
    newest = connection.execute("SELECT max(id) FROM turns").fetchone()[0]
    page = "SELECT max(id) FROM (SELECT id FROM turns WHERE id > ? ORDER BY id LIMIT ?)"
    place = -(2**63)
    while not stop.is_set() and (until := connection.execute(page, (place, _PAGE)).fetchone()[0]) is not None:
        tell(f"comparing what was said with the index of words, {until / max(newest, until, 1):.0%}")
        for _, text in texts_of(connection, TURNS, place, until):
            yield text
        place = until


class _Spelling(dict[int, str]):
    """Each character as the index spells it, which is asked of an index."""

    def __init__(self) -> None:
        super().__init__()
        self._index = sqlite3.connect(":memory:", isolation_level=None)
        self._index.execute("CREATE VIRTUAL TABLE one USING fts5(text, tokenize='trigram')")
        self._index.execute("CREATE VIRTUAL TABLE terms USING fts5vocab('one', 'row')")

    def close(self) -> None:
        """Let go of the index."""
        self._index.close()

    def __missing__(self, character: int) -> str:
        self._index.execute("DELETE FROM one")
        self._index.execute("INSERT INTO one VALUES (?)", (to_text(f"{chr(character)}  "),))
        spelled: str = self._index.execute("SELECT term FROM terms").fetchone()[0]
        self[character] = spelled[0]
        return spelled[0]
