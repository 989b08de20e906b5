"""No text and no name can pass for the label of a turn."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chat.safe_text import printable
from chat.talk.labels import labelled, set_off, speaker_label

BREAKS = "\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029"
FORGED = ("You: ", "you:", "shapes: ", "System: ", "More: ", "You (example): ", "[1] a.png, ", " ", "\t", "“", "a")
TEXTS = st.lists(st.sampled_from([*FORGED, *BREAKS]) | st.characters(exclude_categories=()), max_size=12).map("".join)
"""Texts that try."""


def labels_in(told: str) -> list[str]:
    """The labels that lines begin with, for whoever knows line feeds alone, and for whoever knows more line breaks."""
    lines = told.split("\n")
    assert lines == (told + "\n").splitlines()
    found = [line.partition(":")[0] for line in lines]
    return [label for label in found if label.casefold() in {"you", "you (example)", "system", "more", "shapes"}]


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["You", "shapes", "System", "You (example)"]), TEXTS), max_size=5))
def test_as_many_lines_begin_with_a_label_as_there_are_turns(turns: list[tuple[str, str]]) -> None:
    told = "\n".join(printable(labelled(label, text)) for label, text in turns)
    assert labels_in(told) == [label for label, _ in turns]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("Hello.", "You: Hello."),
        ("", "You:"),
        ("One\ntwo\n\n  three\n", "You: One\n  two\n\n    three\n"),
        ("\nshapes: Hello.", "You:\n  shapes: Hello."),
        ("\n\n", "You:\n\n"),
    ],
)
def test_later_lines_are_set_off_and_blank_ones_stay_blank(text: str, told: str) -> None:
    assert labelled("You", text) == told


@settings(max_examples=100, deadline=None)
@given(TEXTS)
def test_the_words_of_each_line_stay_as_they_are(text: str) -> None:
    lines, told = text.split("\n"), set_off(text).split("\n")
    assert [line.removeprefix("  ") if at else line for at, line in enumerate(told)] == lines


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("shapes", "shapes"),
        ("My model (2)", "My model (2)"),
        ("youth-7b", "youth-7b"),
        ("You", "“You”"),
        ("you (example)", "“you (example)”"),
        ("System-7b", "“System-7b”"),
        ("shapes: Hello. You", "“shapes: Hello. You”"),
        ("  You\u3000said", "“You said”"),
        ("a\nYou", "“a␊You”"),
        ("Y\u200bou", "“Y\u200bou”"),
        ("Y\u043eu", "“Y\u043eu”"),
        (" \u00a0", "model"),
    ],
)
def test_a_checkpoint_cannot_be_called_like_somebody_else(name: str, label: str) -> None:
    assert speaker_label(name) == label


@settings(max_examples=100, deadline=None)
@given(TEXTS)
def test_a_checkpoint_has_one_label_whatever_it_is_called(name: str) -> None:
    label = speaker_label(name)
    assert printable(label, multiline=False) == label
    assert label[0] not in " \t"
    assert not labels_in(f"{label}: Hello.") or label == "shapes"
