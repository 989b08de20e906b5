"""Streamed text equals the full decode for any ids, and a reply ends before it speaks for the user."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chat.models.decoding import ReplyText
from chat.models.tokenizer_files import load_tokenizer
from chat.models.tokens import PromptEncoder

BYTES = [3 + byte for byte in b"\n \xe2\x82\xac\xf0\x9f\x99\x82A\xff"]


@pytest.fixture(scope="module")
def encoder(shapes_folder: Path) -> PromptEncoder:
    return PromptEncoder(load_tokenizer(shapes_folder))


def streamed(encoder: PromptEncoder, ids: list[int]) -> tuple[str, ReplyText]:
    reply = ReplyText(encoder)
    text = "".join(reply.add(token_id) for token_id in ids)
    return text + reply.finish(), reply


@settings(max_examples=600, deadline=None)
@given(ids=st.lists(st.sampled_from(BYTES) | st.integers(min_value=3, max_value=1199), max_size=24))
def test_pieces_joined_are_the_full_decode(encoder: PromptEncoder, ids: list[int]) -> None:
    text, reply = streamed(encoder, ids)
    full = encoder.decode(ids)
    assert text == reply.text
    assert text == full.partition("\nUser:")[0]


@pytest.mark.parametrize(
    "text", ["A dog.\n  indented", "€ and 🙂🙂 x", " two  spaces ", "\n\n", "日本語 \n Us", "tab\tq"]
)
def test_text_comes_back_character_by_character(encoder: PromptEncoder, text: str) -> None:
    assert streamed(encoder, list(encoder.reply_ids(text)))[0] == text


def test_a_character_is_given_whole_or_not_yet(encoder: PromptEncoder) -> None:
    reply = ReplyText(encoder)
    pieces = [reply.add(token_id) for token_id in encoder.reply_ids("a 🙂 b")]
    assert "\ufffd" not in "".join(pieces)


def test_a_reply_ends_before_it_speaks_for_the_user(encoder: PromptEncoder) -> None:
    ids = list(encoder.reply_ids("Yes.\nUser: And now I say this"))
    reply = ReplyText(encoder)
    given_text = ""
    for token_id in ids:
        given_text += reply.add(token_id)
        if reply.has_turn_marker:
            break
    assert reply.has_turn_marker
    assert given_text + reply.finish() == reply.text == "Yes."
    assert encoder.decode(ids[: reply.spoken(len(ids))]) == "Yes."


def test_words_that_only_begin_like_the_marker_are_given_at_the_end(encoder: PromptEncoder) -> None:
    text, reply = streamed(encoder, list(encoder.reply_ids("Yes.\nUse")))
    assert (text, reply.has_turn_marker) == ("Yes.\nUse", False)
