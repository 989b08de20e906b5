"""Idefics2 and its successors: why a reply ends, what may stand in it, and how its text is streamed."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chat.conversation import Conversation, assistant_turn, user_turn
from chat.generation import CheckpointFacts, StopReason
from chat.models.decoding import ReplyText
from chat.models.generator import ModelGenerator
from chat.prompt import serialize
from tests.models.reference import (
    IMAGES,
    Tiny,
    assert_cost_is_even,
    assert_pieces_are_the_full_decode,
    every_class,
    every_kind,
    every_tokenizer,
    run,
)
from tests.models.tiny import CONTEXT_LENGTH


@every_class
def test_every_stop_has_its_reason(tiny: Tiny) -> None:
    engine = tiny.engine()
    facts = CheckpointFacts("tiny", context_length=CONTEXT_LENGTH)
    conversation = Conversation((user_turn(IMAGES[2], "What is it?"),))
    prompt = serialize(conversation, engine.dialect)
    _, reply = run(ModelGenerator(engine, facts), conversation, max_new_tokens=5)
    assert (reply.stop_reason, len(reply.token_ids)) == (StopReason.MAX_NEW_TOKENS, 5)
    third = reply.token_ids[2]
    assert third not in reply.token_ids[:2]

    room = CheckpointFacts("tiny", context_length=len(engine.encoder.encode(prompt).token_ids) + 4)
    _, full = run(ModelGenerator(engine, room), conversation)
    assert (full.stop_reason, full.token_ids) == (StopReason.CONTEXT_FULL, reply.token_ids[:4])

    engine.eos_ids |= {third}
    _, ended = run(ModelGenerator(engine, facts), conversation)
    assert (ended.stop_reason, ended.token_ids) == (StopReason.EOS, reply.token_ids[:3])

    engine.utterance_id = third
    _, ended = run(ModelGenerator(engine, facts), conversation)
    assert (ended.stop_reason, ended.token_ids) == (StopReason.END_OF_UTTERANCE, reply.token_ids[:3])


@every_kind
@pytest.mark.parametrize("num_beams", [1, 3])
def test_wild_sampling_gives_no_control_token_but_the_one_that_closes(tiny: Tiny, num_beams: int) -> None:
    generator = tiny.load()
    special = set(tiny.tokenizer.added_tokens_decoder)
    assert len(special) == len(tiny.kind.added_tokens)
    asked = {"temperature": 100.0, "num_beams": num_beams, "max_new_tokens": 60}
    ids = set()
    for seed in range(30 // num_beams):
        _, reply = run(generator, Conversation((user_turn("Hello"),)), **asked, seed=seed)
        assert not special & set(reply.spoken_ids)
        assert generator.decode(reply.spoken_ids) == reply.text
        ids |= set(reply.spoken_ids)
    assert len(ids) > 100


@every_tokenizer
def test_an_id_that_stands_for_no_token_is_never_given(tiny: Tiny) -> None:
    """Some models have room for more tokens than their tokenizer has."""
    engine = tiny.engine()
    assert not engine.encoder.unsaid_ids(5, frozenset()) & {*range(5)} - engine.encoder.added_ids
    size = tiny.tokenizer.vocab_size + len(tiny.kind.last_tokens)
    assert size == tiny.model.config.text_config.vocab_size
    assert engine.encoder.unsaid_ids(size + 3, engine.eos_ids) == {
        *(engine.encoder.added_ids - engine.eos_ids),
        *range(size, size + 3),
    }


@every_class
def test_beams_give_the_ids_of_transformers(tiny: Tiny) -> None:
    engine = tiny.engine()
    generator = tiny.load()
    for image in IMAGES:
        conversation = Conversation((user_turn(image, "What?"), assistant_turn("So."), user_turn(IMAGES[0], "And?")))
        chunks, reply = run(generator, conversation, num_beams=3)
        reference = tiny.new_ids(engine, conversation, num_beams=3)
        assert list(reply.token_ids) == reference[: len(reply.token_ids)]
        assert reply.text == "".join(chunk.text for chunk in chunks)


@every_tokenizer
def test_streamed_pieces_joined_are_the_full_decode(tiny: Tiny) -> None:
    encoder = tiny.engine().encoder
    bytes_of = [encoder.encode_text(text)[-1] for text in "\n U:"] + list(encoder.encode_text("€🙂é\ufffd"))
    ids = st.sampled_from(bytes_of) | st.integers(0, len(tiny.tokenizer) + 3)

    @settings(max_examples=1500, deadline=None)
    @given(st.lists(ids, max_size=40))
    def check(drawn: list[int]) -> None:
        assert_pieces_are_the_full_decode(encoder, drawn)

    check()


@every_tokenizer
def test_bytes_of_no_character_are_streamed_as_they_are_decoded(tiny: Tiny) -> None:
    encoder = tiny.engine().encoder
    letters = {byte: encoder.encode_text(chr(byte))[0] for byte in b"a :"}
    alphabet = [*letters.values(), *(token_id for mark in "€🙂éÿ\u0800" for token_id in encoder.encode_text(mark))]

    @settings(max_examples=1500, deadline=None)
    @given(st.lists(st.sampled_from(alphabet), max_size=40))
    def check(drawn: list[int]) -> None:
        assert_pieces_are_the_full_decode(encoder, drawn)

    check()


@every_tokenizer
@pytest.mark.parametrize("text", ["There are two red stars. ", "\n", "  ", "🙂", "\ufffd"])
def test_a_long_reply_costs_as_much_for_every_token(tiny: Tiny, text: str) -> None:
    encoder = tiny.engine().encoder
    assert_cost_is_even(encoder, list(encoder.reply_ids(text)))
    # Only the first byte of a character, over and over.
    assert_cost_is_even(encoder, list(encoder.encode_text("🙂"))[:1])


@every_tokenizer
@pytest.mark.parametrize(
    "text", ["A dog.\n  indented", "€ and 🙂🙂 x", " two  spaces ", "\n\n", "日本語 \n Us", "\ufffd x"]
)
def test_a_replys_text_comes_back_and_no_character_comes_half(tiny: Tiny, text: str) -> None:
    encoder = tiny.engine().encoder
    reply = ReplyText(encoder)
    ids = encoder.reply_ids(text)
    pieces = [reply.add(token_id) for token_id in ids]
    assert "\ufffd" in text or "\ufffd" not in "".join(pieces)
    assert "".join(pieces) + reply.finish() == text == encoder.decode(ids)


@every_tokenizer
def test_a_reply_ends_before_it_speaks_for_the_user(tiny: Tiny) -> None:
    encoder = tiny.engine().encoder
    reply = ReplyText(encoder)
    for token_id in encoder.reply_ids("Yes.\nUser: And now I say this"):
        reply.add(token_id)
    assert (reply.text, reply.has_turn_marker) == ("Yes.", True)
