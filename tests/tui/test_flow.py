"""Markdown in lines of the width there is."""

import pytest
from textual.geometry import Offset
from textual.selection import Selection

from chat.tui.widgets.flow import Flow
from chat.tui.widgets.markdown import flow_of


def _flow(text: str) -> Flow:
    flow = flow_of(text)
    assert flow is not None
    return flow


def _lines(text: str, width: int) -> list[str]:
    return _flow(text).at(width).plain.split("\n")


def test_the_lines_of_an_item_hang_behind_its_bullet() -> None:
    assert _lines("- one two three four\n  - five six seven", 12) == [
        "• one two",
        "  three four",
        "  • five six",
        "    seven",
    ]


def test_numbers_stand_under_each_other() -> None:
    assert _lines("9. nine\n10. ten", 20) == [" 9. nine", "10. ten"]


def test_a_quote_has_its_bar_on_every_line() -> None:
    assert _lines("> one two three", 10) == ["▌ one two", "▌ three"]


def test_whoever_writes_lines_gets_lines() -> None:
    assert _lines("**one**\ntwo", 20) == ["one", "two"]


def test_a_table_has_columns_as_wide_as_its_cells() -> None:
    assert _lines("| a | word |\n|---|---|\n| 12 | x |", 40) == ["a   word", "──  ────", "12  x"]


def test_a_table_that_is_too_wide_wraps_its_widest_cells() -> None:
    lines = _lines("| a | b |\n|---|---|\n| one two three four | x |", 14)
    assert max(map(len, lines)) <= 14
    assert [line.split()[0] for line in lines[2:]] == ["one", "three"]


def test_wide_characters_take_two_cells() -> None:
    assert _lines("- 漢字漢字", 6) == ["• 漢字", "  漢字"]


def test_what_is_taken_for_html_is_shown_as_it_was_written() -> None:
    assert _lines("<b>x</b> & `<i>`", 40) == ["<b>x</b> & <i>"]


@pytest.mark.parametrize("entity", ["&#x202e;", "&#27;", "&#x9b;"])
def test_an_entity_does_not_become_a_character_that_steers_the_terminal(entity: str) -> None:
    shown = "\n".join(_lines(f"**a** {entity} b", 60))
    assert shown.isprintable()
    assert shown.startswith("a ")


def test_a_link_says_where_it_leads() -> None:
    assert _lines("[here](https://example.org)", 60) == ["here (https://example.org)"]
    assert _lines("`x` https://example.org", 60) == ["x https://example.org"]


def test_a_selection_has_the_line_breaks_of_the_text_alone() -> None:
    flow = _flow("- one two three four five\n- abcdefghijklmnop")
    assert flow.at(12).plain.split("\n") == ["• one two", "  three four", "  five", "• abcdefghij", "  klmnop"]
    assert flow.selected(Selection(None, None)) == "• one two three four five\n• abcdefghijklmnop"
    assert flow.selected(Selection(Offset(2, 1), Offset(6, 2))) == "three four five"
    assert flow.selected(Selection(Offset(2, 0), Offset(9, 0))) == "one two"
