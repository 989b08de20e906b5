"""Idefics3, SmolVLM and SmolVLM2: why a reply ends, what may stand in it, and how its text is streamed."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chat.conversation import Conversation, assistant_turn, user_turn
from chat.generation import CheckpointFacts, StopReason
from chat.models.decoding import ReplyText
from chat.models.generator import ModelGenerator
from chat.prompt import serialize
from tests.models.reference import IMAGES, Tiny, both_classes, both_tokenizers, run
from tests.models.tiny import CONTEXT_LENGTH


@both_classes
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


@both_classes
def test_wild_sampling_never_gives_a_picture_token(tiny: Tiny) -> None:
    generator = tiny.load()
    banned = set(tiny.engine().banned_ids)
    for seed in range(10):
        _, reply = run(generator, Conversation((user_turn("Hello"),)), temperature=100.0, seed=seed, max_new_tokens=60)
        assert not banned & set(reply.token_ids)


@both_classes
def test_beams_give_the_ids_of_transformers(tiny: Tiny) -> None:
    engine = tiny.engine()
    generator = tiny.load()
    for image in IMAGES:
        conversation = Conversation((user_turn(image, "What?"), assistant_turn("So."), user_turn(IMAGES[0], "And?")))
        chunks, reply = run(generator, conversation, num_beams=3)
        reference = tiny.new_ids(engine, conversation, num_beams=3)
        assert list(reply.token_ids) == reference[: len(reply.token_ids)]
        assert reply.text == "".join(chunk.text for chunk in chunks)


@both_tokenizers
def test_streamed_pieces_joined_are_the_full_decode(tiny: Tiny) -> None:
    encoder = tiny.engine().encoder
    bytes_of = [encoder.encode_text(text)[-1] for text in "\n U:"] + list(encoder.encode_text("€🙂é\ufffd"))
    ids = st.sampled_from(bytes_of) | st.integers(0, tiny.tokenizer.vocab_size - 1)

    @settings(max_examples=500, deadline=None)
    @given(st.lists(ids, max_size=24))
    def check(drawn: list[int]) -> None:
        reply = ReplyText(encoder)
        text = "".join(reply.add(token_id) for token_id in drawn) + reply.finish()
        assert text == reply.text == encoder.decode(drawn).partition("\nUser:")[0]

    check()


@both_tokenizers
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


@both_tokenizers
def test_a_reply_ends_before_it_speaks_for_the_user(tiny: Tiny) -> None:
    encoder = tiny.engine().encoder
    reply = ReplyText(encoder)
    for token_id in encoder.reply_ids("Yes.\nUser: And now I say this"):
        reply.add(token_id)
    assert (reply.text, reply.has_turn_marker) == ("Yes.", True)
