"""Conversations line by line, on a real store, whose lines come from a pipe."""

import io
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from chat.errors import ChatError
from chat.generation import CheckpointFacts, GenerationSettings, TextGenerator
from chat.plain.run import PlainChat
from chat.scripted import ScriptedGenerator
from chat.store import SqliteStore, open_store

FACTS = CheckpointFacts("shapes", context_length=1024)


class Talked(NamedTuple):
    """What came of some lines."""

    code: int
    out: str
    err: str


@pytest.fixture
def db(tmp_path: Path) -> Path:
    """Where the sessions are."""
    return tmp_path / "sessions.db"


@pytest.fixture
def store(db: Path) -> Iterator[SqliteStore]:
    """A store of the test's own on the same file."""
    with open_store(db) as opened:
        yield opened


Talk = Callable[..., Talked]


@pytest.fixture
def talk(db: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Talk:
    """Takes lines as from a pipe; whatever is not given is a model that answers at once."""
    monkeypatch.chdir(tmp_path)

    def say(
        *lines: str,
        replies: Sequence[str | Exception] = (),
        generator: TextGenerator | None = None,
        failure: ChatError | None = None,
        **options: Any,
    ) -> Talked:
        model = generator or ScriptedGenerator(replies or ["Two cats."] * 20, facts=FACTS)

        def load(*_: object) -> TextGenerator:
            if failure is not None:
                raise failure
            return model

        monkeypatch.setattr(sys, "stdin", io.StringIO("".join(f"{line}\n" for line in lines)))
        chosen: dict[str, Any] = {
            "open_store": lambda: open_store(db),
            "load": load,
            "checkpoint": "shapes",
            "is_demonstration": False,
            "settings": GenerationSettings(),
            "environment": {"TERM": "xterm-256color"},
        }
        code = PlainChat(**(chosen | options)).run()
        return Talked(code, *capsys.readouterr())

    return say


def turns(store: SqliteStore) -> list[tuple[str, str]]:
    """What the store holds of the newest session: roles and texts."""
    latest = store.latest_session()
    return [(stored.turn.role, stored.turn.text) for stored in store.turns(latest.id)] if latest else []
