"""Streamed text equals the full decode for any ids, and a reply ends before it speaks for the user."""

from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from chat.models.decoding import ReplyText
from chat.models.tokenizer_files import load_tokenizer
from chat.models.tokens import PromptEncoder
from tests.models.reference import (
    assert_cost_is_even,
    assert_pieces_are_the_full_decode,
    streamed_until_the_marker,
)

BYTES = [3 + byte for byte in b"\n \xe2\x82\xac\xf0\x9f\x99\x82A\xff"]


@pytest.fixture(scope="module")
def encoder(shapes_folder: Path) -> PromptEncoder:
    return PromptEncoder(load_tokenizer(shapes_folder))


HIDDEN = [0, 1, 2, 1200, 1202, 1203, 60_000]
"""Ids of control tokens, and two that stand for none."""


def streamed(encoder: PromptEncoder, ids: list[int]) -> tuple[str, ReplyText]:
    text, reply, _ = streamed_until_the_marker(encoder, ids)
    return text, reply


any_ids = st.lists(
    st.sampled_from(BYTES) | st.sampled_from(HIDDEN) | st.integers(min_value=0, max_value=1202), max_size=40
)


@settings(max_examples=1500, deadline=None)
@given(ids=any_ids)
@example(ids=[3 + 0x41, 1, 3 + 0xFF, 700])
@example(ids=[3 + 0xE2, 3 + 0x82, 0, 3 + 0xAC, 700])
@example(ids=[3 + byte for byte in b"a\nUser:\xff"])
@example(ids=[3 + byte for byte in b"\xe2\nUser: b"])
def test_pieces_joined_are_the_full_decode(encoder: PromptEncoder, ids: list[int]) -> None:
    assert_pieces_are_the_full_decode(encoder, ids)


@settings(max_examples=300, deadline=None)
@given(text=st.text(st.sampled_from("\nUser: \t▁\ufffdé€🙂ab\x00") | st.characters(codec="utf-8"), max_size=60))
def test_a_text_of_any_characters_is_given_in_pieces(encoder: PromptEncoder, text: str) -> None:
    assert_pieces_are_the_full_decode(encoder, list(encoder.reply_ids(text)))


@pytest.mark.parametrize("text", ["There are two red stars and a blue circle. ", "\n", "  ", "€", "\ufffd", "▁"])
def test_a_long_reply_costs_as_much_for_every_token(encoder: PromptEncoder, text: str) -> None:
    assert_cost_is_even(encoder, list(encoder.reply_ids(text)))


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
