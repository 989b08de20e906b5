import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from chat.conversation import user_turn
from chat.errors import StoreError
from chat.store import SqliteStore, default_path, open_store
from tests.store.samples import execute, permissions, picture, unreadable


@contextmanager
def umask(mask: int) -> Iterator[None]:
    before = os.umask(mask)
    try:
        yield
    finally:
        os.umask(before)


def contents(folder: Path) -> dict[str, tuple[bytes, int]]:
    return {entry.name: (entry.read_bytes(), entry.stat().st_mtime_ns) for entry in folder.iterdir()}


def test_the_default_path_is_where_the_platform_keeps_data(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", "/somewhere")
    assert default_path().parts[-2:] == ("idefics-chat", "sessions.db")
    if sys.platform == "linux":
        assert default_path() == Path("/somewhere/idefics-chat/sessions.db")


@pytest.mark.parametrize("mask", [0, 0o022, 0o077, 0o777])
def test_nobody_else_may_read_what_is_created(path: Path, mask: int) -> None:
    with umask(mask), open_store(path) as store:
        store.new_session()
        assert (permissions(path.parent), permissions(path)) == (0o700, 0o600)


def test_the_journal_is_private_too(store: SqliteStore, path: Path) -> None:
    with umask(0), store._database.writing() as writer:
        writer.execute("INSERT INTO images VALUES ('d', 1, 1, NULL, 0, '', zeroblob(9000000))")
        (journal,) = path.parent.glob("*-journal")
        assert permissions(journal) == 0o600


@pytest.mark.parametrize(("before", "after"), [(0o644, 0o600), (0o666, 0o600), (0o755, 0o700), (0o440, 0o400)])
def test_a_file_that_others_may_read_is_made_private(path: Path, before: int, after: int) -> None:
    open_store(path).close()
    path.chmod(before)
    open_store(path).close()
    assert permissions(path) == after


def test_a_file_of_another_program_keeps_its_permissions(path: Path) -> None:
    path.parent.mkdir()
    path.write_text("somebody's notes, long enough to be taken for a database" * 20)
    path.chmod(0o644)
    with pytest.raises(StoreError, match="is not an idefics-chat database"):
        open_store(path)
    assert permissions(path) == 0o644


def test_the_programs_own_folder_is_made_private_too(path: Path) -> None:
    path.parent.mkdir(mode=0o755)
    open_store(path, owns_folder=True).close()
    assert permissions(path.parent) == 0o700


def test_a_folder_that_was_there_is_left_as_it_is(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    open_store(tmp_path / "sessions.db").close()
    assert permissions(tmp_path) == 0o755


def test_another_process_may_be_faster_to_create_the_file(
    store: SqliteStore, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session_id = store.new_session()
    monkeypatch.setattr(Path, "exists", lambda _: False)
    with open_store(path) as opened:
        assert opened.find_session(session_id).id == session_id


def test_a_relative_name_holds_after_the_working_folder_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with open_store(Path("sessions.db")) as store:
        kept = store.add_image(picture().read(), picture())
    with open_store(Path("sessions.db")) as store:
        assert list(store.sessions()) == []
    monkeypatch.chdir("/")
    assert kept.read() == picture().read()


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
@pytest.mark.parametrize("is_garbage", [True, False])
def test_a_refused_file_is_let_go(store: SqliteStore, path: Path, is_garbage: bool) -> None:
    store.close()
    if is_garbage:
        path.write_bytes(b"garbage " * 1000)
    else:
        execute(path, "PRAGMA user_version = 99")
    with pytest.raises(StoreError) as caught:
        open_store(path)
    held = [os.readlink(entry) for entry in Path("/proc/self/fd").iterdir() if entry.is_symlink()]
    assert caught.value.__cause__ is not None or not is_garbage
    assert str(path) not in held


def test_a_name_full_of_signs_is_a_name(tmp_path: Path) -> None:
    path = tmp_path / "100% of #1?mode=ro&x;'ü .db"
    with open_store(path) as store:
        kept = store.add_image(picture().read(), unreadable(picture()))
    assert kept.read() == picture().read()
    assert os.listdir(tmp_path) == [path.name]


def test_an_empty_file_becomes_a_database(path: Path) -> None:
    path.parent.mkdir()
    path.touch()
    with open_store(path) as store:
        assert list(store.sessions()) == []


def foreign_database(path: Path) -> sqlite3.Connection:
    path.parent.mkdir()
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("CREATE TABLE sessions (id)")
    other.execute("INSERT INTO sessions VALUES (1)")
    return other


def test_another_programs_database_is_refused_and_untouched(path: Path) -> None:
    foreign_database(path).close()
    before = contents(path.parent)
    with pytest.raises(StoreError) as caught:
        open_store(path)
    assert str(caught.value) == f"{path} is not an idefics-chat database: give another file with --db"
    assert contents(path.parent) == before


def test_another_programs_write_ahead_log_is_untouched_too(path: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy" / path.name
    with closing(foreign_database(path)) as other:
        other.execute("PRAGMA journal_mode = WAL")
        other.execute("INSERT INTO sessions VALUES (2)")
        shutil.copytree(path.parent, copy.parent)
    (copy.parent / f"{copy.name}-shm").unlink()
    before = contents(copy.parent)
    assert len(before) == 2
    with pytest.raises(StoreError, match="is not an idefics-chat database"):
        open_store(copy)
    assert contents(copy.parent) == before


@pytest.mark.parametrize(
    "garbage", [b"x", b"hello", b"\0" * 4096, b"SQLite format 3\0", os.urandom(9000), b"\n" * 200], ids=len
)
def test_a_file_that_is_no_database_is_refused_and_untouched(path: Path, garbage: bytes) -> None:
    path.parent.mkdir()
    path.write_bytes(garbage)
    before = contents(path.parent)
    with pytest.raises(StoreError, match=r"sessions\.db (is not an idefics-chat database|is damaged): .*--db"):
        open_store(path)
    assert contents(path.parent) == before


@pytest.mark.parametrize("kept", [100, 4096, 0.5])
def test_a_cut_file_is_called_damaged_and_left_alone(store: SqliteStore, path: Path, kept: float) -> None:
    store.close()
    whole = path.read_bytes()
    path.write_bytes(whole[: int(kept if kept > 1 else kept * len(whole))])
    before = contents(path.parent)
    with pytest.raises(StoreError, match=r"sessions\.db is damaged: keep it, and give another file with --db$"):
        open_store(path)
    assert contents(path.parent) == before


@pytest.mark.parametrize("name", ["sessions.db.backup-20260101T000000.0", "sessions-20260101T000000Z.db"])
def test_a_copy_that_lies_beside_a_damaged_database_is_named(store: SqliteStore, path: Path, name: str) -> None:
    store.close()
    whole = path.read_bytes()
    path.with_name(name).write_bytes(whole)
    path.write_bytes(whole[:5000])
    with pytest.raises(StoreError, match=rf"--db, such as its copy {name}$"):
        open_store(path)


def test_a_page_that_went_bad_is_told_when_it_is_read(store: SqliteStore, path: Path) -> None:
    session_id = store.new_session()
    for number in range(30):
        store.add_user_turn(session_id, user_turn(f"{number} " * 200))
    store.close()
    whole = path.read_bytes()
    page = whole.index(b"20 20 20") // 4096
    path.write_bytes(whole[: page * 4096] + b"\xff" * 4096 + whole[(page + 1) * 4096 :])
    with open_store(path) as opened, pytest.raises(StoreError, match=r"sessions\.db is damaged"):
        opened.turns(session_id)


def test_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="is a folder: give a file with --db"):
        open_store(tmp_path)


def test_what_would_never_end_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", Path("/dev/zero")):
        with pytest.raises(StoreError, match=f"{path} is not a plain file: give another file with --db"):
            open_store(path)


def test_a_file_in_a_file_and_a_link_to_nowhere_are_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to(tmp_path / "nowhere" / "sessions.db")
    for path in (tmp_path / "file" / "sessions.db", tmp_path / "file" / "more" / "sessions.db", tmp_path / "link"):
        with pytest.raises(StoreError, match=r"cannot be used \(.+\): give another file with --db") as caught:
            open_store(path)
        assert str(caught.value).startswith(f"{path} ")


def test_a_link_to_a_database_opens_it(store: SqliteStore, path: Path, tmp_path: Path) -> None:
    session_id = store.new_session()
    (tmp_path / "link").symlink_to(path)
    with open_store(tmp_path / "link") as linked:
        assert linked.find_session(session_id).id == session_id


def test_opening_an_up_to_date_store_loads_nothing_large(path: Path) -> None:
    open_store(path).close()
    code = (
        "import sys, pathlib, chat.store as s; s.open_store(pathlib.Path(sys.argv[1])).sessions(); print(*sys.modules)"
    )
    found = subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True, check=True).stdout
    assert {"sqlite3", "chat.store.schema"} <= set(found.split())
    assert not {"sqlite_utils", "numpy", "textual", "torch", "PIL", "chat.session"} & set(found.split())
