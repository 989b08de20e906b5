"""Several sessions over one checkpoint, a conversation that lost its oldest messages, and a thousand interruptions."""

import os
import threading
from contextlib import suppress
from pathlib import Path

import pytest

from chat.context import without_oldest
from chat.conversation import Conversation, assistant_turn, user_turn
from chat.errors import GenerationError
from chat.generation import CheckpointFacts, Chunk, GenerationSettings
from chat.models.engine import Engine
from chat.models.generator import ModelGenerator
from chat.prompt import serialize
from tests.models.bookkeeping import Meter, shared
from tests.models.reference import IMAGES, engine_of, run

FACTS = CheckpointFacts("tiny", context_length=1024)
CYCLES = 1000


@pytest.fixture
def engine(family_folder: Path) -> Engine:
    """Nothing seen, nothing computed."""
    return engine_of(family_folder)


def fresh_ids(engine: Engine, conversation: Conversation) -> tuple[int, ...]:
    """The reply's ids without anything kept."""
    return run(ModelGenerator(engine, FACTS), conversation)[1].token_ids


def test_the_session_used_longest_ago_is_computed_again_when_it_returns(engine: Engine) -> None:
    first, second, third = (Conversation((user_turn(word + " is it a star?" * 30),)) for word in ("Now", "Who", "You"))
    alone = ModelGenerator(engine, FACTS)
    run(alone, first)
    generator = ModelGenerator(engine, FACTS, most_bytes=int(3.2 * alone.kept_bytes))
    replies = {conversation: run(generator, conversation)[1] for conversation in (first, second)}
    assert run(generator, first)[1].cached_tokens == replies[first].prompt_tokens - 1
    run(generator, third)
    again = run(generator, first)[1]
    assert (again.cached_tokens, again.token_ids) == (again.prompt_tokens - 1, replies[first].token_ids)
    returned = run(generator, second)[1]
    # What every prompt begins with another session may have left.
    assert returned.cached_tokens < 5
    assert returned.token_ids == replies[second].token_ids == fresh_ids(engine, second)


def test_no_picture_is_looked_at_again_when_the_oldest_messages_are_left_out(engine: Engine) -> None:
    looks: list[object] = []
    generator = ModelGenerator(engine, FACTS)
    engine.model.model.vision_model.register_forward_hook(lambda *_: looks.append(None))
    talk = Conversation(
        (
            *(user_turn(IMAGES[0], "What is it?"), assistant_turn("A star.")),
            *(user_turn(IMAGES[1], "And this?", IMAGES[2]), assistant_turn("A lake.")),
            user_turn("Where?"),
        ),
        "Be brief.",
    )
    run(generator, talk)
    assert len(looks) == 3
    rest = without_oldest(talk, 1)
    _, reply = run(generator, rest)
    assert len(looks) == 3
    # The system text stands before what was left out.
    prompts = [engine.encoder.keys(serialize(shown, engine.dialect)) for shown in (talk, rest)]
    assert reply.cached_tokens == shared(*prompts) > 5
    assert reply.token_ids == fresh_ids(engine, rest)


def test_a_thousand_interrupted_replies_leave_nothing_behind(engine: Engine) -> None:
    """Stopped at once, after some tokens, left, or broken off inside a pass: threads and answers stay as they were."""
    generator = ModelGenerator(engine, FACTS)
    meter = Meter(engine.model)
    talks = [Conversation((user_turn(*parts),)) for parts in (("Hello",), (IMAGES[0], "What?"), ("So", IMAGES[1]))]
    whole = [run(generator, talk)[1].token_ids for talk in talks]
    kept_bytes, threads = generator.kept_bytes, _threads()
    for number in range(CYCLES):
        interrupt(generator, meter, talks[number % 3], number)
        if number % 50 == 0:
            assert run(generator, talks[number // 50 % 3])[1].token_ids == whole[number // 50 % 3]
    assert [run(generator, talk)[1].token_ids for talk in talks] == whole
    assert [fresh_ids(engine, talk) for talk in talks] == whole
    assert _threads() <= threads
    assert generator.kept_bytes <= 2 * kept_bytes


def interrupt(generator: ModelGenerator, meter: Meter, talk: Conversation, number: int) -> None:
    """Begin a reply, and end it in one of several ways."""

    def fail() -> None:
        raise RuntimeError("the device is gone")

    stop = threading.Event()
    way, tokens = ("stop", "leave", "fail")[number % 7 % 3], number % 3
    if way == "fail":
        meter.interrupt(1 + tokens, fail)
    if way == "stop" and not tokens:
        stop.set()
    stream = generator.generate(serialize(talk, generator.dialect), GenerationSettings(max_new_tokens=4), stop)
    said = 0
    with suppress(GenerationError):
        for piece in stream:
            said += isinstance(piece, Chunk)
            if way == "stop" and said >= tokens:
                stop.set()
            if way == "leave" and said > tokens:
                stream.close()  # type: ignore[attr-defined]  # the protocol promises an iterator; this is a generator
    meter.interrupt(0, lambda: None)


def _threads() -> int:
    """Those of Python, and on Linux those of the libraries, too."""
    tasks = Path("/proc/self/task")
    return len(os.listdir(tasks)) if tasks.exists() else threading.active_count()
