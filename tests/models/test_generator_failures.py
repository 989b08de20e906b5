"""Whatever breaks off, and wherever it does: the error is ours, and the next answer is that of a fresh program."""

import threading
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from chat.conversation import Conversation, user_turn
from chat.errors import GenerationError
from chat.generation import Chunk, GenerationSettings, Reply
from chat.models.generator import ModelGenerator
from chat.models.state import KeptStates
from chat.prompt import serialize
from tests.models.reference import IMAGES, loaded, run, said
from tests.models.tiny_idefics import write_idefics

ASKED = Conversation((user_turn(IMAGES[0], "What is in this picture?"),))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.set_num_threads(1)
    return write_idefics(tmp_path_factory.mktemp("idefics") / "checkpoint", has_resampler=True)


@pytest.fixture
def generator(folder: Path) -> ModelGenerator:
    return loaded(folder)


@pytest.fixture
def expected(folder: Path) -> tuple[int, ...]:
    return run(loaded(folder), ASKED)[1].token_ids


def in_the_last_layer(generator: ModelGenerator, passes: int, raise_it: Callable[[], None]) -> None:
    """Break into a forward pass, 1 being the next one, when the layers before have kept something of it."""
    left = [passes]

    def count(*_: object) -> None:
        left[0] -= 1
        if left[0] == 0:
            raise_it()

    generator.engine.model.model.layers[-1].mlp.register_forward_pre_hook(count)


def out_of_memory() -> None:
    raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate more")


def no_main_memory() -> None:
    raise RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes")


def interrupted() -> None:
    raise KeyboardInterrupt


def broken() -> None:
    raise RuntimeError("the device is gone\nand more")


@pytest.mark.parametrize("failure", [out_of_memory, no_main_memory])
@pytest.mark.parametrize("passes", [1, 3])
def test_out_of_memory_is_told_with_numbers_and_frees_what_is_kept(
    generator: ModelGenerator, expected: tuple[int, ...], failure: Callable[[], None], passes: int
) -> None:
    run(generator, Conversation((user_turn(IMAGES[1], "And this one?"),)))
    assert generator.kept_bytes > 0
    in_the_last_layer(generator, passes, failure)
    with pytest.raises(GenerationError, match=r"out of memory: .* of .* are free on cpu; use fewer pictures") as caught:
        run(generator, ASKED)
    assert "\n" not in str(caught.value)
    assert generator.kept_bytes == 0
    assert run(generator, ASKED)[1].token_ids == expected


def test_out_of_memory_before_the_first_pass_is_told_as_well(
    generator: ModelGenerator, expected: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as full:
        full.setattr(KeptStates, "claim", lambda *_: no_main_memory())
        with pytest.raises(GenerationError, match="out of memory"):
            run(generator, ASKED)
    assert run(generator, ASKED)[1].token_ids == expected


@pytest.mark.parametrize("passes", [1, 2, 5])
def test_a_model_that_fails_says_so_in_one_line(
    generator: ModelGenerator, expected: tuple[int, ...], passes: int
) -> None:
    in_the_last_layer(generator, passes, broken)
    with pytest.raises(GenerationError, match=r"^the model failed: the device is gone$"):
        run(generator, ASKED)
    assert run(generator, ASKED)[1].token_ids == expected


@pytest.mark.parametrize("failure", [broken, out_of_memory, interrupted])
def test_what_fails_after_the_reply_takes_nothing_from_the_next(
    generator: ModelGenerator, folder: Path, failure: Callable[[], None]
) -> None:
    stream = generator.generate(
        serialize(ASKED, generator.dialect), GenerationSettings(max_new_tokens=8), threading.Event()
    )
    reply = next(piece for piece in stream if isinstance(piece, Reply))
    in_the_last_layer(generator, 1, failure)
    if failure is interrupted:
        with pytest.raises(KeyboardInterrupt):
            list(stream)
    else:
        assert list(stream) == []
    then = ASKED.with_turn(said(reply)).with_turn(user_turn("How many?"))
    assert run(generator, then)[1].token_ids == run(loaded(folder), then)[1].token_ids


def test_a_reply_that_another_has_overtaken_ends_with_an_error(
    generator: ModelGenerator, expected: tuple[int, ...]
) -> None:
    prompt = serialize(ASKED, generator.dialect)
    first = generator.generate(prompt, GenerationSettings(max_new_tokens=8), threading.Event())
    assert isinstance(next(first), Chunk)
    assert run(generator, ASKED)[1].token_ids == expected
    with pytest.raises(GenerationError, match="another prompt was begun before this reply had ended"):
        next(first)
    assert run(generator, ASKED)[1].token_ids == expected


def test_what_is_kept_stays_within_its_bytes(folder: Path) -> None:
    full = loaded(folder)
    bounded = ModelGenerator(full.engine, full.facts, most_bytes=2_000_000)
    conversations = [Conversation((user_turn(image, "What?"),)) for image in IMAGES]
    for _ in range(3):
        for number, conversation in enumerate(conversations):
            _, reply = run(bounded, conversation)
            assert 0 < bounded.kept_bytes <= 2_000_000
            conversations[number] = conversation.with_turn(said(reply)).with_turn(user_turn("And " + "more " * 30))
