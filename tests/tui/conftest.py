"""Apps on a real store in a temporary folder, without motion and without waiting."""

import gc
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from textual.css.model import RuleSet
from textual.css.stylesheet import Stylesheet

from chat.generation import GenerationSettings, TextGenerator
from chat.scripted import ScriptedGenerator
from chat.store import SqliteStore, open_store
from chat.tui import garbage
from chat.tui.app import ChatApp
from tests.tui.doubles import FACTS, Desk, Gates, load


@pytest.fixture(scope="session", autouse=True)
def styles_are_parsed_once() -> Iterator[None]:
    """Hundreds of apps have the same styles: what one has parsed, a stylesheet only reads."""
    parsed: dict[tuple[object, ...], list[RuleSet]] = {}
    parse = Stylesheet._parse_rules

    def parse_once(self: Stylesheet, css: str, *place: Any, **how: Any) -> list[RuleSet]:
        key = (css, place, *how.items(), *self._variables.items())
        if key not in parsed:
            parsed[key] = parse(self, css, *place, **how)
        return parsed[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Stylesheet, "_parse_rules", parse_once)
        yield


@pytest.fixture(scope="module", autouse=True)
def modules_are_set_aside() -> None:
    """What there is before the first app is not looked over for garbage with each that goes."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def nothing_else_is_set_aside(monkeypatch: pytest.MonkeyPatch) -> None:
    """An app would set aside the one before it, which is garbage: a hundred of them take seconds to be looked over."""
    as_it_is = {name: getattr(gc, name) for name in ("collect", "disable", "enable", "isenabled")}
    monkeypatch.setattr(garbage, "gc", SimpleNamespace(**as_it_is, freeze=lambda: None, unfreeze=lambda: None))


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
    monkeypatch.setattr("chat.tui.screens.attaching.PICTURES", SimpleNamespace(open=slow))
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
