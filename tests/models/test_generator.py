"""The generator on the bundled checkpoint: the reference's ids, exact streaming, every stop reason, kept state."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from chat.conversation import Conversation, Image, Turn, assistant_turn, user_turn
from chat.errors import GenerationError
from chat.generation import Chunk, GenerationSettings, ReadProgress, Reply, StopReason, TextGenerator
from chat.models.generator import ModelGenerator
from chat.prompt import serialize
from tests.benign import reference_list

MakeImage = Callable[..., Image]


def run(
    generator: TextGenerator, conversation: Conversation, stop: threading.Event | None = None, **settings: Any
) -> tuple[list[Chunk], Reply]:
    pieces = list(
        generator.generate(serialize(conversation), GenerationSettings(**settings), stop or threading.Event())
    )
    *chunks, reply = pieces
    assert isinstance(reply, Reply)
    assert all(isinstance(chunk, Chunk | ReadProgress) for chunk in chunks)
    return [chunk for chunk in chunks if isinstance(chunk, Chunk)], reply


def said(reply: Reply) -> Turn:
    return assistant_turn(reply.text, reply.spoken_ids if reply.text else ())


@pytest.fixture(scope="module")
def reference(shapes_folder: Path) -> Callable[[Conversation, int], list[int]]:
    """The guide's recipe over the whole conversation: plain processor, plain `generate`; gives the new ids."""
    from transformers import AutoProcessor, IdeficsForVisionText2Text

    processor = AutoProcessor.from_pretrained(shapes_folder)
    model = IdeficsForVisionText2Text.from_pretrained(shapes_folder)
    exit_condition = processor.tokenizer("<end_of_utterance>", add_special_tokens=False).input_ids
    bad_words_ids = processor.tokenizer(["<image>", "<fake_token_around_image>"], add_special_tokens=False).input_ids

    def generate(conversation: Conversation, max_new_tokens: int) -> list[int]:
        inputs = processor(text=reference_list(conversation), add_end_of_utterance_token=False, return_tensors="pt")
        ids = model.generate(
            **inputs, eos_token_id=exit_condition, bad_words_ids=bad_words_ids, max_new_tokens=max_new_tokens
        )
        new: list[int] = ids[0, inputs.input_ids.shape[1] :].tolist()
        return new

    return generate


def conversations(image: MakeImage) -> Iterator[list[Turn]]:
    a, b, c = image(11, 3), image(12, 1), image(13, 2)
    yield [
        user_turn(a, "What is in the picture?"),
        user_turn("How many shapes are there?"),
        user_turn("Where is the star?"),
    ]
    yield [
        user_turn("What is in this image?", a),
        user_turn(b, "And this one?"),
        user_turn("What was in the first picture?"),
    ]
    yield [user_turn("Hello"), user_turn(c, "What can you see?"), user_turn("Tell me a story.")]
    yield [user_turn(a, b, "What is in the two pictures?"), user_turn("How many shapes do you see?")]
    yield [user_turn("Hello"), user_turn("Who are you?")]


@pytest.mark.parametrize("number", range(5))
def test_kept_state_gives_the_ids_of_the_reference_recipe(
    load_shapes: Callable[[], TextGenerator],
    reference: Callable[[Conversation, int], list[int]],
    scene_image: MakeImage,
    number: int,
) -> None:
    generator = load_shapes()
    conversation = Conversation()
    for turn in list(conversations(scene_image))[number]:
        conversation = conversation.with_turn(turn)
        _, reply = run(generator, conversation, max_new_tokens=40)
        assert list(reply.token_ids) == reference(conversation, 40)
        if len(conversation.turns) > 1:
            assert reply.cached_tokens > 0
        conversation = conversation.with_turn(said(reply))


def test_a_later_turn_computes_only_what_is_new(
    load_shapes: Callable[[], TextGenerator], scene_image: MakeImage
) -> None:
    generator = load_shapes()
    first = Conversation((user_turn(scene_image(1), "What is in the picture?"),))
    _, reply = run(generator, first)
    second = first.with_turn(said(reply)).with_turn(user_turn("How many shapes are there?"))
    _, again = run(generator, second)
    computed = again.prompt_tokens - again.cached_tokens
    assert computed < 20 < again.cached_tokens


def test_another_picture_in_the_same_place_is_not_taken_for_the_first(
    load_shapes: Callable[[], TextGenerator], scene_image: MakeImage
) -> None:
    generator = load_shapes()
    question = "What is in the picture?"
    fresh = [run(load_shapes(), Conversation((user_turn(scene_image(seed), question),)))[1].text for seed in (1, 2)]
    kept = [run(generator, Conversation((user_turn(scene_image(seed), question),)))[1].text for seed in (1, 2)]
    assert kept == fresh
    assert fresh[0] != fresh[1]


def test_streamed_pieces_joined_are_the_full_decode(shapes: TextGenerator, scene_image: MakeImage) -> None:
    assert isinstance(shapes, ModelGenerator)
    chunks, reply = run(shapes, Conversation((user_turn(scene_image(3), "Tell me a story."),)))
    assert "".join(chunk.text for chunk in chunks) == reply.text
    assert [chunk.token_id for chunk in chunks if chunk.token_id is not None] == list(reply.token_ids)
    assert reply.text == shapes.decode(reply.token_ids)
    assert reply.stop_reason is StopReason.END_OF_UTTERANCE


def test_a_reply_stops_at_the_token_limit(shapes: TextGenerator, scene_image: MakeImage) -> None:
    _, reply = run(shapes, Conversation((user_turn(scene_image(3), "Tell me a story."),)), max_new_tokens=3)
    assert (reply.stop_reason, len(reply.token_ids)) == (StopReason.MAX_NEW_TOKENS, 3)
    assert reply.text


def test_a_reply_stopped_by_the_user_keeps_what_was_said_and_spoils_nothing(
    load_shapes: Callable[[], TextGenerator], scene_image: MakeImage
) -> None:
    generator = load_shapes()
    conversation = Conversation((user_turn(scene_image(3), "Tell me a story."),))
    stop = threading.Event()
    pieces: list[Chunk] = []
    for piece in generator.generate(serialize(conversation), GenerationSettings(), stop):
        if isinstance(piece, Chunk):
            pieces.append(piece)
            if len(pieces) == 4:
                stop.set()
        elif isinstance(piece, Reply):
            assert piece.stop_reason is StopReason.CANCELLED
            assert piece.text == "".join(chunk.text for chunk in pieces)
            assert len(piece.token_ids) == 4
    next_turn = conversation.with_turn(
        assistant_turn("Once upon a", piece.token_ids if isinstance(piece, Reply) else ())
    )
    next_turn = next_turn.with_turn(user_turn("How many shapes are there?"))
    assert run(generator, next_turn)[1].token_ids == run(load_shapes(), next_turn)[1].token_ids


def test_a_reply_stopped_before_it_began_says_nothing(shapes: TextGenerator, scene_image: MakeImage) -> None:
    stop = threading.Event()
    stop.set()
    chunks, reply = run(shapes, Conversation((user_turn(scene_image(5), "Hello"),)), stop)
    assert (chunks, reply.text, reply.stop_reason) == ([], "", StopReason.CANCELLED)


def test_a_reply_closed_half_way_leaves_a_usable_state(
    load_shapes: Callable[[], TextGenerator], scene_image: MakeImage
) -> None:
    generator = load_shapes()
    conversation = Conversation((user_turn(scene_image(6), "Tell me a story."),))
    stream = generator.generate(serialize(conversation), GenerationSettings(), threading.Event())
    next(stream), next(stream)
    stream.close()  # type: ignore[attr-defined]  # the protocol promises an iterator; this one is a generator
    assert run(generator, conversation)[1].token_ids == run(load_shapes(), conversation)[1].token_ids


def test_a_conversation_that_fills_the_context_is_refused_with_numbers(shapes: TextGenerator) -> None:
    long = Conversation((user_turn("red " * 1100),))
    with pytest.raises(GenerationError, match=r"takes 1,1\d\d tokens .* room for 1,024"):
        run(shapes, long)


def test_a_reply_that_reaches_the_end_of_the_context_says_so(shapes: TextGenerator) -> None:
    words = 1024
    while shapes.count_tokens(serialize(Conversation((user_turn("red " * words),)))) > 1021:
        words -= 1
    _, reply = run(shapes, Conversation((user_turn("red " * words),)))
    assert reply.stop_reason is StopReason.CONTEXT_FULL
    assert reply.prompt_tokens + len(reply.token_ids) == 1024


def test_sampling_with_a_seed_repeats_itself_and_names_its_seed(shapes: TextGenerator, scene_image: MakeImage) -> None:
    conversation = Conversation((user_turn(scene_image(7), "Tell me a story."),))
    first, second, other = (
        run(shapes, conversation, temperature=5.0, seed=seed, max_new_tokens=12)[1] for seed in (3, 3, 4)
    )
    assert first.token_ids == second.token_ids
    assert first.token_ids != other.token_ids
    assert (first.seed, other.seed) == (3, 4)
    drawn = run(shapes, conversation, temperature=5.0, max_new_tokens=12)[1]
    assert drawn.seed is not None
    assert (
        run(shapes, conversation, temperature=5.0, seed=drawn.seed, max_new_tokens=12)[1].token_ids == drawn.token_ids
    )


def test_wild_sampling_never_gives_a_picture_token(shapes: TextGenerator, scene_image: MakeImage) -> None:
    assert isinstance(shapes, ModelGenerator)
    conversation = Conversation((user_turn(scene_image(8), "Hello"),))
    for seed in range(20):
        _, reply = run(shapes, conversation, temperature=100.0, seed=seed, max_new_tokens=60)
        ended = reply.stop_reason is StopReason.EOS
        assert not {0, 1, 1200, 1201} & set(reply.token_ids)
        assert not {2, 1202} & set(reply.token_ids[:-1] if ended else reply.spoken_ids)


SETTINGS: dict[str, dict[str, Any]] = {
    "sampled": {"temperature": 1.7, "seed": 11},
    "top-k": {"temperature": 3.0, "top_k": 5, "seed": 12},
    "top-p": {"temperature": 3.0, "top_p": 0.6, "seed": 13},
    "all of them": {"temperature": 2.0, "top_k": 9, "top_p": 0.9, "repetition_penalty": 1.3, "seed": 14},
    "greedy with a penalty": {"repetition_penalty": 1.8},
    "beams": {"num_beams": 3},
}


@pytest.mark.parametrize("name", SETTINGS)
def test_every_setting_gives_the_ids_that_transformers_gives(
    shapes: TextGenerator, shapes_folder: Path, scene_image: MakeImage, name: str
) -> None:
    import torch
    from transformers import AutoProcessor, IdeficsForVisionText2Text

    chosen = SETTINGS[name]
    conversation = Conversation((user_turn(scene_image(9), "Tell me a story."),))
    _, reply = run(shapes, conversation, max_new_tokens=30, **chosen)
    processor = AutoProcessor.from_pretrained(shapes_folder)
    model = IdeficsForVisionText2Text.from_pretrained(shapes_folder)
    inputs = processor(text=reference_list(conversation), add_end_of_utterance_token=False, return_tensors="pt")
    sampling = {"do_sample": True, "top_k": 0} if "seed" in chosen else {"do_sample": False}
    options = {key: value for key, value in chosen.items() if key != "seed"}
    torch.manual_seed(chosen.get("seed", 0))
    ids = model.generate(
        **inputs,
        **{**sampling, **options},
        eos_token_id=[1202, 2],
        bad_words_ids=[[0], [1], [1200], [1201]],
        max_new_tokens=30,
    )
    assert list(reply.token_ids) == ids[0, inputs.input_ids.shape[1] :].tolist()


def test_a_search_that_is_stopped_is_cancelled_whatever_it_has_found(shapes: TextGenerator) -> None:
    assert isinstance(shapes, ModelGenerator)
    prompt = serialize(Conversation((user_turn("Hello"),)), shapes.dialect)
    head, steps = shapes.engine.model.lm_head, [0]

    def stopped_at(step: int) -> Reply:
        stop, steps[0] = threading.Event(), 0

        def count(*_: object) -> None:
            steps[0] += 1
            if steps[0] == step:
                stop.set()

        hook = head.register_forward_pre_hook(count)
        *_, reply = shapes.generate(prompt, GenerationSettings(num_beams=2), stop)
        hook.remove()
        assert isinstance(reply, Reply)
        return reply

    assert stopped_at(0).stop_reason is StopReason.END_OF_UTTERANCE
    last = steps[0]
    assert {stopped_at(step).stop_reason for step in (1, last - 1, last)} == {StopReason.CANCELLED}
