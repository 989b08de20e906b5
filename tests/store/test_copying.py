"""A copy is the database at one moment, whole, sound and private, or there is none."""

import os
import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from chat.conversation import user_turn
from chat.errors import StoreBusyError, StoreError
from chat.store import SqliteStore, copying, open_store
from tests.store.damage import change
from tests.store.samples import dump, integrity, permissions, picture


def copied(
    path: Path, target: Path, tell: Callable[[str], None] = lambda _: None, *, overwrite: bool = False
) -> copying.Copied:
    return copying.copy(path, target, overwrite=overwrite, tell=tell, stop=threading.Event())


def _write_mine(path: Path) -> None:
    path.write_text("mine")


@pytest.fixture
def talked(store: SqliteStore, monkeypatch: pytest.MonkeyPatch) -> str:
    """A session larger than what is copied at once."""
    monkeypatch.setattr(copying, "PAGES", 8)
    session_id = store.new_session()
    store.add_user_turn(session_id, user_turn("hi", picture(b"x" * 400_000)))
    return session_id


def test_a_copy_is_the_same_database_and_private(store: SqliteStore, talked: str, path: Path, tmp_path: Path) -> None:
    before = os.umask(0)
    copy = copied(path, tmp_path / "copy.db")
    os.umask(before)
    assert dump(tmp_path / "copy.db") == dump(path)
    assert integrity(tmp_path / "copy.db") == "ok"
    assert (permissions(tmp_path / "copy.db"), *copy) == (0o600, (tmp_path / "copy.db").stat().st_size, 0)
    assert sorted(os.listdir(tmp_path)) == ["copy.db", "data"]


def test_a_file_that_is_there_stays_unless_it_may_be_replaced(
    store: SqliteStore, talked: str, path: Path, tmp_path: Path
) -> None:
    target = tmp_path / "notes.txt"
    target.write_text("mine")
    with pytest.raises(StoreError, match=r"notes\.txt: exists already: choose another name, or give --overwrite"):
        copied(path, target)
    assert target.read_text() == "mine"
    copied(path, target, overwrite=True)
    assert dump(target) == dump(path)


def test_a_file_that_comes_to_be_meanwhile_stays_too(
    store: SqliteStore, talked: str, path: Path, tmp_path: Path
) -> None:
    target = tmp_path / "copy.db"
    with pytest.raises(StoreError, match="exists already"):
        copied(path, target, lambda _: _write_mine(target))
    assert target.read_text() == "mine"
    assert sorted(os.listdir(tmp_path)) == ["copy.db", "data"]


@pytest.mark.parametrize("overwrite", [True, False])
def test_the_database_is_no_copy_of_itself(store: SqliteStore, path: Path, overwrite: bool) -> None:
    with pytest.raises(StoreError, match=r"sessions\.db: is the database itself"):
        copied(path, path.parent / "." / path.name, overwrite=overwrite)


def test_one_write_meanwhile_is_in_the_copy(store: SqliteStore, talked: str, path: Path, tmp_path: Path) -> None:
    # As another process does: what this connection writes would be copied along.
    others = iter([store])

    def write(_: str) -> None:
        for other in others:
            other.add_user_turn(talked, user_turn("more"))

    copied(path, tmp_path / "copy.db", write)
    with open_store(tmp_path / "copy.db") as copy:
        assert [stored.turn.text for stored in copy.turns(talked)] == ["hi", "more"]


def test_who_writes_all_the_time_is_made_to_wait(
    store: SqliteStore, talked: str, path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chat.store.connection.BUSY_S", 0.01)
    outcomes: list[bool] = []

    def write(_: str) -> None:
        with open_store(path) as other:
            try:
                other.add_user_turn(talked, user_turn("more"))
            except StoreBusyError:
                outcomes.append(False)
            else:
                outcomes.append(True)

    copied(path, tmp_path / "copy.db", write)
    written = outcomes.index(False)
    assert written >= copying.MOST_BEGINNINGS
    assert not any(outcomes[written : len(outcomes) - 1])
    assert integrity(tmp_path / "copy.db") == "ok"


def test_a_copy_that_is_stopped_leaves_nothing(store: SqliteStore, talked: str, path: Path, tmp_path: Path) -> None:
    stop = threading.Event()
    with pytest.raises(StoreError, match="was not copied: interrupted"):
        copying.copy(path, tmp_path / "copy.db", overwrite=False, tell=lambda _: stop.set(), stop=stop)
    assert os.listdir(tmp_path) == ["data"]


def test_a_database_that_stays_locked_is_told(
    store: SqliteStore, path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chat.store.connection.BUSY_S", 0.05)

    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(StoreBusyError, match=r"sessions\.db is locked by another program"):
            copied(path, tmp_path / "copy.db")
    assert os.listdir(tmp_path) == ["data"]


def test_a_damaged_database_has_no_copy(store: SqliteStore, talked: str, path: Path, tmp_path: Path) -> None:
    with store._database.reading() as connection:
        query = "SELECT rootpage FROM sqlite_master WHERE name = 'turns_of_session'"
        page = connection.execute(query).fetchone()[0]
    store.close()
    whole = path.read_bytes()
    path.write_bytes(whole[: (page - 1) * 4096] + b"\xff" * 4096 + whole[page * 4096 :])
    with pytest.raises(StoreError, match="is damaged"):
        copied(path, tmp_path / "copy.db")
    assert os.listdir(tmp_path) == ["data"]


def test_a_copy_of_values_that_may_not_be_is_made_and_replaces_none(
    store: SqliteStore, talked: str, path: Path, tmp_path: Path
) -> None:
    target = tmp_path / "copy.db"
    copied(path, target)
    before = target.read_bytes()
    change(path, "UPDATE turns SET role = 'robot'")
    with pytest.raises(StoreError, match=r"copy\.db: stays, because .*sessions\.db holds what may not be"):
        copied(path, target, overwrite=True)
    assert target.read_bytes() == before
    assert copied(path, tmp_path / "another.db", overwrite=True).problems == 1
    assert dump(tmp_path / "another.db") == dump(path)


def test_a_folder_that_is_not_there_is_told(store: SqliteStore, path: Path, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="there is no such folder: make it first"):
        copied(path, tmp_path / "nowhere" / "copy.db")


def test_a_copy_without_a_name_is_called_by_the_time_and_is_no_automatic_backup(path: Path) -> None:
    copy = copying.copy_beside(path)
    copy.parent.mkdir()
    copy.touch()
    assert copying.copy_beside(path) != copy
    assert copy.parent == path.parent
    assert copy.name.startswith("sessions-20")
    assert copy.suffix == ".db"
