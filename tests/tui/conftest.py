"""Apps on a real store in a temporary folder, without motion and without waiting."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from chat.generation import GenerationSettings, TextGenerator
from chat.scripted import ScriptedGenerator
from chat.store import SqliteStore, open_store
from chat.tui.app import ChatApp
from tests.tui.doubles import FACTS, Desk, Gates, load


@pytest.fixture
def db(tmp_path: Path) -> Path:
    """Where the sessions are."""
    return tmp_path / "sessions.db"


@pytest.fixture
def store(db: Path) -> Iterator[SqliteStore]:
    """A store of the test's own on the app's file."""
    with open_store(db) as opened:
        yield opened


@pytest.fixture
def gates(monkeypatch: pytest.MonkeyPatch) -> Gates:
    """A slow disk."""
    slow = Gates()
    monkeypatch.setattr("chat.tui.screens.attaching.open_image", slow)
    return slow


@pytest.fixture
def make_desk(db: Path, store: SqliteStore) -> Iterator[Callable[..., Desk]]:
    """Makes apps; whatever is not given is a model that answers at once."""
    opened: list[SqliteStore] = []

    def open_for_app() -> SqliteStore:
        opened.append(open_store(db))
        return opened[-1]

    def make(*replies: str | Exception, generator: TextGenerator | None = None, **options: Any) -> Desk:
        model = generator or ScriptedGenerator(replies or ["Two cats."] * 20, facts=FACTS)
        chosen: dict[str, Any] = {
            "open_store": open_for_app,
            "load": load(model),
            "checkpoint": "shapes",
            "is_demonstration": False,
            "settings": GenerationSettings(),
        }
        app = ChatApp(**(chosen | options))
        app.animation_level = "none"
        return Desk(app, store)

    yield make
    for one in opened:
        one.close()
