"""Several prompts side by side get the replies that each gets alone, in every family."""

import random
import threading
from pathlib import Path

import pytest
import torch

from chat.conversation import Conversation, user_turn
from chat.errors import GenerationError, MemoryFullError
from chat.generation import GenerationSettings, Reply, StopReason
from chat.models.batch_writing import rows_that_fit
from chat.models.generator import ModelGenerator
from chat.prompt import Prompt, continuation, serialize
from tests.benign import benign_conversation, benign_text
from tests.models.reference import IMAGES, loaded, run
from tests.models.tiny_idefics import write_idefics

Requests = list[tuple[Prompt, GenerationSettings]]


def random_requests(rng: random.Random, generator: ModelGenerator, count: int) -> Requests:
    """Conversations and plain prompts of many lengths, greedy and sampled, some of which end early."""
    requests: Requests = []
    for _ in range(count):
        if rng.random() < 0.7:
            prompt = serialize(benign_conversation(rng, IMAGES), generator.dialect)
        else:
            prompt = continuation([benign_text(rng), rng.choice(IMAGES), benign_text(rng)], generator.dialect)
        settings = GenerationSettings(
            max_new_tokens=rng.choice((1, 3, 6, 9)),
            temperature=rng.choice((0.0, 0.0, 0.7)),
            repetition_penalty=rng.choice((1.0, 1.0, 1.3)),
            seed=7,
        )
        requests.append((prompt, settings))
    return requests


def alone(generator: ModelGenerator, requests: Requests) -> list[Reply]:
    """The reply to each, one after the other."""
    replies = []
    for prompt, settings in requests:
        *_, reply = generator.generate(prompt, settings, threading.Event())
        assert isinstance(reply, Reply)
        replies.append(reply)
    return replies


def together(generator: ModelGenerator, requests: Requests) -> list[Reply]:
    """The replies computed side by side, in the order of the prompts."""
    found = dict(generator.generate_batch(requests, threading.Event()))
    assert sorted(found) == list(range(len(requests)))
    return [found[place] for place in range(len(requests))]


def test_the_ids_are_those_of_single_replies(family_folder: Path) -> None:
    generator, other = loaded(family_folder), loaded(family_folder)
    rng = random.Random(11)
    lengths = set()
    for _ in range(12):
        requests = random_requests(rng, generator, rng.randint(1, 6))
        for one, own in zip(together(generator, requests), alone(other, requests), strict=True):
            assert (one.token_ids, one.text, one.stop_reason) == (own.token_ids, own.text, own.stop_reason)
            assert (one.prompt_tokens, one.seed) == (own.prompt_tokens, own.seed)
            lengths.add(len(one.token_ids))
    assert len(lengths) > 3


def test_idefics_without_a_resampler_gives_the_ids_of_single_replies(tmp_path: Path) -> None:
    folder = write_idefics(tmp_path / "checkpoint", has_resampler=False)
    generator, other = loaded(folder), loaded(folder)
    requests = random_requests(random.Random(12), generator, 6)
    assert [r.token_ids for r in together(generator, requests)] == [r.token_ids for r in alone(other, requests)]


def test_a_long_prompt_beside_short_ones_is_computed_in_parts(
    family_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chat.models.batch_writing.PART", 16)
    generator, other = loaded(family_folder), loaded(family_folder)
    long = Conversation((user_turn(IMAGES[0], "What is in the picture? " * 8, IMAGES[1], "And here?"),))
    short = Conversation((user_turn("Hello"),))
    requests = [(serialize(one, generator.dialect), GenerationSettings(max_new_tokens=6)) for one in (short, long)]
    assert [r.token_ids for r in together(generator, requests)] == [r.token_ids for r in alone(other, requests)]


@pytest.fixture(scope="module")
def shapes() -> ModelGenerator:
    from chat.shapes.evaluate import load_shapes

    torch.set_num_threads(1)
    generator = load_shapes()
    assert isinstance(generator, ModelGenerator)
    return generator


QUESTIONS = ("What is in the picture?", "Tell me a story.", "Hello", "How many shapes are there?", "What can you do?")


def asked(generator: ModelGenerator, *questions: str, new: int = 60) -> Requests:
    prompts = [serialize(Conversation((user_turn(question),)), generator.dialect) for question in questions]
    return [(prompt, GenerationSettings(max_new_tokens=new)) for prompt in prompts]


def test_rows_whose_reply_has_ended_are_not_computed_for_long(shapes: ModelGenerator) -> None:
    rows: list[int] = []
    hook = shapes.engine.model.model.norm.register_forward_pre_hook(lambda _, inputs: rows.append(len(inputs[0])))
    replies = together(shapes, asked(shapes, *QUESTIONS))
    hook.remove()
    lengths = sorted(len(reply.token_ids) for reply in replies)
    assert lengths[0] < lengths[-1]
    assert rows[0] == 5
    assert rows[-1] == 1
    assert sum(rows) < 5 * lengths[-1]


def test_a_stop_ends_every_reply_with_what_it_says_so_far(shapes: ModelGenerator) -> None:
    stop = threading.Event()
    requests = [*asked(shapes, "Hello", new=2), *asked(shapes, *QUESTIONS)]
    ended = {}
    for place, reply in shapes.generate_batch(requests, stop):
        ended[place] = reply
        stop.set()
    assert ended.pop(0).stop_reason is StopReason.MAX_NEW_TOKENS
    assert len(ended) == 5
    assert {reply.stop_reason for reply in ended.values()} == {StopReason.CANCELLED}
    assert {len(reply.token_ids) for reply in ended.values()} == {2}


def test_a_stop_before_the_prompts_are_read_ends_them_without_a_word(shapes: ModelGenerator) -> None:
    stop = threading.Event()
    stop.set()
    picture = serialize(Conversation((user_turn(IMAGES[3], "What is it?"),)), shapes.dialect)
    looked: list[object] = []
    hook = shapes.engine.model.model.vision_model.register_forward_hook(lambda *_: looked.append(None))
    ended = dict(shapes.generate_batch([*asked(shapes, *QUESTIONS), (picture, GenerationSettings())], stop))
    hook.remove()
    assert [reply.token_ids for reply in ended.values()] == [()] * 6
    assert not looked


def test_memory_that_does_not_suffice_is_told_and_the_next_batch_is_right(family_folder: Path) -> None:
    generator = loaded(family_folder)
    requests = random_requests(random.Random(2), generator, 3)
    expected = [reply.token_ids for reply in alone(loaded(family_folder), requests)]
    run(generator, Conversation((user_turn(IMAGES[1], "And this one?"),)))

    def fail(*_: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate more")

    hook = generator.engine.model.lm_head.register_forward_pre_hook(fail)
    with pytest.raises(MemoryFullError, match="out of memory"):
        together(generator, requests)
    hook.remove()
    assert generator.kept_bytes == 0
    assert [reply.token_ids for reply in together(generator, requests)] == expected


def test_beams_are_refused(shapes: ModelGenerator) -> None:
    prompt, _ = asked(shapes, "Hello")[0]
    with pytest.raises(GenerationError, match="one prompt at a time"):
        together(shapes, [(prompt, GenerationSettings(num_beams=2))])


def test_more_rows_fit_the_shorter_they_are(shapes: ModelGenerator) -> None:
    engine = shapes.engine
    assert rows_that_fit(engine, 0, 100, 1) == 1
    short, long = (rows_that_fit(engine, 2**30, tokens, 1) for tokens in (50, 1000))
    assert 1 < long < short
    assert rows_that_fit(engine, 2**30, 50, 8) < short
    layers = shapes.engine.model.model.layers
    assert engine.token_bytes == 2 * 4 * sum(layer.self_attn.k_proj.out_features for layer in layers)


def test_shared_prompts_are_not_disturbed_by_a_batch_between_them(family_folder: Path) -> None:
    generator, other = loaded(family_folder), loaded(family_folder)
    first = Conversation((user_turn(IMAGES[0], "What is in the picture?"),))
    run(generator, first)
    together(generator, random_requests(random.Random(4), generator, 3))
    again = Conversation((user_turn(IMAGES[0], "What is in the picture? And where?"),))
    assert run(generator, again)[1].token_ids == run(other, again)[1].token_ids
