"""The model in a process of its own does what it does in this one."""

import sys
import threading
from collections.abc import Callable
from dataclasses import replace

import pytest

from chat.apart.generator import ApartGenerator, load_apart
from chat.apart.pictures import KeptBytes
from chat.conversation import Conversation, Image, user_turn
from chat.errors import CheckpointError, GenerationError, ImageError
from chat.generation import Chunk, GenerationSettings, Reply, StopReason, TextGenerator
from chat.loading import LoadProgress
from chat.models.request import CheckpointRequest
from chat.prompt import Prompt, serialize
from tests.models.questions import unreadable

Ask = Callable[..., Prompt]

GREEDY = GenerationSettings()
LONG = GenerationSettings(temperature=30.0, seed=24, max_new_tokens=600)
"""At this temperature the demonstration finds the end of its utterance by chance alone."""


def said(generator: TextGenerator, prompt: Prompt, settings: GenerationSettings = GREEDY) -> Reply:
    """The whole reply; the texts of its pieces are the reply's."""
    *pieces, reply = generator.generate(prompt, settings, threading.Event())
    assert isinstance(reply, Reply)
    assert "".join(piece.text for piece in pieces if isinstance(piece, Chunk)) == reply.text
    return reply


def test_it_is_loaded_with_its_progress(
    apart: ApartGenerator, progress: list[LoadProgress], shapes: TextGenerator
) -> None:
    assert (apart.facts, apart.dialect) == (shapes.facts, shapes.dialect)
    assert progress[-1] == LoadProgress("ready", 1.0)
    assert any(step.done_bytes for step in progress)


def test_replies_are_those_of_the_model_in_this_process(apart: ApartGenerator, shapes: TextGenerator, ask: Ask) -> None:
    for settings in (GREEDY, GenerationSettings(temperature=1.0, seed=5), GenerationSettings(num_beams=2)):
        for question in ("What is in the picture?", "How many shapes are there?"):
            here, there = said(shapes, ask(question), settings), said(apart, ask(question), settings)
            assert (there.token_ids, there.stop_reason, there.seed) == (here.token_ids, here.stop_reason, here.seed)


def test_a_stop_ends_a_reply_in_the_middle(apart: ApartGenerator, ask: Ask) -> None:
    stop, pieces = threading.Event(), []
    for piece in apart.generate(ask("What is in the picture?"), LONG, stop):
        pieces.append(piece)
        if len(pieces) == 3:
            # As the UI does it: from another thread than the one that waits for pieces.
            threading.Thread(target=stop.set).start()
    reply = pieces[-1]
    assert isinstance(reply, Reply)
    assert reply.stop_reason is StopReason.CANCELLED
    assert 3 <= len(reply.token_ids) < LONG.max_new_tokens


def test_a_reply_that_is_stopped_before_it_begins_says_little(apart: ApartGenerator, ask: Ask) -> None:
    stop = threading.Event()
    stop.set()
    *_, reply = apart.generate(ask("What is in the picture?"), LONG, stop)
    assert isinstance(reply, Reply)
    assert reply.stop_reason is StopReason.CANCELLED


def test_whoever_leaves_a_reply_gets_the_next_one(apart: ApartGenerator, shapes: TextGenerator, ask: Ask) -> None:
    left = apart.generate(ask("What is in the picture?"), LONG, threading.Event())
    next(left)
    left.close()  # type: ignore[attr-defined]
    question = ask("How many shapes are there?")
    assert said(apart, question).token_ids == said(shapes, question).token_ids


def test_tokens_are_counted_while_it_replies(apart: ApartGenerator, shapes: TextGenerator, ask: Ask) -> None:
    stop, asked = threading.Event(), ask("What is in the picture?")
    replying = apart.generate(asked, LONG, stop)
    next(replying)
    # Counting would wait for the reply's end otherwise, and its pieces for somebody who takes them.
    assert apart.count_tokens(asked) == shapes.count_tokens(asked)
    assert isinstance(next(replying), Chunk)
    stop.set()
    assert list(replying)


def test_what_was_computed_ahead_is_kept(apart: ApartGenerator, ask: Ask) -> None:
    asked = ask("Is there a circle?")
    apart.prefill(asked, threading.Event())
    reply = said(apart, asked)
    assert reply.cached_tokens == reply.prompt_tokens - 1


def test_texts_are_scored_and_prompts_batched_as_in_this_process(
    apart: ApartGenerator, shapes: TextGenerator, ask: Ask
) -> None:
    asked, texts = ask("What colour is the star?"), ("red", "blue")
    here, there = (model.score(asked, texts, threading.Event()) for model in (shapes, apart))
    assert here is not None
    assert there is not None
    assert [score.per_token for score in there] == pytest.approx([score.per_token for score in here], abs=1e-3)
    requests = [(ask(question), GREEDY) for question in ("What is in the picture?", "How many shapes are there?")]
    batch = dict(apart.generate_batch(requests, threading.Event()))
    assert [batch[place].token_ids for place in range(2)] == [said(shapes, asked).token_ids for asked, _ in requests]
    assert apart.most_at_once(100, 1) > 1


def test_what_the_model_sees_is_told_while_it_replies(
    apart: ApartGenerator, shapes: TextGenerator, ask: Ask, scene_image: Callable[..., Image]
) -> None:
    stop, asked = threading.Event(), ask("What is in the picture?")
    replying = apart.generate(asked, LONG, stop)
    next(replying)
    assert apart.describe(asked) == shapes.describe(asked)
    assert apart.preprocess(scene_image(3)) == shapes.preprocess(scene_image(3))
    stop.set()
    assert list(replying)
    ids = said(shapes, asked).token_ids
    here, there = (model.weigh(asked, ids, threading.Event()) for model in (shapes, apart))
    assert here is not None
    assert there is not None
    assert [token.token_id for token in there] == [token.token_id for token in here]


def test_errors_are_of_the_same_kind_and_words(
    apart: ApartGenerator, shapes: TextGenerator, ask: Ask, scene_image: Callable[..., Image]
) -> None:
    too_long = serialize(Conversation((user_turn("circle " * 2000),)))
    for model in (shapes, apart):
        with pytest.raises(GenerationError, match="tokens and the checkpoint has room for"):
            said(model, too_long)
        with pytest.raises(ImageError, match="the picture is gone"):
            said(model, ask("What is this?", unreadable(scene_image(77))))
        with pytest.raises(GenerationError, match="beam search takes one prompt"):
            list(model.generate_batch([(too_long, GenerationSettings(num_beams=2))], threading.Event()))


def test_a_picture_is_sent_once(apart: ApartGenerator, ask: Ask, scene_image: Callable[..., Image]) -> None:
    image, reads = scene_image(41), []

    def read() -> bytes:
        reads.append(image.digest)
        return image.read()

    counted = replace(image, read=read)
    apart.count_tokens(ask("What is in the picture?", counted))
    assert reads == []
    for question in ("What is in the picture?", "How many shapes are there?"):
        said(apart, ask(question, counted))
    assert reads == [image.digest]


def test_a_checkpoint_that_cannot_be_loaded_is_told_in_the_same_words(tmp_path: object) -> None:
    with pytest.raises(CheckpointError, match="has no config"):
        load_apart(CheckpointRequest(str(tmp_path)), lambda _: None, threading.Event())


def test_a_cancelled_loading_ends(shapes_request: CheckpointRequest) -> None:
    stop = threading.Event()
    with pytest.raises(CheckpointError, match="was cancelled"):
        load_apart(shapes_request, lambda _: stop.set(), stop)


def test_this_process_needs_no_torch() -> None:
    import subprocess

    script = "import chat.apart.generator, sys; print('torch' in sys.modules, 'PIL' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]


def test_bytes_used_longest_ago_make_room() -> None:
    kept = KeptBytes(most_bytes=10)
    kept.keep("a", b"12345")
    kept.keep("b", b"12345")
    assert kept.get("a") == b"12345"
    kept.keep("c", b"12345")
    assert (kept.get("a"), kept.get("b"), kept.get("c")) == (b"12345", None, b"12345")
