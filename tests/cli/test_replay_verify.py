"""`idefics-chat replay --verify` as a person or a script runs it."""

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from chat.cli import running
from chat.cli.app import run as run_here
from chat.cli.replay_verify import DIFFERENT
from chat.generation import TextGenerator
from chat.models.request import CheckpointRequest
from chat.shapes.bundled import CHECKPOINT
from chat.shapes.sample_sessions import hold
from chat.store import open_store

SAMPLES = Path(__file__).parents[2] / "sample_sessions"


@pytest.fixture
def loads(monkeypatch: pytest.MonkeyPatch, shapes: TextGenerator) -> list[CheckpointRequest]:
    """What is asked for; the bundled checkpoint comes for each of it, without being loaded again."""
    asked: list[CheckpointRequest] = []

    def loader(request: CheckpointRequest) -> Callable[..., TextGenerator]:
        asked.append(request)
        return lambda _progress, _stop: shapes

    monkeypatch.setattr(running, "loader", loader)
    return asked


@pytest.fixture
def talk(tmp_path: Path) -> Path:
    """A saved conversation whose file may be changed."""
    shutil.copytree(SAMPLES, tmp_path / "talks")
    return tmp_path / "talks" / "several-turns.json"


def replay(*arguments: str | Path) -> int:
    try:
        return run_here(["replay", *map(str, arguments)])
    except SystemExit as ended:
        return int(ended.code or 0)


def change(path: Path, turn: int, **fields: Any) -> None:
    document = json.loads(path.read_text())
    document["turns"][turn - 1]["generation"].update(fields)
    path.write_text(json.dumps(document))


def test_the_sample_sessions_come_again_on_a_fresh_machine(
    capsys: pytest.CaptureFixture[str], loads: list[CheckpointRequest]
) -> None:
    assert replay("--verify", SAMPLES, "--json") == 0
    printed = capsys.readouterr()
    assert printed.err == ""
    report = json.loads(printed.out)
    assert report["same"] is True
    assert [session["name"] for session in report["sessions"]] == sorted(path.name for path in SAMPLES.glob("*.json"))
    turns = [turn for session in report["sessions"] for turn in session["turns"]]
    assert len(turns) == 24
    assert all(turn["outcome"] == "same" and turn["recorded"] == turn["regenerated"] for turn in turns)
    assert len(loads) == 1
    assert (loads[0].dtype, loads[0].device, loads[0].quantize, loads[0].revision) == ("float32", "cpu", "none", None)


def test_a_token_that_differs_is_told_and_is_the_exit_code(
    capsys: pytest.CaptureFixture[str], talk: Path, loads: list[CheckpointRequest]
) -> None:
    ids = json.loads(talk.read_text())["turns"][3]["generation"]["token_ids"]
    change(talk, 4, token_ids=[*ids[:2], ids[0], *ids[3:]])
    assert replay("--verify", talk, "--json") == DIFFERENT
    report = json.loads(capsys.readouterr().out)
    assert report["same"] is False
    assert [turn["turn"] for turn in report["turns"] if not turn["same"]] == [4]
    found = report["turns"][1]
    difference = found["first_difference"]
    assert (difference["of"], difference["token"]) == ("reply", 2)
    assert difference["recorded"]["token_id"] == ids[0]
    assert difference["regenerated"]["token_id"] == ids[2]
    assert difference["recorded"]["rank"] > difference["regenerated"]["rank"] == 1
    assert difference["recorded"]["probability"] < difference["regenerated"]["probability"]
    gap = difference["regenerated"]["log_probability"] - difference["recorded"]["log_probability"]

    assert replay("--verify", talk, "--tolerance", gap + 0.1) == 0
    assert "the same but for a near tie" in capsys.readouterr().out
    assert replay("--verify", talk) == DIFFERENT
    lines = capsys.readouterr().out.splitlines()
    place = next(place for place, line in enumerate(lines) if line.startswith("  ≠   4  What colour is the star?"))
    assert lines[place + 1].startswith("        token 2: ")
    assert "rank 1)" in lines[place + 1]
    assert lines[-1] == "5 replies: 4 the same, 1 other"
