"""Words that differ are marked."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat.replay.word_marks import marked


def shown(text: str, *others: str) -> str:
    return "".join(f"«{piece.text}»" if piece.is_marked else piece.text for piece in marked(text, others))


@pytest.mark.parametrize(
    ("text", "other", "expected"),
    [
        ("The blue triangle.", "The green triangle.", "The «blue» triangle."),
        ("The very big one.", "The one.", "The «very big» one."),
        ("The one.", "The very big one.", "The one."),
        ("a  b\nc", "a b c", "a  b\nc"),
        ("Yes, it is.", "Yes; it is.", "Yes«,» it is."),
        ("青い円", "赤い円", "«青»い円"),
        ("all new", "", "«all new»"),
    ],
)
def test_a_word_is_marked_that_the_other_text_does_not_say(text: str, other: str, expected: str) -> None:
    assert shown(text, other) == expected


def test_a_word_is_marked_that_one_of_several_texts_does_not_say() -> None:
    assert shown("a b c", "a b x", "x b c") == "«a» b «c»"
    assert shown("a b c") == "a b c"


def test_of_long_texts_everything_between_what_they_share_is_marked() -> None:
    words = [f"w{number}" for number in range(3000)]
    assert shown(" ".join(["a", *words, "z"]), " ".join(["a", *words[::-1], "z"])) == f"a «{' '.join(words)}» z"


@given(st.text(max_size=40), st.text(max_size=40))
def test_the_pieces_are_the_text(text: str, other: str) -> None:
    assert "".join(piece.text for piece in marked(text, [other])) == text
    assert not any(piece.is_marked for piece in marked(text, [text]))
