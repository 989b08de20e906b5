"""A store of many sessions, written through the real tables; the same for the same numbers."""

import itertools
import random
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Final, NamedTuple

from chat.store import open_store
from chat.store.search_tables import index_all

COMMON: Final = ("the", "a", "is", "picture", "red", "triangle", "in", "left", "circle", "green", "there", "猫が")
"""The words that stand nearly everywhere."""
VOCABULARY: Final = 20_000
_SYLLABLES: Final = [c + v for c in "bcdfghklmnprstvz" for v in "aeiou"] + ["tri", "ang", "el", "ing", "ed", "sch"]
_DIGEST: Final = sha256(b"\0").hexdigest()
_ID: Final = "abcdefghijklmnopqrstuvwxyz234567"
ROLES: Final = ("user", "assistant")
_COLUMNS: Final = (
    "turn_id, checkpoint, family, device, dtype, quantization, context_length, image_size, is_demonstration, settings,"
    " token_ids, stop_reason, prompt_tokens, cached_tokens, first_token_s, total_s, started_at"
)
_VALUES: Final = (
    "?, 'shapes', 'idefics', 'cpu', 'float32', 'none', 1024, 224, 1, '{}', '[1]', 'end_of_utterance', 1, 0, 0, 0, ''"
)
_LAST: Final = datetime(2026, 11, 1, tzinfo=UTC)


def vocabulary() -> list[str]:
    """Words of one to four syllables, the commonest first."""
    draw = random.Random(7)
    words = dict.fromkeys(COMMON)
    while len(words) < VOCABULARY:
        words["".join(draw.choices(_SYLLABLES, k=draw.choice((1, 2, 2, 3, 3, 4))))] = None
    return list(words)


def write_many(path: Path, sessions: int, turns_each: int = 10, *, has_pictures: bool = True) -> None:
    """Write a database of sessions about nothing, whose words are as unevenly common as those of a language.

    Every tenth session has a picture, if any has one.
    """
    open_store(path).close()
    with closing(sqlite3.connect(path)) as connection:
        connection.row_factory = sqlite3.Row
        # Nobody needs it after a power cut.
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute("PRAGMA cache_size = -200000")
        triggers = connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
        # They count one by one what is known here before.
        for trigger in triggers:
            connection.execute(f"DROP TRIGGER {trigger['name']}")
        picture = (_DIGEST, 256, 256, "image/png", 1, "", b"\0")
        connection.execute("INSERT INTO images VALUES (?, ?, ?, ?, ?, ?, ?)", picture)
        for session in _sessions(sessions, turns_each, every=10 if has_pictures else sessions + 1):
            session.write(connection)
        for trigger in triggers:
            connection.execute(trigger["sql"])
        index_all(connection)
        connection.commit()


class _Session(NamedTuple):
    number: int
    id: str
    title: str
    changed_at: str
    first_turn: int
    texts: Sequence[str]
    has_picture: bool

    def write(self, connection: sqlite3.Connection) -> None:
        ids = range(self.first_turn, self.first_turn + len(self.texts))
        connection.execute(
            "INSERT INTO sessions (id, title, title_is_own, system, created_at, updated_at, number, turn_count,"
            " image_count, checkpoint) VALUES (?, ?, 0, '', ?, ?, ?, ?, ?, 'shapes')",
            (self.id, self.title, *[self.changed_at] * 2, self.number, len(self.texts), self.has_picture),
        )
        connection.executemany(
            "INSERT INTO turns (id, session_id, parent_id, role, created_at) VALUES (?, ?, ?, ?, ?)",
            (
                (turn_id, self.id, turn_id - 1 if place else None, ROLES[place % 2], self.changed_at)
                for place, turn_id in enumerate(ids)
            ),
        )
        connection.executemany(
            "INSERT INTO parts VALUES (?, 0, 'text', ?, NULL, NULL)", zip(ids, self.texts, strict=True)
        )
        if self.has_picture:
            connection.execute("INSERT INTO parts VALUES (?, 1, 'image', NULL, ?, 'x.png')", (ids[0], _DIGEST))
        connection.executemany(
            f"INSERT INTO generations ({_COLUMNS}) VALUES ({_VALUES})", ((one,) for one in ids[1::2])
        )
        connection.execute("UPDATE sessions SET head_turn_id = ? WHERE id = ?", (ids[-1], self.id))


def _sessions(count: int, turns_each: int, every: int) -> Iterator[_Session]:
    draw, words = random.Random(1), vocabulary()
    weights = list(itertools.accumulate(1 / (place + 3) for place in range(len(words))))
    said = draw.choices(words, cum_weights=weights, k=2_000_000)
    for number in range(count):
        starts = [draw.randrange(len(said) - 40) for _ in range(turns_each)]
        texts = [" ".join(said[start : start + draw.randint(4, 30)]) for start in starts]
        session_id = "".join(draw.choices(_ID, k=8))
        changed_at = (_LAST - timedelta(minutes=count - number)).isoformat(timespec="microseconds")
        yield _Session(
            number + 1, session_id, texts[0][:59], changed_at, 1 + number * turns_each, texts, (number + 1) % every == 0
        )
