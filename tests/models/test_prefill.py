"""A prompt that was computed before its reply is asked for: the reply has nothing left to wait for, and is the same."""

import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from chat.conversation import Conversation, Image, user_turn
from chat.errors import GenerationError, ImageError
from chat.generation import CheckpointFacts, Chunk, GenerationSettings
from chat.models.generator import ModelGenerator
from chat.models.prefill import draft_chunk_for
from chat.models.state import KeptState
from chat.models.tokens import Key
from chat.prompt import serialize
from tests.models.bookkeeping import Meter
from tests.models.questions import unreadable
from tests.models.reference import IMAGES, engine_of, loaded, run, said

FACTS = CheckpointFacts("tiny", context_length=400)
ASKED = Conversation((user_turn(IMAGES[0], "What is in this picture?"),))


@pytest.fixture
def generator(family_folder: Path) -> ModelGenerator:
    """Nothing seen, nothing computed."""
    return ModelGenerator(engine_of(family_folder), FACTS)


def prefill(generator: ModelGenerator, conversation: Conversation, stop: threading.Event | None = None) -> None:
    generator.prefill(serialize(conversation, generator.dialect), stop or threading.Event())


def looks_of(generator: ModelGenerator) -> list[object]:
    """Grows by one with every look at a picture."""
    looks: list[object] = []
    generator.engine.model.model.vision_model.register_forward_hook(lambda *_: looks.append(None))
    return looks


def test_the_reply_computes_one_token_and_no_picture(generator: ModelGenerator, family_folder: Path) -> None:
    looks = looks_of(generator)
    prefill(generator, ASKED)
    assert len(looks) == 1
    _, reply = run(generator, ASKED)
    assert reply.cached_tokens == reply.prompt_tokens - 1
    assert len(looks) == 1
    assert reply.token_ids == run(ModelGenerator(engine_of(family_folder), FACTS), ASKED)[1].token_ids


def test_a_stop_before_the_first_picture_leaves_nothing(generator: ModelGenerator) -> None:
    looks, stop = looks_of(generator), threading.Event()
    stop.set()
    prefill(generator, ASKED, stop)
    assert not looks
    assert generator.kept_bytes == 0


def test_what_fails_is_told_when_the_reply_is_asked_for(generator: ModelGenerator) -> None:
    asked = Conversation((user_turn("What is this?", unreadable(IMAGES[1])),))
    prefill(generator, asked)
    with pytest.raises(ImageError, match="the picture is gone"):
        run(generator, asked)


def test_a_draft_that_memory_does_not_suffice_for_takes_nothing_from_what_was_said(
    generator: ModelGenerator, family_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_memory(*_: object) -> None:
        raise MemoryError

    _, reply = run(generator, ASKED)
    then = ASKED.with_turn(said(reply)).with_turn(user_turn("How many?"))
    with monkeypatch.context() as full:
        full.setattr(generator.engine, "compute", no_memory)
        prefill(generator, then)
    _, again = run(generator, then)
    assert again.cached_tokens > reply.prompt_tokens
    assert again.token_ids == run(ModelGenerator(engine_of(family_folder), FACTS), then)[1].token_ids


def test_a_draft_that_fails_within_a_pass_changes_no_reply(generator: ModelGenerator, family_folder: Path) -> None:
    def fail() -> None:
        raise RuntimeError("the device is gone")

    meter, (_, reply) = Meter(generator.engine.model), run(generator, ASKED)
    then = ASKED.with_turn(said(reply)).with_turn(user_turn("How many?"))
    meter.take()
    meter.interrupt(1, fail)
    prefill(generator, then)
    assert meter.take()
    assert run(generator, then)[1].token_ids == run(ModelGenerator(engine_of(family_folder), FACTS), then)[1].token_ids


def test_what_is_too_long_to_be_sent_is_not_computed(generator: ModelGenerator) -> None:
    prefill(generator, Conversation((user_turn("and so on " * 400),)))
    assert generator.kept_bytes == 0


def test_a_reply_whose_state_was_taken_ends_with_an_error(generator: ModelGenerator) -> None:
    stream = generator.generate(
        serialize(ASKED, generator.dialect), GenerationSettings(max_new_tokens=8), threading.Event()
    )
    assert isinstance(next(stream), Chunk)
    prefill(generator, Conversation((user_turn("Hello?"),)))
    with pytest.raises(GenerationError, match="another prompt was begun before this reply had ended"):
        next(stream)


def test_a_checkpoint_that_is_brought_in_anew_for_every_pass_is_spared(family_folder: Path) -> None:
    generator = ModelGenerator(engine_of(family_folder), FACTS, draft_chunk=0)
    prefill(generator, ASKED)
    assert generator.kept_bytes == 0


def test_drafts_take_no_room_from_other_sessions(family_folder: Path) -> None:
    """However often a long message is changed before it is sent."""
    sessions = [Conversation((user_turn(word + " is it a star?" * 20),)) for word in ("Now", "Who")]
    alone = ModelGenerator(engine_of(family_folder), FACTS)
    run(alone, sessions[0])
    generator = ModelGenerator(alone.engine, FACTS, most_bytes=5 * alone.kept_bytes)
    generator.forget()
    for conversation in sessions:
        run(generator, conversation)
    for word in ("An", "For", "Yes", "It", "So"):
        prefill(generator, Conversation((user_turn(word + " and so on" * 20),)))
    for conversation in sessions:
        _, reply = run(generator, conversation)
        assert reply.cached_tokens == reply.prompt_tokens - 1


@pytest.mark.parametrize(
    ("weights", "device", "is_offloaded", "chunk"),
    [
        (2**20, "cpu", False, 256),
        (4 * 2**30, "cpu", False, 128),
        (18 * 10**9, "cpu", False, 30),
        (10**12, "cpu", False, 16),
        (0, "cpu", False, 256),
        (18 * 10**9, "cpu", True, 0),
        (18 * 10**9, "cuda:0", False, 256),
    ],
)
def test_less_of_a_draft_is_computed_at_once_where_it_takes_long(
    weights: int, device: str, is_offloaded: bool, chunk: int
) -> None:
    assert draft_chunk_for(weights, device, is_offloaded=is_offloaded) == chunk


def test_a_loaded_checkpoint_takes_as_much_of_a_draft_as_its_size_allows(
    family_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chat.models.prefill._QUICK", 1)
    generator = loaded(family_folder)
    passes: list[int] = []
    compute = generator.engine.compute

    def noted(state: KeptState, keys: Sequence[Key], images: Mapping[str, Image]) -> object:
        passes.append(len(keys))
        return compute(state, keys, images)

    monkeypatch.setattr(generator.engine, "compute", noted)
    prefill(generator, Conversation((user_turn("and so on " * 20),)))
    assert max(passes) == 16
    assert len(passes) > 1
