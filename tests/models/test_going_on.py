"""A reply that was cut and gone on with is, id by id and character by character, the reply that was not cut."""

import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from chat.conversation import Conversation, Image, assistant_turn, user_turn
from chat.generation import Chunk, GenerationSettings, Reply, StopReason, TextGenerator
from chat.models.decoding import ReplyText
from chat.models.tokenizer_files import load_tokenizer
from chat.models.tokens import PromptEncoder
from chat.prompt import Prompt, Said, begun, serialize
from tests.models.reference import Tiny, every_tokenizer, loaded

MakeImage = Callable[..., Image]
QUESTION = "What is in the picture?"
BYTES = [3 + byte for byte in b"\n \xe2\x82\xac\xf0\x9f\x99\x82A\xff"]
MARKER = [3 + byte for byte in b"a\nUser:b"]


@pytest.fixture(scope="module")
def encoder(shapes_folder: Path) -> PromptEncoder:
    return PromptEncoder(load_tokenizer(shapes_folder))


def asked(generator: TextGenerator, image: Image) -> Prompt:
    return serialize(Conversation((user_turn(image, QUESTION),)), generator.dialect)


def reply_to(generator: TextGenerator, prompt: Prompt, most: int = 60, penalty: float = 1.0) -> tuple[str, Reply]:
    """What was streamed, and the reply."""
    chosen = GenerationSettings(max_new_tokens=most, repetition_penalty=penalty)
    *pieces, reply = generator.generate(prompt, chosen, threading.Event())
    assert isinstance(reply, Reply)
    return "".join(piece.text for piece in pieces if isinstance(piece, Chunk)), reply


def assert_goes_on(generator: TextGenerator, prompt: Prompt, cut_at: int, penalty: float = 1.0) -> None:
    whole = reply_to(generator, prompt, penalty=penalty)[1]
    cut = reply_to(generator, prompt, cut_at, penalty)[1]
    assert cut.stop_reason is StopReason.MAX_NEW_TOKENS
    said = Said(cut.text, cut.token_ids)
    streamed, rest = reply_to(generator, begun(prompt, said), 60 - cut_at, penalty)
    assert streamed == rest.text
    assert said.with_more(rest.text, rest.token_ids) == Said(whole.text, whole.token_ids)
    assert rest.stop_reason is whole.stop_reason


@pytest.mark.parametrize("cut_at", [1, 2, 3, 7, 11])
def test_a_cut_reply_of_the_bundled_checkpoint_goes_on_as_if_it_had_not_been_cut(
    load_shapes: Callable[[], TextGenerator], scene_image: MakeImage, cut_at: int
) -> None:
    generator = load_shapes()
    assert_goes_on(generator, asked(generator, scene_image(3, 3)), cut_at)


def test_it_goes_on_so_with_a_penalty_for_words_that_were_said(shapes: TextGenerator, scene_image: MakeImage) -> None:
    assert_goes_on(shapes, asked(shapes, scene_image(3, 3)), 5, penalty=1.3)


def test_what_was_computed_for_the_cut_reply_is_not_computed_again(
    load_shapes: Callable[[], TextGenerator], scene_image: MakeImage
) -> None:
    generator = load_shapes()
    prompt = asked(generator, scene_image(3, 3))
    cut = reply_to(generator, prompt, 5)[1]
    rest = reply_to(generator, begun(prompt, Said(cut.text, cut.token_ids)))[1]
    assert rest.prompt_tokens == cut.prompt_tokens + 5
    assert rest.cached_tokens == rest.prompt_tokens - 1
    # Nor is what was said in two parts, when the next question comes.
    said = Said(cut.text, cut.token_ids).with_more(rest.text, rest.spoken_ids)
    turns = (
        user_turn(scene_image(3, 3), QUESTION),
        assistant_turn(said.text, said.token_ids),
        user_turn("How many are there?"),
    )
    after = reply_to(generator, serialize(Conversation(turns), generator.dialect), 5)[1]
    assert after.cached_tokens >= rest.prompt_tokens + len(rest.spoken_ids)


def test_without_ids_that_say_it_the_words_are_gone_on_with_and_the_pieces_still_fit(
    shapes: TextGenerator, scene_image: MakeImage
) -> None:
    prompt = asked(shapes, scene_image(3, 3))
    whole = reply_to(shapes, prompt)[1].text
    first = whole.split(" ")[0]
    for ids in [(), (5, 6, 7)]:
        streamed, rest = reply_to(shapes, begun(prompt, Said(first, ids)))
        assert first + streamed == first + rest.text == whole


def test_words_alone_and_nothing_at_all_begin_a_reply(shapes: TextGenerator, scene_image: MakeImage) -> None:
    prompt = asked(shapes, scene_image(3, 3))
    assert begun(prompt, "") == begun(prompt, Said("", ())) == prompt
    assert begun(prompt, "This is").text.endswith("Assistant: This is")
    assert begun(prompt, Said("This is", ())).text.endswith("Assistant: This is")


def test_a_batch_goes_on_too(shapes: TextGenerator, scene_image: MakeImage) -> None:
    prompt = asked(shapes, scene_image(3, 3))
    whole, cut = reply_to(shapes, prompt)[1], reply_to(shapes, prompt, 5)[1]
    said = Said(cut.text, cut.token_ids)
    requests = [(begun(prompt, said), GenerationSettings(max_new_tokens=60))] * 2
    for _, rest in shapes.generate_batch(requests, threading.Event()):
        assert said.with_more(rest.text, rest.spoken_ids) == Said(whole.text, whole.spoken_ids)


def gone_on(encoder: PromptEncoder, ids: list[int], cut_at: int) -> tuple[str, ReplyText]:
    """The text of a reply that was cut there and gone on with."""
    before = ids[:cut_at]
    after = ReplyText(encoder, before)
    pieces = []
    for token_id in ids[cut_at:]:
        pieces.append(after.add(token_id))
        if after.has_turn_marker:
            break
    pieces.append(after.finish())
    assert "".join(pieces) == after.text
    return Said(encoder.decode(before), tuple(before)).with_more(after.text).text, after


@settings(max_examples=400, deadline=None)
@given(
    text=st.text(st.sampled_from("a \nU▁\ufffdé€🙂日") | st.characters(codec="utf-8"), min_size=1, max_size=30),
    cut=st.integers(min_value=1, max_value=60),
)
@example(text="日本🙂b", cut=5)
def test_a_text_cut_anywhere_is_that_of_all_ids(encoder: PromptEncoder, text: str, cut: int) -> None:
    ids = list(encoder.reply_ids(text))
    assert gone_on(encoder, ids, cut)[0] == encoder.decode(ids)


@settings(max_examples=300, deadline=None)
@given(
    ids=st.lists(st.sampled_from(BYTES) | st.integers(min_value=3, max_value=1199), min_size=1, max_size=30),
    cut=st.integers(min_value=1, max_value=30),
)
@example(ids=[3 + byte for byte in b"\xff\xff\xff\xff\xff\xffb"], cut=6)
def test_bytes_that_are_no_text_are_gone_on_with_somehow(encoder: PromptEncoder, ids: list[int], cut: int) -> None:
    gone_on(encoder, ids, cut)


@pytest.mark.parametrize("cut", range(1, 8))
def test_a_marker_that_was_cut_in_the_middle_still_ends_the_reply(encoder: PromptEncoder, cut: int) -> None:
    text, after = gone_on(encoder, MARKER, cut)
    assert after.has_turn_marker == (cut < 7)
    assert text.startswith("a")
    assert "b" not in text or cut == 7
    assert after.spoken(len(MARKER) - cut) == (0 if cut < 7 else 1)


@every_tokenizer
@pytest.mark.parametrize("text", ["A dog.\n  indented", "€ and 🙂🙂 x", "日本語 \n Us", "\ufffd x"])
def test_every_familys_text_is_gone_on_with(tiny: Tiny, text: str) -> None:
    encoder = tiny.engine().encoder
    ids = list(encoder.reply_ids(text))
    for cut in range(1, len(ids) + 1):
        assert gone_on(encoder, ids, cut)[0] == text


@every_tokenizer
def test_every_family_goes_on_from_the_ids(tiny: Tiny) -> None:
    generator = loaded(tiny.folder)
    prompt = serialize(Conversation((user_turn("Hi"),)), generator.dialect)
    assert_goes_on(generator, prompt, 4)
