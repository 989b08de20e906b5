"""What is typed to find sessions, and what is marked in a text."""

import re
from datetime import UTC, datetime

import pytest

from chat.errors import UsageError
from chat.search import Filters, Query, folded, holds, marked, parse_query, snippet


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("", ()),
        ("  green   triangle ", ("green", "triangle")),
        ('"green triangle" left', ("green triangle", "left")),
        ('say "green tri', ("say", "green tri")),
        ('""', ()),
        ("http://there 10:30 is:so", ("http://there", "10:30", "is:so")),
        ("a\0b", ("a", "b")),
    ],
)
def test_words_are_parted_by_spaces_outside_quotes(typed: str, words: tuple[str, ...]) -> None:
    assert parse_query(typed) == Query(words)


def test_filters_may_stand_anywhere() -> None:
    query = parse_query('has:picture green checkpoint:"my folder" triangle has:pictures')
    assert query == Query(("green", "triangle"), Filters(has_picture=True, checkpoint="my folder"))
    assert parse_query('image:"my cat.png" tail').filters.image == "my cat.png"
    assert parse_query("tail image:~/cat.png") == Query(("tail",), Filters(image="~/cat.png"))


def test_a_day_begins_when_it_does_here() -> None:
    query = parse_query("after:2026-11-01 before:2026-11-02")
    begins, ends = (datetime.fromisoformat(time) for time in (query.filters.after, query.filters.before))
    assert begins == datetime(2026, 11, 1).astimezone()
    assert ends == datetime(2026, 11, 2).astimezone()
    assert begins.tzinfo is UTC
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+00:00", query.filters.after)


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("has:cat", "has:cat is no filter; has:picture is"),
        ("image:", "image: names no file; image:cat.png does"),
        ('image:""', "image: names no file; image:cat.png does"),
        ("has:", "has: is no filter; has:picture is"),
        ("before:2026-13-01", "before:2026-13-01 is no day; before:2026-11-01 is"),
        ("after:", "after: is no day; after:2026-11-01 is"),
        ("after:0001-01-01x", "after:0001-01-01x is no day; after:2026-11-01 is"),
        ("before:\x1b[31m", "before:␛[31m is no day; before:2026-11-01 is"),
    ],
)
def test_a_filter_that_cannot_be_understood_is_told_in_one_line(typed: str, said: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_query(typed)
    assert str(caught.value) == said


@pytest.mark.parametrize("text", ["", "Größe", "ſ", "ΟΔΟΣ", "ﬁ", "İstanbul", "\ud800"])
def test_folding_keeps_every_character_in_its_place(text: str) -> None:
    assert len(folded(text)) == len(text)


def test_a_text_holds_words_in_capitals_or_not() -> None:
    assert holds("The green Triangle", ["TRI", "green"])
    assert not holds("The green Triangle", ["tri", "red"])


def test_what_is_marked_is_the_text_and_nothing_else() -> None:
    pieces = marked("A green Triangle, a greenish one.", ["green", "greenish", "tri"])
    assert "".join(piece.text for piece in pieces) == "A green Triangle, a greenish one."
    assert [piece.text for piece in pieces if piece.is_match] == ["green", "Tri", "greenish"]
    assert marked("(.*)", [".*"])[1].text == ".*"
    assert marked("", ["x"]) == ()


def test_a_snippet_is_one_line_around_the_first_word() -> None:
    text = "".join(piece.text for piece in snippet("word " * 100 + "\ngreen\ttriangle " + "word " * 100, ["triangle"]))
    assert text.startswith("…word")
    assert "word green triangle word" in text
    assert text.endswith("…")
    assert len(text) < 170


def test_a_snippet_of_a_text_without_spaces_is_cut_anywhere() -> None:
    text = "".join(piece.text for piece in snippet("x" * 5000 + "猫" + "y" * 5000, ["猫"]))
    assert "猫" in text
    assert len(text) < 170


def test_a_snippet_where_no_word_is_seen_begins_at_the_beginning() -> None:
    assert snippet("Hello there", ["nothing"])[0].text == "Hello there"
