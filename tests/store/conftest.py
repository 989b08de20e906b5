"""A store in a folder of its own, and a folder where permissions hold even for root."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

# Loaded before a test gives up the right to read where it is installed.
import sqlite_utils  # noqa: F401

from chat.store import SqliteStore, open_store

NOBODY = 65534


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
