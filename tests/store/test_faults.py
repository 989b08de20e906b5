import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest

from chat.conversation import user_turn
from chat.errors import StoreBusyError, StoreError
from chat.store import SqliteStore, connection, open_store
from tests.store.samples import count, execute, permissions, picture


def test_a_folder_that_may_not_be_written_gets_no_database(unprivileged_folder: Path) -> None:
    unprivileged_folder.chmod(0o500)
    for path in (unprivileged_folder / "sessions.db", unprivileged_folder / "new" / "sessions.db"):
        with pytest.raises(StoreError, match=r"cannot be used \(Permission denied\): give another file with --db"):
            open_store(path)


@pytest.mark.parametrize(("folder_mode", "file_mode"), [(0o700, 0o400), (0o500, 0o600), (0o500, 0o400)])
def test_a_read_only_database_can_be_read_but_not_changed(
    unprivileged_folder: Path, folder_mode: int, file_mode: int
) -> None:
    path = unprivileged_folder / "sessions.db"
    with open_store(path) as store:
        session_id = store.new_session()
        store.add_user_turn(session_id, user_turn("hi", picture()))
    path.chmod(file_mode)
    unprivileged_folder.chmod(folder_mode)
    with open_store(path) as store:
        assert store.find_session(session_id).title == "hi"
        assert store.turns(session_id)[0].turn.images[0].read() == picture().read()
        for change in (lambda: store.new_session(), lambda: store.add_user_turn(session_id, user_turn("more"))):
            with pytest.raises(StoreError, match=r"sessions\.db is read-only: make the file and its folder writable"):
                change()
        assert len(store.turns(session_id)) == 1
    assert permissions(path) == file_mode


def test_a_file_that_may_not_be_read_is_named(unprivileged_folder: Path) -> None:
    path = unprivileged_folder / "sessions.db"
    open_store(path).close()
    path.chmod(0)
    with pytest.raises(StoreError, match=r"sessions\.db cannot be opened: check that it is there and yours to read"):
        open_store(path)


def test_a_lock_is_waited_for(store: SqliteStore, path: Path) -> None:
    other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    other.execute("BEGIN EXCLUSIVE")
    release = threading.Timer(0.3, lambda: other.execute("COMMIT"))
    release.start()
    store.new_session()
    with open_store(path) as opened:
        assert len(opened.sessions()) == 1
    release.join()
    other.close()


def test_a_lock_that_stays_is_an_error_and_the_next_try_works(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    open_store(path).close()
    monkeypatch.setattr(connection, "BUSY_S", 0.1)
    with open_store(path) as store, closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        for use in (store.sessions, store.new_session, lambda: open_store(path)):
            with pytest.raises(StoreBusyError, match=r"sessions\.db is locked by another program: .*try"):
                use()
        other.execute("COMMIT")
        store.new_session()
        assert len(store.sessions()) == 1


def test_a_reader_that_stays_only_stops_the_commit(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "BUSY_S", 0.1)
    with open_store(path) as store, closing(sqlite3.connect(path, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM sessions").fetchall()
        with pytest.raises(StoreError, match="is locked"):
            store.new_session()
        reader.execute("COMMIT")
        store.new_session()
        assert len(store.sessions()) == 1


def test_five_seconds_are_the_wait_unless_told_otherwise(store: SqliteStore, path: Path) -> None:
    with open_store(path, wait_s=0.5) as hurried, hurried.open_again() as again:
        for opened, wait_ms in ((store, 5000), (hurried, 500), (again, 5000)):
            with opened._database.reading() as reader:
                assert reader.execute("PRAGMA busy_timeout").fetchone()[0] == wait_ms


def test_what_is_opened_again_is_the_same_file_or_none(store: SqliteStore, path: Path) -> None:
    session_id = store.new_session()
    with store.open_again() as again:
        assert again.find_session(session_id).id == session_id
    path.rename(path.with_name("elsewhere.db"))
    with pytest.raises(StoreError, match=r"sessions\.db cannot be used \(No such file"):
        store.open_again()
    assert not path.exists()


def test_a_full_disk_loses_the_new_and_keeps_the_old(store: SqliteStore, path: Path) -> None:
    session_id = store.new_session()
    store.add_user_turn(session_id, user_turn("hi"))
    with store._database.reading() as reader:
        pages = reader.execute("PRAGMA page_count").fetchone()[0]
        reader.execute(f"PRAGMA max_page_count = {pages + 2}")
    with pytest.raises(StoreError, match=r"sessions\.db cannot grow because the disk is full: free some space"):
        store.add_user_turn(session_id, user_turn(picture(b"x" * 100_000)))
    assert [stored.turn.text for stored in store.turns(session_id)] == ["hi"]
    assert count(path, "images") == 0
    with store._database.reading() as reader:
        reader.execute("PRAGMA max_page_count = 100000")
    store.add_user_turn(session_id, user_turn(picture(b"x" * 100_000)))
    assert len(store.turns(session_id)) == 2


def test_a_file_that_was_moved_away_takes_no_message_with_it(store: SqliteStore, path: Path) -> None:
    path.rename(path.with_name("moved.db"))
    with pytest.raises(StoreError, match=r"sessions\.db was moved or deleted while it was in use"):
        store.new_session()


def test_the_settings_are_the_safe_ones(store: SqliteStore) -> None:
    expected = {
        "journal_mode": "delete",
        "synchronous": 3,
        "foreign_keys": 1,
        "secure_delete": 1,
        "trusted_schema": 0,
        "cell_size_check": 1,
        "temp_store": 2,
    }
    with store._database.reading() as reader:
        found = {name: reader.execute(f"PRAGMA {name}").fetchone()[0] for name in expected}
    assert found == expected


def test_a_database_that_was_put_into_wal_mode_by_hand_is_taken_back(store: SqliteStore, path: Path) -> None:
    session_id = store.new_session()
    store.close()
    execute(path, "PRAGMA journal_mode = WAL")
    with open_store(path) as again:
        assert again.find_session(session_id).id == session_id
    assert path.read_bytes()[18:20] == b"\x01\x01"


def test_a_closed_store_can_be_closed_again_but_not_used(store: SqliteStore) -> None:
    store.close()
    store.close()
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        store.sessions()


def test_another_thread_is_told_that_the_store_is_not_its_own(store: SqliteStore) -> None:
    raised: list[Exception] = []

    def use() -> None:
        try:
            store.sessions()
        except sqlite3.ProgrammingError as error:
            raised.append(error)

    thread = threading.Thread(target=use)
    thread.start()
    thread.join()
    assert "thread" in str(raised)
    assert list(store.sessions()) == []
