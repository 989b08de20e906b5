"""The tables, and how a database of an earlier version is brought to them."""

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final

from chat.errors import StoreError
from chat.store.connection import APPLICATION_ID, transaction
from chat.store.faults import ANOTHER_FILE
from chat.store.files import back_up
from chat.store.search_tables import M004, index_all
from chat.store.tables import M003, M005, M006, M007, M008
from chat.store.updating import Tell, under_way

if TYPE_CHECKING:
    from sqlite_utils import Database

_MIGRATION_SET: Final = "idefics-chat"

_M001: Final = (
    """
    CREATE TABLE sessions (
        id TEXT PRIMARY KEY NOT NULL,
        title TEXT NOT NULL,
        title_is_own INTEGER NOT NULL, -- 1: the user gave it; 0: the first words of the first message
        system TEXT NOT NULL, -- instructions before the first turn, or empty
        created_at TEXT NOT NULL, -- ISO 8601 in UTC, as every time here
        updated_at TEXT NOT NULL, -- when its turns or its system text changed last
        deleted_at TEXT, -- not null: out of the list, and can be restored
        head_turn_id INTEGER REFERENCES turns (id) -- last turn of the branch that is shown
    )
    """,
    "CREATE INDEX sessions_shown ON sessions (updated_at) WHERE deleted_at IS NULL",
    # A parent is older than its children, so no walk from a turn to the root can go in circles.
    """
    CREATE TABLE turns (
        id INTEGER PRIMARY KEY,
        session_id TEXT NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
        parent_id INTEGER REFERENCES turns (id) CHECK (parent_id < id), -- turn before this one; null for the first
        role TEXT NOT NULL CHECK (role IN ('user', 'assistant')),
        created_at TEXT NOT NULL
    )
    """,
    "CREATE INDEX turns_of_session ON turns (session_id)",
    # The bytes stand last, so that the other columns are read without them.
    """
    CREATE TABLE images (
        digest TEXT PRIMARY KEY NOT NULL, -- sha256 of data, hexadecimal
        width INTEGER NOT NULL,
        height INTEGER NOT NULL,
        media_type TEXT, -- application/octet-stream where the bytes do not tell
        byte_count INTEGER NOT NULL,
        created_at TEXT NOT NULL,
        data BLOB NOT NULL -- the picture file as it was given
    )
    """,
    """
    CREATE TABLE parts (
        turn_id INTEGER NOT NULL REFERENCES turns (id) ON DELETE CASCADE,
        position INTEGER NOT NULL, -- from 0
        kind TEXT NOT NULL CHECK (kind IN ('text', 'image')),
        text TEXT, -- a blob where it holds lone surrogates, which UTF-8 cannot
        image_digest TEXT REFERENCES images (digest),
        image_name TEXT,
        PRIMARY KEY (turn_id, position),
        CHECK ((kind = 'text') = (text IS NOT NULL)),
        CHECK ((kind = 'image') = (image_digest IS NOT NULL AND image_name IS NOT NULL))
    )
    """,
    """
    CREATE TABLE generations (
        turn_id INTEGER PRIMARY KEY REFERENCES turns (id) ON DELETE CASCADE, -- the reply; its words are in parts
        checkpoint TEXT NOT NULL, -- as the user gave it
        revision TEXT,
        family TEXT NOT NULL,
        device TEXT NOT NULL,
        dtype TEXT NOT NULL,
        quantization TEXT NOT NULL,
        context_length INTEGER NOT NULL,
        image_size INTEGER NOT NULL,
        is_demonstration INTEGER NOT NULL,
        settings TEXT NOT NULL, -- JSON object
        seed INTEGER, -- null: greedy decoding
        token_ids TEXT NOT NULL, -- JSON array
        stop_reason TEXT, -- null: being written, or the program died
        prompt_tokens INTEGER NOT NULL,
        cached_tokens INTEGER NOT NULL,
        first_token_s REAL NOT NULL,
        total_s REAL NOT NULL,
        started_at TEXT NOT NULL,
        finished_at TEXT
    )
    """,
    """
    CREATE TABLE drafts (
        session_id TEXT REFERENCES sessions (id) ON DELETE CASCADE, -- null: a session not yet begun
        text TEXT NOT NULL,
        images TEXT NOT NULL -- JSON array of {"digest", "name"}
    )
    """,
    "CREATE UNIQUE INDEX drafts_of_session ON drafts (coalesce(session_id, ''))",
)


def m001_sessions(db: "Database") -> None:
    """Every table of the first version."""
    for statement in _M001:
        db.execute(statement)


def m002_image_detail(db: "Database") -> None:
    """How closely a reply's model saw pictures."""
    db.execute("ALTER TABLE generations ADD COLUMN image_detail TEXT NOT NULL DEFAULT 'low'")


def m003_choices(db: "Database") -> None:
    """Labels that were ranked, and the messages that are examples."""
    for statement in M003:
        db.execute(statement)


def m004_search(db: "Database") -> None:
    """Pins, and the index of titles and turns."""
    for statement in M004:
        db.execute(statement)
    index_all(db.conn)


def m005_left_out(db: "Database") -> None:
    """What the model is not shown."""
    db.execute(M005)


def m006_provenance(db: "Database") -> None:
    """What replies were computed with, and the ids of their prompts."""
    for statement in M006:
        db.execute(statement)


def m007_likenesses(db: "Database") -> None:
    """What pictures look like, and in which sessions they are."""
    for statement in M007:
        db.execute(statement)


def m008_imports(db: "Database") -> None:
    """What was brought in, so that nothing is made twice."""
    for statement in M008:
        db.execute(statement)


MIGRATIONS: tuple[Callable[["Database"], None], ...] = (
    m001_sessions,
    m002_image_detail,
    m003_choices,
    m004_search,
    m005_left_out,
    m006_provenance,
    m007_likenesses,
    m008_imports,
)
"""From an empty file to the present tables, in order. Append only: databases exist that have taken each step."""


def prepare(connection: sqlite3.Connection, path: Path, tell: Tell) -> None:
    """Bring a database to the present tables, however many processes do so at once; tells of it where it takes long.

    A database that has sessions is copied first; see `chat.store.files.back_up`.

    Raises:
        StoreError: The database was written by a newer version of the program.
    """
    if not _pending(connection, path):
        return
    with transaction(connection):
        # Another process may have done it while this one waited for the lock.
        if not _pending(connection, path):
            return
        if not _applied(connection):
            _apply(connection)
            return
        with under_way(connection, path, tell) as go_on:
            back_up(path, go_on)
            _apply(connection)


def is_outdated(connection: sqlite3.Connection) -> bool:
    """Whether a database is one of an earlier version."""
    return bool(applied := _applied(connection)) and applied < {migration.__name__ for migration in MIGRATIONS}


def _pending(connection: sqlite3.Connection, path: Path) -> bool:
    """Whether the database lacks a migration."""
    known = {migration.__name__ for migration in MIGRATIONS}
    applied = _applied(connection)
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if applied - known or version > len(MIGRATIONS):
        raise StoreError(f"{path} is from a newer idefics-chat: update the program, or {ANOTHER_FILE}")
    return applied != known


def _applied(connection: sqlite3.Connection) -> set[str]:
    if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = '_sqlite_migrations'").fetchone():
        return set()
    rows = connection.execute("SELECT name FROM _sqlite_migrations WHERE migration_set = ?", (_MIGRATION_SET,))
    return {row["name"] for row in rows}


def _apply(connection: sqlite3.Connection) -> None:
    """Take the steps that are left, inside the open transaction."""
    # Takes 0.1 s, because it looks for numpy, and is needed only when the tables change.
    from sqlite_utils import Database, Migrations

    migrations = Migrations(_MIGRATION_SET)
    for migration in MIGRATIONS:
        migrations()(migration)
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    migrations.apply(Database(connection, execute_plugins=False))
    connection.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")
