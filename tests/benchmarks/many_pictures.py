"""Prints a store with many large pictures beside the same store without: `python -m tests.benchmarks.many_pictures`.

Ten thousand pictures of a megabyte take 10 GB of disk in the folder for temporary files, or where `--db` says.
"""

import argparse
import os
import random
import shutil
import sqlite3
import tempfile
from collections.abc import Callable
from contextlib import closing
from hashlib import sha256
from pathlib import Path
from typing import Final

from chat.search import parse_query
from chat.store import SqliteStore, open_store
from tests.benchmarks.many_sessions import write_many
from tests.benchmarks.ratio import HEADER, Ratio, compare_calls
from tests.benchmarks.sessions import typed_words

AS_FAST: Final = 1.2
"""The largest ratio of two medians that are taken for the same."""
CALLS: Final = 60

_SHOWN: Final = (
    "SELECT turn_id, session_id FROM parts JOIN turns ON turns.id = turn_id WHERE kind = 'image' ORDER BY turn_id"
)


def add_pictures(path: Path, size: int) -> int:
    """Give every picture of a store bytes of its own, so many of them; gives how many there are."""
    with closing(sqlite3.connect(path)) as connection:
        # Nobody needs it after a power cut.
        connection.execute("PRAGMA synchronous = OFF")
        shown = connection.execute(_SHOWN).fetchall()
        for turn_id, _ in shown:
            data = os.urandom(size)
            digest = sha256(data).hexdigest()
            connection.execute(
                "INSERT INTO images (digest, width, height, media_type, byte_count, created_at, data)"
                " VALUES (?, 1024, 1024, 'image/png', ?, '', ?)",
                (digest, size, data),
            )
            connection.execute(
                "UPDATE parts SET image_digest = ? WHERE turn_id = ? AND position = 1", (digest, turn_id)
            )
            connection.commit()
    return len(shown)


def ratios(store: SqliteStore, bare: SqliteStore, session_ids: list[str]) -> list[Ratio]:
    """The first page of the list, searches, and opening sessions that show a picture."""
    queries = [parse_query(words) for words in [*typed_words()[:CALLS], "has:picture"]]
    asked: dict[str, list[Callable[[SqliteStore], object]]] = {
        "first page of the list": [lambda one: one.sessions(limit=200)] * CALLS,
        "a search, with snippets": [lambda one, query=query: one.search(query) for query in queries],  # type: ignore[misc]
        "opening a session with a picture": [lambda one, shown=shown: one.turns(shown) for shown in session_ids],  # type: ignore[misc]
    }
    return [
        compare_calls(
            name,
            [lambda call=call: call(store) for call in calls],  # type: ignore[misc]
            [lambda call=call: call(bare) for call in calls],  # type: ignore[misc]
            limit=AS_FAST,
        )
        for name, calls in asked.items()
    ]


def main() -> None:
    """Write both stores, where they are not there, and print a Markdown table."""
    parser = argparse.ArgumentParser(description="Measure a store of many pictures beside one without.")
    parser.add_argument("--sessions", type=int, default=100_000, help="of ten turns each; every tenth has a picture")
    parser.add_argument("--size", type=int, default=1_000_000, help="bytes of a picture")
    parser.add_argument("--bare", type=Path, help="the store without: written there, or used again")
    parser.add_argument("--db", type=Path, help="the store with pictures: written there, or used again")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        bare, path = arguments.bare or Path(name) / "bare.db", arguments.db or Path(name) / "pictures.db"
        if not bare.exists():
            write_many(bare, arguments.sessions)
        # It may be of an earlier version.
        open_store(bare).close()
        if not path.exists():
            shutil.copyfile(bare, path)
            count = add_pictures(path, arguments.size)
            print(f"{count:,} pictures written: {path.stat().st_size / 1e9:.1f} GB\n")
        with closing(sqlite3.connect(bare)) as connection:
            session_ids = [session_id for _, session_id in connection.execute(_SHOWN)]
        chosen = random.Random(5).sample(session_ids, min(CALLS, len(session_ids)))
        with open_store(path) as store, open_store(bare) as without:
            print(HEADER)
            for ratio in ratios(store, without, chosen):
                print(ratio.row(), flush=True)


if __name__ == "__main__":
    main()
