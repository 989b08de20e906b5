"""Our conversations in a logs database of `llm`, and what it takes to list and search them there.

Run by the Python that has `llm`: `llm_child.py write OURS LOGS` writes the database as its own logging would, through
its schema, ids and hashes; `llm_child.py time LOGS COUNT TRIES < QUERIES.json` prints seconds as JSON, of each search
those of the quickest try.
"""

import json
import sqlite3
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import sqlite_utils
from llm.cli import annotate_log_rows
from llm.logs import LogStore, merged_log_rows, message_hash
from llm.parts import Message, TextPart
from llm.utils import monotonic_ulid

RUNS: Final = 20
"""How often the newest are listed."""

_TEXTS: Final = (
    "SELECT sessions.id, sessions.title, turns.role, parts.text, turns.created_at FROM sessions"
    " JOIN turns ON turns.session_id = sessions.id JOIN parts ON parts.turn_id = turns.id AND parts.kind = 'text'"
    " ORDER BY sessions.updated_at, turns.id"
)
_INTO: Final = {
    "threads": "id, name, tip_message_hash, datetime_utc",
    "messages": "hash, parent_hash, role",
    "parts": "message_hash, position, type, text",
    "turns": "id, thread_id, parent_message_hash, tip_message_hash, model, options_json, duration_ms, datetime_utc",
    "turn_search": "turn_id, prompt, response",
}


class Logs:
    """A logs database that is filled with whole conversations, many rows at a time."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._rows: dict[str, list[tuple[object, ...]]] = {table: [] for table in _INTO}

    def add(self, title: str, texts: list[tuple[str, str, str]]) -> None:
        """Add a conversation: each turn's role, text and time."""
        thread, tip, asked = _new_id(), None, ("", "")
        for role, text, said_at in texts:
            before, tip = tip, message_hash(Message(role=role, parts=[TextPart(text=text)]), tip)
            self._rows["messages"].append((tip, before, role))
            self._rows["parts"].append((tip, 0, "text", text))
            if role == "user":
                asked = (tip, text)
            else:
                turn = _new_id()
                self._rows["turns"].append((turn, thread, asked[0], tip, "shapes", "{}", 1, said_at))
                self._rows["turn_search"].append((turn, asked[1], text))
        self._rows["threads"].append((thread, title, tip, texts[0][2]))
        if len(self._rows["threads"]) >= 1000:
            self.flush()

    def flush(self) -> None:
        """Write what was added."""
        for table, rows in self._rows.items():
            places = ", ".join("?" * len(_INTO[table].split(",")))
            self._connection.executemany(f"INSERT OR IGNORE INTO {table} ({_INTO[table]}) VALUES ({places})", rows)
            rows.clear()


def _new_id() -> str:
    return str(monotonic_ulid()).lower()


def _conversations(ours: Path) -> Iterator[tuple[str, list[tuple[str, str, str]]]]:
    """Title and turns of each, the one changed last at the end."""
    with closing(sqlite3.connect(ours)) as connection:
        session, title = "", ""
        texts: list[tuple[str, str, str]] = []
        for session_id, session_title, role, text, said_at in connection.execute(_TEXTS):
            if session_id != session and texts:
                yield title, texts
                texts = []
            session, title = session_id, session_title
            texts.append((role, text, said_at))
        yield title, texts


def write(ours: Path, path: Path) -> None:
    """Write all conversations of our database into one of theirs."""
    LogStore(sqlite_utils.Database(path))
    with closing(sqlite3.connect(path)) as connection:
        # Nobody needs it after a power cut.
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute("PRAGMA cache_size = -200000")
        logs = Logs(connection)
        for title, texts in _conversations(ours):
            logs.add(title, texts)
        logs.flush()
        connection.commit()


def _seconds(run: Callable[[], object]) -> float:
    started = time.perf_counter()
    run()
    return time.perf_counter() - started


def times(path: Path, count: int, tries: int, queries: list[str]) -> dict[str, list[float]]:
    """Seconds of listing the newest, and of each search, best matches first as it is, and newest first as ours."""
    database = sqlite_utils.Database(path)
    store = LogStore(database)

    def rows(**chosen: Any) -> None:
        annotate_log_rows(database, merged_log_rows(store, count=count, **chosen))

    rows()
    return {
        "list": [_seconds(rows) for _ in range(RUNS)],
        "best": [min(_seconds(lambda: rows(query=query)) for _ in range(tries)) for query in queries],  # noqa: B023
        "newest": [
            min(_seconds(lambda: rows(query=query, latest=True)) for _ in range(tries))  # noqa: B023
            for query in queries
        ],
    }


def main() -> None:
    """Do what the arguments say."""
    if sys.argv[1] == "write":
        write(Path(sys.argv[2]), Path(sys.argv[3]))
    else:
        print(json.dumps(times(Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]), json.load(sys.stdin))))


if __name__ == "__main__":
    main()
