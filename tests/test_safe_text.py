"""No text can steer the terminal, however it is cut into pieces."""

import json
import random
import sys
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chat.safe_text import PrintablePieces, json_line, printable, short_line

AWKWARD = "\x00\a\b\t\n\v\r\x1b\x7f\x80\x84\x90\x9b\x9d\x9f\u061c\u200d\u200e\u2028\u202e\u2066\ud800\udfff[]m;"
STEERING = {"\u061c", "\u200e", "\u200f", *map(chr, range(0x202A, 0x202F)), *map(chr, range(0x2066, 0x206A))}
# Lists, since in an alphabet of `st.text` the few that matter would drown in all of Unicode.
HOSTILE = st.lists(st.sampled_from(AWKWARD) | st.characters(exclude_categories=())).map("".join)


def is_safe(text: str, but: str = "") -> bool:
    """Whether no character steers a terminal, apart from the listed ones."""
    found = set(text) - set(but)
    return not found & STEERING and not {"Cc", "Cs", "Zl", "Zp"} & {unicodedata.category(one) for one in found}


def test_no_character_of_all_steers_a_terminal() -> None:
    everything = "".join(map(chr, range(sys.maxunicode + 1)))
    assert is_safe(printable(everything), but="\n\t")
    assert is_safe(printable(everything, multiline=False))


def test_harmless_characters_stay_as_they_are() -> None:
    harmless = "".join(one for one in map(chr, range(sys.maxunicode + 1)) if is_safe(one))
    assert printable(harmless, multiline=False) is harmless


def test_json_is_safe_and_says_the_same() -> None:
    # Parted, because JSON reads two halves of a pair that follow each other as one character.
    everything = {"text": " ".join(map(chr, range(sys.maxunicode + 1)))}
    assert is_safe(json_line(everything))
    assert json.loads(json_line(everything)) == everything


def test_ten_thousand_hostile_texts_are_safe_however_they_are_cut() -> None:
    chance = random.Random(1)
    for _ in range(10_000):
        text = "".join(
            chance.choice(AWKWARD) if chance.random() < 0.6 else chr(chance.randrange(sys.maxunicode + 1))
            for _ in range(chance.randrange(30))
        )
        cut = chance.randrange(len(text) + 1)
        lines, line = printable(text), printable(text, multiline=False)
        assert is_safe(lines, but="\n\t") and is_safe(line)
        pieces = PrintablePieces()
        assert pieces.of(text[:cut]) + pieces.of(text[cut:]) + pieces.rest() == lines
        assert printable(text[:cut], multiline=False) + printable(text[cut:], multiline=False) == line


@settings(max_examples=300, deadline=None)
@given(HOSTILE, st.booleans())
def test_what_is_printable_stays_as_it_is_and_comes_in_any_pieces(text: str, multiline: bool) -> None:
    once = printable(text, multiline=multiline)
    assert printable(once, multiline=multiline) == once
    if multiline:
        pieces = PrintablePieces()
        assert "".join([*map(pieces.of, text), pieces.rest()]) == once
    else:
        assert "".join(printable(character, multiline=False) for character in text) == once


@pytest.mark.parametrize(
    ("text", "lines", "line"),
    [
        ("Two cats.\n\tNothing else.", "Two cats.\n\tNothing else.", "Two cats.␊␉Nothing else."),
        ("\x1b]52;c;cm0=\a", "␛]52;c;cm0=␇", "␛]52;c;cm0=␇"),
        ("50 %\r100 %", "50 %␍100 %", "50 %␍100 %"),
        ("One\r\nTwo\r\n\r\r\n\r", "One\nTwo\n␍\n␍", "One␍␊Two␍␊␍␍␊␍"),
        ("\x7f\x9b31m\x85", "␡<U+009B>31m<U+0085>", "␡<U+009B>31m<U+0085>"),
        ("gpj.\u202exe", "gpj.<U+202E>xe", "gpj.<U+202E>xe"),
        ("a\u2028b\u2029c", "a<U+2028>b<U+2029>c", "a<U+2028>b<U+2029>c"),
        ("\ud83d half", "<U+D83D> half", "<U+D83D> half"),
        ("\u0000", "␀", "␀"),
        ("👩\u200d🚀 é 日本 עברית \u00a0", "👩\u200d🚀 é 日本 עברית \u00a0", "👩\u200d🚀 é 日本 עברית \u00a0"),
        ("", "", ""),
    ],
)
def test_marks_that_can_be_seen(text: str, lines: str, line: str) -> None:
    assert (printable(text), printable(text, multiline=False)) == (lines, line)


@settings(max_examples=200, deadline=None)
@given(HOSTILE, st.integers(3, 30))
def test_a_short_line_is_short_and_one_line(text: str, most: int) -> None:
    line = short_line(text, most)
    assert len(line) <= most
    assert is_safe(line)


def test_a_short_line_keeps_both_ends() -> None:
    assert short_line("/home/ada/pictures/scan.png", 17) == "/home/ad…scan.png"
