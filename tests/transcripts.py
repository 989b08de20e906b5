"""A conversation with everything that a transcript keeps, random ones, and files that are not as they should be."""

import io
import json
import os
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import PIL.Image
import pytest
from hypothesis import strategies as st

from chat.conversation import Image, Part, Role, Text, Turn, assistant_turn, user_turn
from chat.environment import UNKNOWN_ENVIRONMENT, CheckpointFile, Environment, Library
from chat.errors import TranscriptError
from chat.generation import CheckpointFacts, GenerationSettings, Score, StopReason
from chat.images import read_image
from chat.prompt_ids import PromptIds
from chat.ranking import Ranking
from chat.records import Choice, Generation, LeftOut, StoredTurn
from chat.transcript import UNKNOWN_GENERATION, PlacedTurn, Transcript, load_transcript, save_transcript
from chat.transcript.values import divided

EXAMPLES = int(os.environ.get("IDEFICS_CHAT_EXAMPLES", "25"))
"""How many sessions are made up for each rule."""

WHEN = "2026-11-21T02:30:00.000000+00:00"


def picture(colour: str, name: str = "", kind: str = "PNG") -> Image:
    """A small picture of one colour."""
    file = io.BytesIO()
    PIL.Image.new("RGB", (4, 3), colour).save(file, kind)
    return read_image(file.getvalue(), name or f"{colour}.{kind.lower()}")


RED, BLUE = picture("red"), picture("blue", "../blue sky\n.jpeg", "JPEG")
GREEN = picture("green")

GENERATION = Generation(
    facts=CheckpointFacts("HuggingFaceM4/idefics-9b-instruct", "0" * 40, device="cuda", dtype="bfloat16"),
    settings=GenerationSettings(max_new_tokens=64, temperature=0.7, top_p=0.9, top_k=40, seed=7),
    stop_reason=StopReason.END_OF_UTTERANCE,
    seed=7,
    token_ids=(319, 2654, 32002),
    prompt_tokens=41,
    cached_tokens=12,
    first_token_s=0.25,
    total_s=1.5,
)

TALK = Transcript(
    "A red picture",
    "Answer briefly.",
    (
        StoredTurn(1, user_turn("What is this?", RED, "And this?", BLUE, RED), WHEN, None),
        StoredTurn(2, assistant_turn("Red.\r\n\x00 \u202e<end_of_utterance> ▁ é 👩\u200d🚀"), WHEN, GENERATION),
        StoredTurn(3, user_turn(BLUE), WHEN, None),
        StoredTurn(4, assistant_turn("A"), WHEN, replace(UNKNOWN_GENERATION, stop_reason=None, token_ids=(5,))),
        StoredTurn(5, user_turn("Are you there?"), WHEN, None),
    ),
)

CHOSEN = replace(
    TALK,
    turns=(replace(TALK.turns[0], is_example=True), *TALK.turns[1:]),
    choices=(
        Choice(
            None, Ranking(("cat", "dog"), (Score(-0.5, 1), Score(-1.25, 2))), GENERATION.facts, WHEN, (GREEN, RED), 1
        ),
        Choice(
            4, Ranking(("a é", "b"), (Score(-3.0, 2), Score(-2.0, 1)), per_token=True), GENERATION.facts, WHEN, (), 4, 1
        ),
    ),
)
"""The same with an example, labels ranked before the first turn, for a picture of their own, and after the fourth."""


def contents(folder: Path) -> dict[str, bytes]:
    """Every file below a folder: its path there and its bytes."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


# Lists, since in an alphabet of `st.text` the few that matter would drown in all of Unicode.
AWKWARD = st.lists(
    st.sampled_from('\x00\r\n\t ▁\u202e\u2028\ud83d\ude00\udfff\ufeff"\\{}<>') | st.characters(), max_size=6
).map("".join)
NAMES = st.one_of(AWKWARD, st.sampled_from(["", ".", "..", "/", "a/b", "CON", ".png", "x" * 300, "~/x", "a.tar.gz"]))


@st.composite
def user_turns(draw: st.DrawFn) -> Turn:
    """Messages of texts and pictures, with names that no file could have."""
    parts: list[Part] = []
    for image in draw(
        st.lists(st.builds(lambda image, name: replace(image, name=name), pictures(), NAMES), max_size=3)
    ):
        if text := draw(AWKWARD):
            parts.append(Text(text))
        parts.append(image)
    text = draw(AWKWARD)
    if not parts or text:
        parts.append(Text(f"?{text}"))
    return Turn(Role.USER, tuple(parts))


def pictures() -> st.SearchStrategy[Image]:
    """Pictures to choose from."""
    return st.sampled_from([RED, BLUE])


# Few, since a document tells each once.
ENVIRONMENTS = [
    UNKNOWN_ENVIRONMENT,
    Environment((CheckpointFile("config.json", "0" * 64),), (Library("torch", "2.13.0+cpu"),)),
    Environment(libraries=(Library("\x1b[2J", "▁"),)),
]


def times() -> st.SearchStrategy[str]:
    """Moments, or that nobody knows."""
    moments = st.datetimes(min_value=datetime(1990, 1, 1), max_value=datetime(2100, 1, 1), timezones=st.just(UTC))
    return st.just("") | moments.map(lambda moment: moment.isoformat(timespec="microseconds"))


def facts() -> st.SearchStrategy[CheckpointFacts]:
    """Of any checkpoint."""
    return st.builds(CheckpointFacts, AWKWARD, st.none() | AWKWARD, environment=st.sampled_from(ENVIRONMENTS))


def generations() -> st.SearchStrategy[Generation]:
    """How a reply came about, with any numbers that are allowed."""
    ids = st.lists(st.integers(0, 2**31), max_size=5).map(tuple)
    return st.builds(
        Generation,
        facts=facts(),
        settings=st.builds(
            GenerationSettings,
            st.integers(1, 999),
            st.just(0.0) | st.floats(0.001, 100),
            st.floats(0, 1, exclude_min=True),
            seed=st.none() | st.integers(0, 2**63 - 1),
        ),
        stop_reason=st.none() | st.sampled_from(StopReason),
        seed=st.none() | st.integers(0, 2**63 - 1),
        token_ids=ids,
        prompt_tokens=st.integers(0, 10**6),
        cached_tokens=st.integers(0, 10**6),
        first_token_s=st.floats(0, 1e6),
        total_s=st.floats(0, 1e6),
        prompt=st.none() | st.builds(PromptIds, st.integers(0, 9), ids),
        started_at=times(),
        finished_at=times(),
    )


@st.composite
def trees(draw: st.DrawFn) -> tuple[PlacedTurn, ...]:
    """Up to seven turns, each after any that it may follow."""
    tree: list[PlacedTurn] = []
    for number in range(1, draw(st.integers(0, 7)) + 1):
        messages = [placed.stored.id for placed in tree if placed.stored.turn.role is Role.USER]
        may_reply: bool = draw(st.booleans())
        if messages and may_reply:
            turn, after = assistant_turn(draw(AWKWARD)), draw(st.sampled_from(messages))
            stored = StoredTurn(number, turn, draw(times()), draw(generations()))
        else:
            after = draw(st.integers(0, number - 1))
            stored = StoredTurn(number, draw(user_turns()), draw(times()), None, draw(st.booleans()))
        tree.append(PlacedTurn(after or None, stored))
    return tuple(tree)


@st.composite
def transcripts(draw: st.DrawFn) -> Transcript:
    """Sessions with everything that a file keeps."""
    tree = draw(trees())
    turns, others = divided(tree, draw(st.integers(0, len(tree))) or None)
    messages = [placed.stored for placed in tree if placed.stored.turn.role is Role.USER]
    shown = [(stored.id, place) for stored in messages for place in range(len(stored.turn.images))]
    return Transcript(
        draw(AWKWARD),
        draw(AWKWARD),
        turns,
        tuple(draw(st.lists(choices(len(tree)), max_size=2))),
        others,
        LeftOut(
            frozenset(stored.id for stored in messages if draw(st.booleans())),
            frozenset(one for one in shown if draw(st.booleans())),
        ),
        session_id=draw(st.sampled_from(["", "abcdefg2", "zzzzzzzz"]) | AWKWARD),
        title_is_own=draw(st.sampled_from([None, True, False])),
        is_pinned=draw(st.booleans()),
        created_at=draw(times()),
        updated_at=draw(times()),
    )


def choices(turn_count: int) -> st.SearchStrategy[Choice]:
    """Labels that were ranked somewhere in a conversation of so many turns."""
    scores = st.builds(Score, st.floats(-1e9, 0), st.integers(1, 99))
    return st.builds(
        Choice,
        st.none() | st.integers(1, turn_count) if turn_count else st.none(),
        st.builds(Ranking, st.just(("cat", "a dog")), st.tuples(scores, scores), per_token=st.booleans()),
        facts(),
        times(),
        st.lists(pictures(), max_size=2).map(tuple),
        st.integers(0, 99),
        st.integers(0, 99),
    )


def write(folder: Path, change: Callable[[dict[str, Any]], object], talk: Transcript = TALK) -> Path:
    """A good transcript's file after a change to its document."""
    save_transcript(folder / "talk.json", talk)
    document = json.loads((folder / "talk.json").read_text("utf-8"))
    change(document)
    (folder / "talk.json").write_text(json.dumps(document), "utf-8")
    return folder / "talk.json"


def refusal(path: Path) -> str:
    """The message a file is refused with, without the file's name, which it begins with."""
    with pytest.raises(TranscriptError) as caught:
        load_transcript(path)
    message = str(caught.value)
    assert message.isprintable()
    assert message.startswith(f"{path}: ")
    return message.removeprefix(f"{path}: ")
