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

INDEX: Final = "words"
"""Its table."""
_PARTS: Final = ("data", "idx", "content", "docsize", "config")
"""The tables that FTS5 keeps it in."""
MOST: Final = 1_000
"""Titles and turns that are named, if so many are not in the index as they should be."""
_PAGE: Final = 2_000
"""Turns that are read in one transaction."""

_BELONGING: Final = f"SELECT id FROM ({TITLES}) UNION SELECT id FROM ({TURNS})"
# Texts of turns that are none were told already.
_LACKING: Final = (
    f"SELECT id FROM ({_BELONGING}) WHERE typeof(id) = 'integer' EXCEPT SELECT id FROM words_docsize LIMIT {MOST}"
)
_TOO_MANY: Final = f"SELECT id FROM words_docsize EXCEPT SELECT id FROM ({_BELONGING}) LIMIT {MOST}"
_VOCABULARY: Final = (
    "CREATE VIRTUAL TABLE IF NOT EXISTS temp.counted USING fts5vocab('main', 'words', 'row')",
    "CREATE VIRTUAL TABLE IF NOT EXISTS temp.placed USING fts5vocab('main', 'words', 'instance')",
)
_PLACE: Final = "SELECT 1 FROM temp.placed WHERE term = ? LIMIT 1"


def differences(connection: sqlite3.Connection, made_by: str, tell: Tell, stop: threading.Event) -> Differences:
    """What of titles and turns is not found, or is found and not there, repaired.

    Args:
        connection: To a database whose other tables are sound.
        made_by: The statement that makes the index.
        tell: Is told how far it is.
        stop: Set when nobody wants to know any more.
    """
    found, is_damaged = _look(connection, made_by, tell, stop)
    if not found or stop.is_set():
        return
    try:
        with transaction(connection):
            if not is_damaged:
                # Whoever wrote between two looks may have made it seem so.
                found, _ = _look(connection, made_by, tell, stop)
            if found and not stop.is_set():
                tell("making the index of words anew")
                _make_anew(connection, made_by)
    except sqlite3.Error as error:
        yield from (each.not_repaired(in_words(error)) for each in found)
    except (TypeError, UnicodeDecodeError):
        yield from (each.not_repaired("a text cannot be read") for each in found)
    else:
        yield from (each.repaired() for each in found)


def _look(
    connection: sqlite3.Connection, made_by: str, tell: Tell, stop: threading.Event
) -> tuple[list[Difference], bool]:
    """What is wrong, and whether the index cannot even be asked; once it was, such a transaction cannot replace it."""
    tell("looking through the index of words")
    held = connection.execute("SELECT sql FROM sqlite_master WHERE name = ?", (INDEX,)).fetchone()
    if held is None or held["sql"] != made_by:
        return [Difference("the index of words is not made as it should be")], True
    try:
        return _different(connection, tell, stop), False
    except (TypeError, UnicodeDecodeError):
        # Which text it is was told already; nothing can be compared with it.
        return [], False
    except sqlite3.DatabaseError as error:
        # The file itself was found to be sound: what cannot be read is inside of the index.
        if getattr(error, "sqlite_errorcode", 0) & 0xFF not in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_ERROR):
            raise
        return [Difference(f"the index of words is damaged: {error}")], True


def _make_anew(connection: sqlite3.Connection, made_by: str) -> None:
    """Put an index into the place of one that may be so damaged that SQLite refuses to drop it."""
    connection.execute("PRAGMA writable_schema = ON")
    connection.execute("DELETE FROM sqlite_master WHERE name = ?", (INDEX,))
    # Reads the schema anew, and lets nobody write to it any more.
    connection.execute("PRAGMA writable_schema = RESET")
    for part in _PARTS:
        connection.execute(f"DROP TABLE IF EXISTS {INDEX}_{part}")
    connection.execute(made_by)
    index_all(connection)


def _different(connection: sqlite3.Connection, tell: Tell, stop: threading.Event) -> list[Difference]:
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
    for statement in _VOCABULARY:
        connection.execute(statement)
    for term, count in connection.execute("SELECT term, cnt FROM temp.counted").fetchall():
        said[term] -= count
        if stop.is_set():
            return []
        # It may be there, and not where a search looks for it.
        if not connection.execute(_PLACE, (term,)).fetchall():
            return [Difference("the index of words does not find all that it holds")]
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
