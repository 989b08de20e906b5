"""The tokens of a reply get the likelihoods of transformers' own forward pass, and nothing is changed by it."""

import pickle
import random
import threading
from pathlib import Path

import pytest
import torch

from chat.conversation import Conversation, assistant_turn, user_turn
from chat.errors import GenerationError
from chat.generation import TextGenerator
from chat.models.engine import Engine
from chat.models.generator import ModelGenerator
from chat.prompt import Prompt, serialize
from chat.seen import WeighedToken
from tests.benign import benign_conversation
from tests.models.reference import IMAGES, engine_of, loaded, run, said

ASKED = Conversation((user_turn(IMAGES[0], "What is in the picture?"),))


def weighed(generator: TextGenerator, prompt: Prompt, token_ids: tuple[int, ...]) -> tuple[WeighedToken, ...]:
    found = generator.weigh(prompt, token_ids, threading.Event())
    assert found is not None
    return found


def by_the_reference(engine: Engine, prompt: Prompt, token_ids: tuple[int, ...]) -> torch.Tensor:
    """Of every token of a reply the log-likelihoods of all, by one pass of transformers over everything."""
    keys = [*engine.encoder.keys(prompt), *((token_id, "") for token_id in token_ids)]
    images = {one.digest: one for one in prompt.images}
    inputs = engine.generate_inputs(keys, images)
    if "image_hidden_states" in inputs:
        inputs["image_encoder_embeddings"] = inputs.pop("image_hidden_states")
    else:
        del inputs["input_ids"]
    with torch.inference_mode():
        logits = engine.model(**inputs).logits[0]
    start = len(keys) - len(token_ids)
    likelihoods: torch.Tensor = logits.double().log_softmax(-1)[start - 1 : -1]
    return likelihoods


def test_the_likelihoods_are_those_of_one_whole_pass(family_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # So few at once that a reply takes several parts.
    monkeypatch.setattr("chat.models.weighing.MOST_TOKENS", 3)
    generator, reference = loaded(family_folder), engine_of(family_folder)
    rng = random.Random(5)
    for _ in range(4):
        talk = benign_conversation(rng, IMAGES)
        prompt = serialize(talk, generator.dialect)
        reply = run(generator, talk, temperature=2.0, seed=rng.getrandbits(31))[1]
        expected = by_the_reference(reference, prompt, reply.token_ids)
        found = weighed(generator, prompt, reply.token_ids)
        assert tuple(one.token_id for one in found) == reply.token_ids
        for one, row in zip(found, expected, strict=True):
            assert one.log_probability == pytest.approx(float(row[one.token_id]), abs=1e-3)
            assert one.rank == 1 + int((row > row[one.token_id]).sum())
            best = row.topk(3)
            assert [other.token_id for other in one.alternatives] == best.indices.tolist()
            assert [a.log_probability for a in one.alternatives] == pytest.approx(best.values.tolist(), abs=1e-3)


def test_the_conversation_goes_on_as_if_nothing_had_been_weighed(family_folder: Path) -> None:
    generator, other = loaded(family_folder), loaded(family_folder)
    talk, first = ASKED, None
    for question in ("And now? " * 20, "Where is it?"):
        replies = [run(one, talk)[1] for one in (generator, other)]
        assert replies[0].token_ids == replies[1].token_ids
        assert replies[0].cached_tokens == replies[1].cached_tokens
        first = first or (talk, replies[0])
        for asked, reply in (first, (talk, replies[0])):
            weighed(generator, serialize(asked, generator.dialect), reply.token_ids)
        assert generator._states.nbytes == other._states.nbytes
        talk = Conversation((*talk.turns, said(replies[0]), user_turn(question)))
    last = [run(one, talk)[1] for one in (generator, other)]
    assert last[0].token_ids == last[1].token_ids
    assert last[0].cached_tokens == last[1].cached_tokens > 0


def test_a_reply_can_be_weighed_while_another_is_half_written(family_folder: Path) -> None:
    from chat.generation import Chunk, GenerationSettings

    generator = loaded(family_folder)
    whole = run(loaded(family_folder), ASKED)[1]
    stream = generator.generate(
        serialize(ASKED, generator.dialect), GenerationSettings(max_new_tokens=8), threading.Event()
    )
    pieces = [next(stream)]
    weighed(generator, serialize(ASKED, generator.dialect), whole.token_ids)
    pieces += list(stream)
    assert (
        tuple(piece.token_id for piece in pieces if isinstance(piece, Chunk) and piece.token_id is not None)[
            : len(whole.token_ids)
        ]
        == whole.token_ids[: len(pieces)]
    )


def test_the_texts_are_the_replys_and_the_closing_token_has_its_name(shapes: TextGenerator) -> None:
    assert isinstance(shapes, ModelGenerator)
    reply = run(shapes, ASKED, max_new_tokens=64)[1]
    found = weighed(shapes, serialize(ASKED, shapes.dialect), reply.token_ids)
    assert "".join(one.text for one in found) == f"{reply.text}<end_of_utterance>"
    # Greedy decoding took the likeliest every time.
    assert {one.rank for one in found} == {1}
    assert all(one.alternatives[0].token_id == one.token_id for one in found)
    assert pickle.loads(pickle.dumps(found)) == found


def test_as_many_alternatives_as_asked_for(shapes: TextGenerator) -> None:
    reply = (1201, 13)
    found = shapes.weigh(serialize(ASKED, shapes.dialect), reply, threading.Event(), 7)
    assert found is not None
    assert [len(one.alternatives) for one in found] == [7, 7]
    assert found[0].text == "<image>"


def test_a_stop_gives_nothing_and_no_ids_give_none(shapes: TextGenerator) -> None:
    stop = threading.Event()
    assert shapes.weigh(serialize(ASKED, shapes.dialect), (), stop) == ()
    stop.set()
    assert shapes.weigh(serialize(ASKED, shapes.dialect), (5, 6), stop) is None


def test_ids_of_another_checkpoint_are_refused(shapes: TextGenerator) -> None:
    with pytest.raises(GenerationError, match="no token 999,999: another one gave this reply"):
        weighed(shapes, serialize(ASKED, shapes.dialect), (5, 999_999))


def test_what_does_not_fit_is_told(shapes: TextGenerator) -> None:
    talk = Conversation((*ASKED.turns, assistant_turn("words " * 600), user_turn("And?")))
    with pytest.raises(GenerationError, match="there is room for"):
        weighed(shapes, serialize(talk, shapes.dialect), (5,) * 2000)
