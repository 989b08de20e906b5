"""Who brings a database up to date says so, and whoever comes meanwhile waits and says why."""

import os
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from chat.conversation import user_turn
from chat.errors import StoreBusyError
from chat.store import SqliteStore, needs_update, open_store, schema, updating
from chat.store.files import backups
from tests.store.samples import execute, permissions
from tests.store.test_earlier_versions import UNDO_M004
from tests.store.test_schema import DIES

if TYPE_CHECKING:
    from sqlite_utils import Database


@pytest.fixture
def outdated(store: SqliteStore, path: Path) -> Path:
    """A database without an index of words."""
    store.add_user_turn(store.new_session(), user_turn("A green triangle."))
    store.close()
    execute(path, *UNDO_M004)
    return path


def sign_of(path: Path) -> Path:
    return path.with_name("sessions.db.updating")


def test_a_migration_that_takes_long_is_told_and_shown_to_others(
    outdated: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(updating, "EVERY_S", 0)
    seen: list[tuple[bool, int]] = []

    def m900_slow(db: "Database") -> None:
        seen.append((updating.is_under_way(outdated), permissions(sign_of(outdated))))
        os.utime(sign_of(outdated), (0, 0))
        db.execute("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 100000) SELECT max(i) FROM n")
        # It is touched again as long as it goes on.
        seen.append((updating.is_under_way(outdated), permissions(sign_of(outdated))))

    monkeypatch.setattr(schema, "MIGRATIONS", (*schema.MIGRATIONS, m900_slow))
    told: list[str] = []
    umask = os.umask(0)
    open_store(outdated, tell=told.append).close()
    os.umask(umask)
    assert seen == [(True, 0o600)] * 2
    # Once for the copy that is made first.
    assert len(told) > 2
    assert set(told) == {"the database is being brought up to date, 0 s"}
    assert not sign_of(outdated).exists()


def test_what_takes_no_time_is_not_told(outdated: Path) -> None:
    told: list[str] = []
    open_store(outdated, tell=told.append).close()
    open_store(outdated.with_name("new.db"), tell=told.append).close()
    assert told == []


def test_a_database_that_is_being_brought_up_to_date_is_waited_for(
    outdated: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chat.store.connection.BUSY_S", 0.01)
    told: list[str] = []
    with closing(sqlite3.connect(outdated, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        sign_of(outdated).touch()

        def tell(words: str) -> None:
            told.append(words)
            if len(told) == 5:
                other.execute("COMMIT")

        with open_store(outdated, tell=tell) as opened:
            assert opened.sessions()[0].title == "A green triangle."
    assert told == ["another program is bringing the database up to date, 0 s"] * 5


@pytest.mark.parametrize("age", [updating.FORGOTTEN_S + 1, -updating.FORGOTTEN_S - 1, None])
def test_a_lock_for_another_reason_is_waited_for_no_longer_than_usual(
    outdated: Path, monkeypatch: pytest.MonkeyPatch, age: float | None
) -> None:
    monkeypatch.setattr("chat.store.connection.BUSY_S", 0.01)
    if age is not None:
        # Of a process that died, maybe before the clock was set back.
        sign_of(outdated).touch()
        touched = time.time() - age
        os.utime(sign_of(outdated), (touched, touched))
    with closing(sqlite3.connect(outdated, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(StoreBusyError, match="is locked by another program"):
            open_store(outdated, tell=lambda words: pytest.fail(words))


def test_a_migration_that_was_killed_is_done_by_the_next_who_opens(store: SqliteStore, path: Path) -> None:
    store.new_session()
    store.close()
    assert subprocess.run([sys.executable, "-c", DIES, path]).returncode == -signal.SIGKILL
    assert updating.is_under_way(path)
    execute(path, *UNDO_M004)
    open_store(path).close()
    assert not sign_of(path).exists()
    assert len(backups(path)) == 2


def test_whether_a_database_needs_bringing_up_to_date_is_told_without_opening_it(outdated: Path) -> None:
    before = outdated.read_bytes()
    assert needs_update(outdated)
    assert outdated.read_bytes() == before
    with closing(sqlite3.connect(outdated, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        assert not needs_update(outdated)
        sign_of(outdated).touch()
        assert needs_update(outdated)
    open_store(outdated).close()
    for name in ("sessions.db", "none.db", "empty.db", "notes.txt", "."):
        path = outdated.parent / name
        if name == "empty.db":
            path.touch()
        if name == "notes.txt":
            path.write_text("mine, and no database" * 50)
        assert not needs_update(path), name
