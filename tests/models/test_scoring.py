"""Texts behind one prompt get the log-likelihoods that transformers' own forward pass gives each, in every family."""

import random
import threading
from pathlib import Path

import pytest
import torch

from chat.conversation import Conversation, user_turn
from chat.errors import GenerationError, MemoryFullError
from chat.generation import Score
from chat.models.generator import ModelGenerator
from chat.models.scoring import continuations
from chat.prompt import Prompt, Words, continuation, serialize
from tests.benign import benign_conversation, benign_text
from tests.models.reference import IMAGES, loaded, run

ASKED = Conversation((user_turn(IMAGES[0], "What is in the picture?"),))


def scored(generator: ModelGenerator, prompt: Prompt, texts: list[str]) -> tuple[Score, ...]:
    found = generator.score(prompt, texts, threading.Event())
    assert found is not None
    return found


def by_the_reference(generator: ModelGenerator, prompt: Prompt, text: str) -> Score:
    """One forward pass of transformers over the whole prompt with its text."""
    engine = generator.engine
    whole = Prompt((*prompt.segments, Words(f" {text}")))
    keys = engine.encoder.keys(whole)
    start = len(engine.encoder.keys(prompt))
    inputs = engine.generate_inputs(keys, {one.digest: one for one in whole.images})
    if "image_hidden_states" in inputs:
        inputs["image_encoder_embeddings"] = inputs.pop("image_hidden_states")
    else:
        del inputs["input_ids"]
    with torch.inference_mode():
        logits = engine.model(**inputs).logits[0]
    likelihoods = logits.double().log_softmax(-1)
    own = [float(likelihoods[place - 1, keys[place][0]]) for place in range(start, len(keys))]
    return Score(sum(own), len(own))


def test_the_scores_are_those_of_a_whole_pass_for_each_text(family_folder: Path) -> None:
    generator, other = loaded(family_folder), loaded(family_folder)
    rng = random.Random(5)
    for number in range(8):
        prompt = serialize(benign_conversation(rng, IMAGES), generator.dialect)
        if number % 3 == 0:
            prompt = continuation(["Choose one.\n", rng.choice(IMAGES), "Category: "], generator.dialect)
        texts = [benign_text(rng).strip() for _ in range(rng.randint(1, 9))]
        for one, text in zip(scored(generator, prompt, texts), texts, strict=True):
            expected = by_the_reference(other, prompt, text)
            assert one.token_count == expected.token_count
            assert one.log_likelihood == pytest.approx(expected.log_likelihood, abs=2e-3, rel=1e-4)


def test_many_texts_are_computed_in_parts(family_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    generator = loaded(family_folder)
    prompt = serialize(ASKED, generator.dialect)
    texts = [benign_text(random.Random(number)).strip() for number in range(12)]
    at_once = scored(generator, prompt, texts)
    longest = max(score.token_count for score in at_once)
    monkeypatch.setattr("chat.models.scoring.MOST_TOKENS", longest)
    widths: list[int] = []
    hook = generator.engine.model.lm_head.register_forward_pre_hook(lambda _, inputs: widths.append(inputs[0].shape[1]))
    in_parts = scored(generator, prompt, texts)
    hook.remove()
    _, *parts = widths
    assert len(parts) > 1
    assert max(parts) <= longest
    for one, other in zip(in_parts, at_once, strict=True):
        assert one.log_likelihood == pytest.approx(other.log_likelihood, abs=1e-3)


def test_the_conversation_goes_on_as_if_nothing_had_been_scored(family_folder: Path) -> None:
    generator, other = loaded(family_folder), loaded(family_folder)
    scored(generator, serialize(ASKED, generator.dialect), ["a red circle", "star", "two stars, one above"])
    reply, own = run(generator, ASKED)[1], run(other, ASKED)[1]
    assert reply.token_ids == own.token_ids
    assert reply.cached_tokens == reply.prompt_tokens - 1


@pytest.fixture(scope="module")
def shapes() -> ModelGenerator:
    from chat.shapes.evaluate import load_shapes

    torch.set_num_threads(1)
    generator = load_shapes()
    assert isinstance(generator, ModelGenerator)
    return generator


def test_the_prompt_is_computed_once_and_of_every_text_all_but_the_last_token(shapes: ModelGenerator) -> None:
    computed: list[int] = []
    embedded = shapes.engine.model.model.embed_tokens
    hook = embedded.register_forward_pre_hook(lambda _, inputs: computed.append(inputs[0].shape[1]))
    prompt = continuation([IMAGES[1], "Which of these is it? " * 10], shapes.dialect)
    labels = [f"number {number} of many" for number in range(100)]
    counts = [score.token_count for score in scored(shapes, prompt, labels)]
    again = list(computed)
    scored(shapes, prompt, labels)
    hook.remove()
    prompt_tokens = shapes.count_tokens(prompt)
    assert sum(again) == prompt_tokens + sum(counts) - 100
    # The prompt is kept: the second time its last token alone is computed.
    assert sum(computed) - sum(again) == 1 + sum(counts) - 100


def test_texts_of_one_token_need_the_prompt_alone(shapes: ModelGenerator) -> None:
    passes: list[object] = []
    hook = shapes.engine.model.model.norm.register_forward_pre_hook(lambda *_: passes.append(None))
    found = scored(shapes, continuation([IMAGES[2], "Category: "], shapes.dialect), ["red", "blue"])
    hook.remove()
    assert [score.token_count for score in found] == [1, 1]
    assert len(passes) == 1


def test_a_stop_gives_nothing_and_leaves_the_state_whole(shapes: ModelGenerator) -> None:
    stop = threading.Event()
    stop.set()
    assert shapes.score(serialize(ASKED, shapes.dialect), ["red", "two words"], stop) is None


def test_a_text_without_tokens_is_refused(shapes: ModelGenerator) -> None:
    with pytest.raises(GenerationError, match="cannot stand behind this prompt"):
        continuations(shapes.engine.encoder, continuation([IMAGES[0]], shapes.dialect), [""])


def test_control_tokens_in_a_label_stay_words(shapes: ModelGenerator) -> None:
    (ids,) = continuations(shapes.engine.encoder, serialize(ASKED, shapes.dialect), ["<end_of_utterance>"])
    assert shapes.engine.utterance_id not in ids
    assert len(ids) > 1


def test_memory_that_runs_out_among_the_texts_leaves_nothing_half_done(family_folder: Path) -> None:
    generator, other = loaded(family_folder), loaded(family_folder)
    prompt = serialize(ASKED, generator.dialect)
    run(generator, ASKED)
    left = [1]

    def fail(*_: object) -> None:
        left[0] -= 1
        if left[0] < 0:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate more")

    hook = generator.engine.model.lm_head.register_forward_pre_hook(fail)
    with pytest.raises(MemoryFullError):
        scored(generator, prompt, ["two words", "and three words"])
    hook.remove()
    assert run(generator, ASKED)[1].token_ids == run(other, ASKED)[1].token_ids


def test_more_labels_than_the_context_holds_are_told(shapes: ModelGenerator) -> None:
    with pytest.raises(GenerationError, match="there is room for"):
        scored(shapes, serialize(ASKED, shapes.dialect), ["so many words " * 1000])
