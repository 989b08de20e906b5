"""A store in a folder of its own, and a folder where permissions hold even for root."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

# Loaded before a test gives up the right to read where it is installed.
import sqlite_utils  # noqa: F401

from chat.conversation import user_turn
from chat.records import LeftOut
from chat.store import SqliteStore, open_store
from tests.store.samples import COMPUTED, FACTS, SETTINGS, choice, drawn, reply

NOBODY = 65534
ODD = "Straße \0 lone \ud800 İ ǅ half\0way 三角形"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "sessions.db"


@pytest.fixture
def store(path: Path) -> Iterator[SqliteStore]:
    with open_store(path) as opened:
        yield opened


@pytest.fixture
def session_id(store: SqliteStore) -> str:
    return store.new_session()


@pytest.fixture
def unprivileged_folder() -> Iterator[Path]:
    """Root may write what is read-only, so it is nobody while the test runs."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        is_root = os.geteuid() == 0
        if is_root:
            os.chown(folder, NOBODY, NOBODY)
            os.seteuid(NOBODY)
        try:
            yield folder
        finally:
            folder.chmod(0o700)
            if is_root:
                os.seteuid(0)


@pytest.fixture(scope="session")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with something of everything."""
    path = tmp_path_factory.mktemp("sound") / "sessions.db"
    with open_store(path) as store:
        for title in (ODD, ""):
            session_id = store.new_session(title=title)
            message = store.add_user_turn(session_id, user_turn(f"What is it? {ODD}", drawn(), "And that?"))
            store.close_reply(store.open_reply(message, COMPUTED, SETTINGS), reply("A green triangle."))
            store.add_choice(session_id, choice(message, drawn("blue")))
            store.leave_out(session_id, LeftOut(frozenset(), frozenset({(message, 0)})))
        store.rename_session(session_id, "Renamed")
        store.save_reply(store.open_reply(message, FACTS, SETTINGS), "Being wri", [1])
        store.add_version(message, user_turn("Another"))
        store.learn_likenesses(lambda _done, _of: None, lambda: True)
    return path


@pytest.fixture
def filled(sound: Path, tmp_path: Path) -> Path:
    """A copy of it, to be changed."""
    return Path(shutil.copy(sound, tmp_path / "sessions.db"))
