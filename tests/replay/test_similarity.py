"""How alike two texts are said to be."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat.replay.similarity import chrf


@pytest.mark.parametrize(
    ("text", "recorded", "expected"),
    [
        # By sacreBLEU 2.6.0: CHRF().sentence_score(text, [recorded]).score / 100
        ("The blue triangle is on the left.", "The green triangle is on the left.", 0.733163),
        ("A red circle.", "There is a red circle and a blue star.", 0.277178),
        ("Yes.", "No.", 0.104167),
        ("yes", "yes, it is", 0.322506),
        ("a", "ab", 0.555556),
        ("赤い円があります", "青い円があります", 0.797024),
        ("4", "Four shapes.", 0.0),
        ("A  b", "Ab c", 0.636364),
    ],
)
def test_it_is_chrf_as_sacrebleu_computes_it(text: str, recorded: str, expected: float) -> None:
    assert chrf(text, recorded) == pytest.approx(expected, abs=1e-6)


@given(st.text(max_size=30), st.text(max_size=30))
def test_it_is_between_0_and_1_and_1_for_a_text_itself(text: str, recorded: str) -> None:
    assert 0 <= chrf(text, recorded) <= 1
    assert chrf(text, text) == 1


@pytest.mark.parametrize(("text", "recorded", "expected"), [("", "", 1), (" ", "\n", 1), ("", "a", 0), ("a", "", 0)])
def test_nothing_is_like_nothing_alone(text: str, recorded: str, expected: float) -> None:
    assert chrf(text, recorded) == expected
