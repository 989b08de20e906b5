"""A value that cannot be read is named with its place, and ends neither the check nor what is said of the others."""

from pathlib import Path

import pytest

from tests.store.damage import change, found_in


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("UPDATE environments SET content = '{}'", "what replies were computed with is not understood: {} ('files')"),
        ("UPDATE generations SET settings = '{\"top_p\": 2}'", "settings that replies were made with are not under"),
        ("UPDATE generations SET token_ids = '[\"a\"]' WHERE turn_id = 2", "turn 2: its token ids are no list"),
        ("UPDATE generations SET token_ids = '[[1]]' WHERE turn_id = 2", "turn 2: its token ids are no list"),
        (
            "UPDATE generations SET prompt_token_ids = '[[1]]' WHERE turn_id = 2",
            "turn 2: its prompt's token ids are no",
        ),
        ("UPDATE generations SET total_s = 9e999 WHERE turn_id = 2", "turn 2: generations.total_s is no number"),
        ("UPDATE generations SET seed = 'a' WHERE turn_id = 2", "turn 2: generations.seed is no whole number"),
        ("UPDATE generations SET total_s = 'a' WHERE turn_id = 2", "turn 2: generations.total_s is no number"),
        ("UPDATE sessions SET updated_at = x'00' WHERE number = 1", ": sessions.updated_at is no text"),
        ("UPDATE sessions SET created_at = 'soon' WHERE number = 1", ": sessions.created_at is no time"),
        ("UPDATE turns SET created_at = 7 WHERE id = 1", "turn 1: turns.created_at is no time"),
        ("UPDATE sessions SET system = x'ff' WHERE number = 1", ": sessions.system is no text that can be read"),
        ("UPDATE parts SET image_name = x'ff' WHERE turn_id = 1", "turn 1: parts.image_name is no text that can be"),
        ("UPDATE parts SET text = x'ff' WHERE turn_id = 2", "turn 2: parts.text is no text that can be read"),
        ("UPDATE choice_labels SET position = position + 5", "turn 1: its 2 labels that were ranked are not numbered"),
        ("UPDATE choice_images SET position = 5", "turn 1: the 1 pictures that labels were ranked for are not"),
        ("DELETE FROM choice_labels", "turn 1: the labels that were ranked there are lost"),
        ("DELETE FROM choice_labels WHERE position = 1", "turn 1: the labels that were ranked there are lost"),
        (
            "UPDATE choice_labels SET label = ' ' WHERE position = 1",
            "turn 1: the labels that were ranked there are lost",
        ),
        ("UPDATE choices SET left_out = -1", "turn 1: the picture or the history that labels were ranked for is"),
        ("UPDATE turns SET is_example = 1 WHERE id = 2", "turn 2: is a reply, and is marked as an example"),
        ("UPDATE parts SET text = '' WHERE turn_id = 2", "turn 2: has a text without a word"),
        ("UPDATE parts SET turn_id = 'x' WHERE turn_id = 2", "parts.turn_id is no whole number"),
        ("UPDATE images SET byte_count = 'many'", "is said to have many bytes, and has "),
        ("UPDATE turns SET session_id = x'ff' WHERE id = 2", "session b'\\xff', turn 2: "),
        ("INSERT INTO drafts VALUES (NULL, '', '{}')", "the pictures of its unsent message cannot be read"),
        ("INSERT INTO drafts VALUES (NULL, '', '[1]')", "the pictures of its unsent message cannot be read"),
    ],
)
def test_a_value_that_cannot_be_read_is_named_with_its_place(filled: Path, statement: str, expected: str) -> None:
    change(filled, statement)
    lines = [difference.line for difference in found_in(filled) if not difference.is_repaired]
    assert any(expected in line for line in lines), lines
    assert [difference.line for difference in found_in(filled)] == lines


def test_a_text_that_is_no_utf_8_is_named_and_the_check_goes_on(filled: Path) -> None:
    change(filled, "UPDATE parts SET text = CAST(x'ff' AS TEXT) WHERE turn_id = 2", "UPDATE images SET byte_count = 3")
    lines = [difference.line for difference in found_in(filled)]
    assert any("turn 2: parts.text is no text that can be read" in line for line in lines)
    assert any("is said to have 3 bytes" in line for line in lines)


def test_a_value_that_is_missing_where_a_table_lets_it_be_is_named(filled: Path) -> None:
    change(
        filled,
        "PRAGMA writable_schema = ON",
        "UPDATE sqlite_master SET sql = replace(sql, 'updated_at TEXT NOT NULL', 'updated_at TEXT')",
        "PRAGMA writable_schema = RESET",
    )
    change(filled, "UPDATE sessions SET updated_at = NULL WHERE number = 1")
    lines = [difference.line for difference in found_in(filled)]
    assert any(line.endswith(": sessions.updated_at is missing") for line in lines), lines
