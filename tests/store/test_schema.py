import os
import re
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from chat.conversation import user_turn
from chat.errors import StoreError
from chat.records import LeftOut
from chat.store import SqliteStore, open_store, schema
from chat.store.connection import APPLICATION_ID
from chat.store.files import KEPT_BACKUPS, backups
from tests.store.samples import COMPUTED, SETTINGS, choice, dump, execute, integrity, picture, reply

if TYPE_CHECKING:
    from sqlite_utils import Database

TABLES = set(
    "sessions turns parts images likenesses generations environments drafts imports".split()
    + "choices choice_labels choice_images left_out".split()
)


def m002_notes(db: "Database") -> None:
    db.execute("CREATE TABLE notes (id INTEGER PRIMARY KEY)")


def m003_fails(db: "Database") -> None:
    db.execute("CREATE TABLE more (id INTEGER PRIMARY KEY)")
    db.execute("DELETE FROM drafts")
    raise sqlite3.OperationalError("out of luck")


@pytest.fixture
def next_version(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Makes this program a later one, with more migrations."""

    def add(*migrations: Callable[["Database"], None]) -> None:
        monkeypatch.setattr(schema, "MIGRATIONS", (*schema.MIGRATIONS, *migrations))

    return add


def tables(path: Path) -> set[str]:
    with closing(sqlite3.connect(path)) as connection:
        rows = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
    # The index keeps itself in tables of its own.
    return {name for (name,) in rows if name != "_sqlite_migrations" and not re.match("words(_|$)", name)}


def pragma(path: Path, name: str) -> int:
    with closing(sqlite3.connect(path)) as connection:
        found: int = connection.execute(f"PRAGMA {name}").fetchone()[0]
    return found


@pytest.fixture
def one_exchange(store: SqliteStore, path: Path) -> str:
    """A database with something in every table; gives the session's id."""
    session_id = store.new_session()
    message = store.add_user_turn(session_id, user_turn("hi", picture()))
    store.close_reply(store.open_reply(message, COMPUTED, SETTINGS), reply())
    store.add_choice(session_id, choice(message, picture()))
    store.leave_out(session_id, LeftOut(frozenset({message})))
    store.save_draft(session_id, store.draft(None))
    store.import_sessions([store.export(session_id)])
    store.learn_likenesses(lambda _done, _of: None, lambda: True)
    store.close()
    execute(path, "INSERT INTO drafts VALUES (NULL, 'draft', '[]')")
    return session_id


def test_an_empty_file_gets_every_table(store: SqliteStore, path: Path) -> None:
    assert tables(path) == TABLES
    assert pragma(path, "application_id") == APPLICATION_ID == int.from_bytes(path.read_bytes()[68:72])
    assert pragma(path, "user_version") == len(schema.MIGRATIONS)
    assert integrity(path) == "ok"
    assert backups(path) == []


def test_a_migration_leaves_every_row_as_it_was(
    one_exchange: str, path: Path, next_version: Callable[..., None]
) -> None:
    before = dump(path)
    next_version(m002_notes)
    with open_store(path) as store:
        assert len(store.turns(one_exchange)) == 2
    assert tables(path) == {*TABLES, "notes"}
    assert pragma(path, "user_version") == len(schema.MIGRATIONS)
    assert [line for line in before if line not in dump(path)] == []


def test_a_database_is_copied_before_it_is_migrated(
    one_exchange: str, path: Path, next_version: Callable[..., None]
) -> None:
    before = dump(path)
    next_version(m002_notes)
    umask = os.umask(0)
    open_store(path).close()
    os.umask(umask)
    open_store(path).close()
    (backup,) = backups(path)
    assert backup.stat().st_mode & 0o777 == 0o600
    assert dump(backup) == before
    assert len(os.listdir(path.parent)) == 2
    schema.MIGRATIONS = schema.MIGRATIONS[:-1]
    with open_store(backup) as store:
        assert store.find_session(one_exchange).title == "hi"


def test_the_newest_backups_are_kept(one_exchange: str, path: Path, next_version: Callable[..., None]) -> None:
    seen: set[Path] = set()
    for number in range(KEPT_BACKUPS + 2):

        def migration(db: "Database") -> None:
            """Changes nothing."""

        migration.__name__ = f"m{number}"
        next_version(migration)
        open_store(path).close()
        new = set(backups(path)) - seen
        assert len(new) == 1
        seen |= new
    assert backups(path) == sorted(seen)[-KEPT_BACKUPS:]


def test_what_a_broken_off_backup_left_does_no_harm(
    one_exchange: str, path: Path, next_version: Callable[..., None]
) -> None:
    path.with_name(f"{path.name}.unfinished-backup").write_bytes(b"half a backup")
    next_version(m002_notes)
    open_store(path).close()
    (backup,) = backups(path)
    assert integrity(backup) == "ok"
    assert len(os.listdir(path.parent)) == 2


def test_a_migration_that_fails_changes_nothing(
    one_exchange: str, path: Path, next_version: Callable[..., None]
) -> None:
    before = dump(path)
    next_version(m002_notes, m003_fails)
    with pytest.raises(StoreError, match=r"sessions\.db cannot be used \(out of luck\)"):
        open_store(path)
    assert dump(path) == before
    assert pragma(path, "user_version") == len(schema.MIGRATIONS) - 2


@pytest.mark.parametrize("number", range(len(schema._M001)))
def test_a_first_start_that_fails_at_any_statement_can_be_repeated(
    path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    with monkeypatch.context() as broken:
        broken.setattr(schema, "_M001", (*schema._M001[:number], "SELECT no_such_function()"))
        with pytest.raises(StoreError, match="no_such_function"):
            open_store(path)
    assert tables(path) == set()
    open_store(path).close()
    assert tables(path) == TABLES


DIES = """
import os, pathlib, signal, sys
from chat.store import open_store, schema

def m900_dies(db):
    db.execute("CREATE TABLE half_done (data)")
    # More than the cache holds, so that pages of the open transaction are in the file.
    db.execute("INSERT INTO half_done VALUES (zeroblob(9000000))")
    os.kill(os.getpid(), signal.SIGKILL)

schema.MIGRATIONS += (m900_dies,)
open_store(pathlib.Path(sys.argv[1]))
"""


def test_a_first_start_that_is_killed_leaves_an_empty_file(path: Path) -> None:
    assert subprocess.run([sys.executable, "-c", DIES, path]).returncode == -signal.SIGKILL
    assert path.stat().st_size > 5_000_000
    with open_store(path) as store:
        store.new_session()
    assert tables(path) == TABLES
    assert integrity(path) == "ok"


def test_a_migration_that_is_killed_leaves_every_row(one_exchange: str, path: Path) -> None:
    before = dump(path)
    assert subprocess.run([sys.executable, "-c", DIES, path]).returncode == -signal.SIGKILL
    assert path.stat().st_size > 5_000_000
    with open_store(path) as store:
        assert len(store.turns(one_exchange)) == 2
    assert dump(path) == before
    assert integrity(path) == "ok"


STARTS = """
import pathlib, sys
import sqlite_utils
from chat.conversation import user_turn
from chat.store import open_store, schema

def m900_slow(db):
    numbers = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 200000)"
    db.execute(f"CREATE TABLE slow AS {numbers} SELECT i FROM n")

schema.MIGRATIONS += (m900_slow,)
print("ready", flush=True)
session_id = sys.stdin.readline().strip()
with open_store(pathlib.Path(sys.argv[1])) as store:
    session_id = session_id or store.new_session()
    for number in range(8):
        store.add_user_turn(session_id, user_turn(f"{number}"))
"""


@pytest.mark.parametrize("is_new", [True, False])
def test_three_programs_may_start_and_write_at_once(
    request: pytest.FixtureRequest, path: Path, next_version: Callable[..., None], is_new: bool
) -> None:
    session_id = "" if is_new else request.getfixturevalue("one_exchange")
    command = [sys.executable, "-c", STARTS, str(path)]
    programs = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    for program in programs:
        assert program.stdout is not None
        assert program.stdout.readline() == "ready\n"
    for program in programs:
        assert program.stdin is not None
        program.stdin.write(f"{session_id}\n")
        program.stdin.flush()
    assert [program.communicate()[1] for program in programs] == ["", "", ""]
    assert [program.returncode for program in programs] == [0, 0, 0]

    def m900_slow(db: "Database") -> None:
        """Known by its name."""

    next_version(m900_slow)
    with open_store(path) as store:
        counts = [summary.turn_count for summary in store.sessions()]
        chains = [len(store.turns(summary.id)) for summary in store.sessions()]
    assert counts == chains == ([8, 8, 8] if is_new else [26])
    assert len(backups(path)) == (0 if is_new else 1)
    assert integrity(path) == "ok"


@pytest.mark.parametrize(
    "change",
    [
        "PRAGMA user_version = 999",
        "INSERT INTO _sqlite_migrations (migration_set, name, applied_at) VALUES ('idefics-chat', 'm999_future', '')",
    ],
)
def test_a_database_of_a_newer_program_is_refused_and_untouched(store: SqliteStore, path: Path, change: str) -> None:
    store.close()
    execute(path, change)
    before = path.read_bytes()
    with pytest.raises(StoreError) as caught:
        open_store(path)
    expected = f"{path} is from a newer idefics-chat: update the program, or give another file with --db"
    assert str(caught.value) == expected
    assert path.read_bytes() == before
    assert backups(path) == []


def test_migrations_of_other_programs_are_none_of_ours(store: SqliteStore, path: Path) -> None:
    store.close()
    execute(path, "INSERT INTO _sqlite_migrations (migration_set, name, applied_at) VALUES ('notes', 'm001', '')")
    open_store(path).close()


def test_every_table_can_be_read_by_hand(one_exchange: str, path: Path) -> None:
    for table in TABLES:
        command = [sys.executable, "-m", "sqlite_utils", "rows", str(path), table, "--limit", "1"]
        shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        assert shown.startswith("[{"), table
    with closing(sqlite3.connect(path)) as connection:
        described = "".join(sql or "" for (sql,) in connection.execute("SELECT sql FROM sqlite_master"))
    assert "-- last turn of the branch that is shown" in described


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE turns SET parent_id = id",
        "UPDATE turns SET parent_id = id + 1",
        "UPDATE turns SET role = 'system'",
        "UPDATE parts SET kind = 'sound'",
        "UPDATE parts SET text = NULL",
        "UPDATE parts SET image_digest = 'none such' WHERE kind = 'image'",
        "DELETE FROM images",
        "INSERT INTO drafts VALUES (NULL, 'a second one', '[]')",
        "UPDATE choice_labels SET token_count = 0",
    ],
)
def test_the_tables_refuse_what_makes_no_sense(one_exchange: str, path: Path, statement: str) -> None:
    with pytest.raises(sqlite3.IntegrityError):
        execute(path, statement)
