"""Playing back on the command line: at once as text or JSON, at its speed with keys, and what is refused."""

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from chat.cli import replay_text
from chat.cli.replay_play import play
from chat.cli.replay_sources import Source
from chat.cli.replay_text import TICK_S, Teller
from chat.conversation import assistant_turn, user_turn
from chat.errors import UsageError
from chat.generation import GenerationSettings, StopReason
from chat.plain.output import Output
from chat.records import StoredTurn
from chat.replay.branch import of_transcript
from chat.replay.playback import Playback
from chat.transcript import UNKNOWN_GENERATION, Transcript, load_transcript
from chat.transcript.values import PlacedTurn

SAMPLES = Path(__file__).parents[2] / "sample_sessions"
GENERATION = replace(UNKNOWN_GENERATION, first_token_s=1.0, total_s=3.0)
TURNS = (
    StoredTurn(1, user_turn("What is it?"), "", None),
    StoredTurn(2, assistant_turn("0123456789"), "", GENERATION),
)
BRANCHED = Transcript("Two ways", turns=TURNS, others=(PlacedTurn(1, StoredTurn(3, assistant_turn("A."), "", None)),))


class Pressed:
    """Presses keys at times, on a clock of its own that goes on by being asked for keys."""

    def __init__(self, *keys: tuple[float, str]) -> None:
        self._keys = list(keys)
        self.seconds = 0.0

    def next_within(self, seconds: float) -> str:
        self.seconds += seconds
        return self._keys.pop(0)[1] if self._keys and self._keys[0][0] <= self.seconds else ""


def played(*keys: tuple[float, str], speed: float = 1.0) -> tuple[bool, float]:
    """Whether all was told, and the seconds that took."""
    pressed = Pressed(*keys)
    is_whole = Teller(Playback(TURNS), Output({}), clock=lambda: pressed.seconds).play(speed, pressed)
    return is_whole, pressed.seconds


@pytest.fixture
def samples() -> Iterator[list[Source]]:
    """Two saved conversations."""
    names = ("several-turns.json", "two-pictures.json")
    yield [Source(name, load_transcript(SAMPLES / name)) for name in names]


def test_a_reply_comes_at_its_speed(capsys: pytest.CaptureFixture[str]) -> None:
    is_whole, seconds = played()
    assert capsys.readouterr().out == "You: What is it?\nmodel: 0123456789\n"
    assert is_whole
    assert seconds == pytest.approx(Playback(TURNS).duration_s, abs=2 * TICK_S)
    assert played(speed=4)[1] == pytest.approx(seconds / 4, abs=2 * TICK_S)


def test_space_pauses_and_n_goes_on_to_the_next_turn(capsys: pytest.CaptureFixture[str]) -> None:
    is_whole, seconds = played((2.85, " "), (60.0, "n"))
    told = capsys.readouterr()
    assert told.out.splitlines() == ["You: What is it?", "model: 01234", "model: 0123456789"]
    assert "paused" in told.err
    assert is_whole
    assert seconds == pytest.approx(60, abs=2 * TICK_S)


def test_b_begins_a_turn_again_and_q_leaves(capsys: pytest.CaptureFixture[str]) -> None:
    is_whole, _ = played((2.85, "b"), (3.0, "b"), (3.2, "q"))
    told = capsys.readouterr()
    assert told.out.splitlines() == ["You: What is it?", "model: 01234", "model:", "You: What is it?"]
    assert not is_whole


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("Well, a ", "model: Well, a \n  (stopped at 256 tokens)\n"),
        ("\nWell,\nYou: a  ", "model:\n  Well,\n  You: a  \n  (stopped at 256 tokens)\n"),
        ("Well,\n", "model: Well,\n  (stopped at 256 tokens)\n"),
        ("", "model: (stopped at 256 tokens)\n"),
    ],
)
def test_a_cut_reply_is_told_whole_at_its_speed_and_its_end_below(
    said: str, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    generation = replace(GENERATION, stop_reason=StopReason.MAX_NEW_TOKENS, settings=GenerationSettings())
    playback = Playback([StoredTurn(2, assistant_turn(said), "", generation)])
    pressed = Pressed()
    Teller(playback, Output({}), clock=lambda: pressed.seconds).play(1.0, pressed)
    assert capsys.readouterr().out == told


def test_ctrl_c_ends_the_line(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []

    class Interrupting:
        def next_within(self, _: float) -> str:
            told.append(capsys.readouterr().out)
            if "model: 0" in "".join(told):
                raise KeyboardInterrupt
            return ""

    monkeypatch.setattr(replay_text, "TypedKeys", Interrupting)
    with pytest.raises(KeyboardInterrupt):
        replay_text.tell([("talk.json", of_transcript(BRANCHED))], 50.0)
    assert capsys.readouterr().out == "\n"


def test_into_a_pipe_everything_comes_at_once(samples: list[Source], capsys: pytest.CaptureFixture[str]) -> None:
    play(samples)
    lines = capsys.readouterr().out.splitlines()
    assert lines[:3] == [
        "Conversation “Several turns about one picture”",
        "You: [1] What is in the picture?",
        "[1] red-circle-blue-star.png, 256 by 256 pixels, 3.1 kB",
    ]
    assert "Conversation “Two pictures in one message”" in lines
    assert lines[-1].startswith("shapes: ")


def test_json_tells_every_turn_and_when_it_comes(samples: list[Source], capsys: pytest.CaptureFixture[str]) -> None:
    play(samples, as_json=True)
    told: dict[str, Any] = json.loads(capsys.readouterr().out)
    first, second = told["conversations"]
    assert (first["name"], first["title"], len(first["turns"])) == (
        "several-turns.json",
        samples[0].transcript.title,
        10,
    )
    assert first["turns"][1]["checkpoint"] == "shapes"
    assert [turn["at_s"] for turn in first["turns"]] == sorted(turn["at_s"] for turn in first["turns"])
    assert [(one["number"], one["missing"]) for one in second["turns"][0]["images"]] == [(1, False), (2, False)]


def test_a_missing_picture_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    saved = tmp_path / "talk.json"
    shutil.copy(SAMPLES / "two-pictures.json", saved)
    found = [Source("talk.json", load_transcript(saved, missing_ok=True))]
    play(found)
    told = capsys.readouterr()
    assert told.out.count("not found by digest") == 2
    assert told.err == "idefics-chat: 2 pictures of talk.json are missing\n"
    play(found, as_json=True)
    images = json.loads(capsys.readouterr().out)["conversations"][0]["turns"][0]["images"]
    assert [image["missing"] for image in images] == [True, True]


def test_a_conversation_without_a_turn_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    play([Source("empty.json", Transcript("Nothing"))])
    assert capsys.readouterr() == (
        "Conversation “Nothing”\n",
        "idefics-chat: there is nothing to play back in empty.json: nothing was said\n",
    )


def test_any_branch_is_played_by_one_of_its_turns(capsys: pytest.CaptureFixture[str]) -> None:
    play([Source("a", BRANCHED)], branch=3)
    told = capsys.readouterr()
    assert told.out.splitlines() == ["Conversation “Two ways”", "You: What is it?", "model: A."]
    assert "one of 2 branches; --branch takes their last turns: 2, 3" in told.err
    others = tuple(PlacedTurn(1, StoredTurn(number, assistant_turn("A."), "", None)) for number in range(3, 33))
    play([Source("a", replace(BRANCHED, others=others))])
    assert capsys.readouterr().err.endswith(
        "one of 31 branches; --branch takes their last turns: " + ", ".join(map(str, range(2, 22))) + ", and 11 more\n"
    )


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"speed": 0.0}, "--speed is 0"),
        ({"speed": 101.0}, "--speed is 101"),
        ({"speed": float("nan")}, "--speed is nan"),
        ({"branch": 4}, "there is no turn 4"),
    ],
)
def test_what_cannot_be_played_is_refused(options: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        play([Source("a", BRANCHED)], **options)


def test_a_branch_is_one_of_one_conversation(samples: list[Source]) -> None:
    with pytest.raises(UsageError, match="--branch names a turn of one conversation, and there are 2"):
        play(samples, branch=1)
