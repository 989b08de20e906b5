"""Whatever is wrong with a database is named with its place; what follows from the rest is made right, nothing else."""

import re
import sqlite3
import threading
from contextlib import closing, suppress
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from chat.errors import StoreError
from chat.search import parse_query
from chat.store import open_store
from chat.store.checks import Check, file
from chat.store.checks.check import NO_MORE
from tests.store.damage import change, found_in
from tests.store.samples import integrity


@pytest.fixture
def path(filled: Path) -> Path:
    return filled


def dumped(path: Path) -> list[str]:
    """The tables, without those of the index."""
    with closing(sqlite3.connect(path)) as connection:
        return [line for line in connection.iterdump() if not re.match(r'INSERT INTO "?words', line)]


def test_a_sound_database_has_no_difference(path: Path) -> None:
    before = path.read_bytes()
    check = Check(path, lambda _: None, threading.Event())
    assert list(check.differences()) == []
    assert (check.sessions, check.turns, check.pictures) == (2, 6, 2)
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("UPDATE turns SET parent_id = 1 WHERE id = 4", "turn 4: follows turn 1, which is of session"),
        ("UPDATE turns SET parent_id = 4 WHERE id = 2", "turn 2: follows turn 4, which is not an earlier one"),
        ("UPDATE turns SET parent_id = NULL WHERE id = 2", "turn 2: is a reply that follows no message"),
        ("UPDATE turns SET parent_id = 99 WHERE id = 3", "turn 3: turns.parent_id names 99, which is not in turns"),
        ("UPDATE sessions SET head_turn_id = 1 WHERE number = 2", "shows turn 1, which is of session"),
        ("UPDATE sessions SET head_turn_id = 99 WHERE number = 2", "names 99, which is not in turns"),
        ("DELETE FROM generations WHERE turn_id = 2", "turn 2: is a reply without a word on where it came from"),
        ("UPDATE generations SET turn_id = 1 WHERE turn_id = 2", "turn 1: is a message, and has what only a reply has"),
        ("UPDATE generations SET stop_reason = 'x' WHERE turn_id = 2", "turn 2: ended for a reason that is none: x"),
        ("UPDATE generations SET token_ids = '{}' WHERE turn_id = 2", "turn 2: its token ids are no list"),
        (
            "UPDATE generations SET prompt_token_ids = '[' WHERE turn_id = 2",
            "turn 2: its prompt's token ids are no list",
        ),
        ("UPDATE generations SET settings = '[' WHERE turn_id = 2", "turn 2: its settings cannot be read"),
        ("UPDATE parts SET position = 7 WHERE position = 2", "turn 1: its 3 parts are not numbered from 0 on"),
        ("DELETE FROM parts WHERE turn_id = 1", "turn 1: is an empty message"),
        (
            "UPDATE parts SET kind = 'text', text = 'x', image_digest = NULL WHERE kind = 'image'",
            "turn 3: has two texts",
        ),
        ("UPDATE parts SET text = char(10) WHERE turn_id = 6", "turn 6: is an empty message"),
        ("UPDATE environments SET content = '{'", "the database: what replies were computed with, number 1, cannot be"),
        ("INSERT INTO drafts VALUES (NULL, '', '[')", "the pictures of its unsent message cannot be read"),
        ("UPDATE turns SET role = 'assistant' WHERE id = 1", "turn 1: is a reply of more than one text"),
        ("UPDATE choices SET turn_id = 4 WHERE turn_id = 1", "turn 4: is of session"),
        ("UPDATE left_out SET turn_id = 2 WHERE turn_id = 1", "turn 2: is left out for the model, and is no message"),
        (
            "UPDATE left_out SET picture = 5 WHERE turn_id = 1",
            "turn 1: its picture 6 is left out for the model, and it",
        ),
        ("INSERT INTO drafts VALUES (NULL, '', '[{\"digest\": \"aa\"}]')", "its unsent message names a picture"),
        (
            "UPDATE images SET data = CAST(data || x'00' AS BLOB) WHERE rowid = 1",
            ": its bytes have changed: a file that has them as they were brings them back",
        ),
        ("UPDATE images SET byte_count = 3 WHERE rowid = 1", ": is said to have 3 bytes, and has"),
        ("UPDATE images SET media_type = 'x' WHERE rowid = 1", ": is said to be x, and is image/png"),
        ("UPDATE images SET width = 9 WHERE rowid = 1", ": is said to be 9x6, and is 8x6"),
        ("UPDATE images SET data = 'text' WHERE rowid = 1", ": its bytes are none"),
        ("UPDATE images SET data = x'01' WHERE rowid = 1", ": cannot be shown: picture: is no PNG"),
        ("DELETE FROM images WHERE rowid = 1", "turn 1: parts.image_digest names"),
        ("DELETE FROM environments", "turn 2: generations.environment_id names 1, which is not in environments"),
        (
            "CREATE TRIGGER theirs AFTER INSERT ON turns BEGIN DELETE FROM parts; END",
            "the trigger theirs is not of this program",
        ),
    ],
)
def test_what_is_wrong_is_named_with_its_place_and_left_as_it_is(path: Path, statement: str, expected: str) -> None:
    change(path, statement)
    before = dumped(path)
    lines = [difference.line for difference in found_in(path) if not difference.is_repaired]
    assert any(expected in line for line in lines), lines
    if not re.search(
        "SET (role|kind|text =)|DELETE FROM (parts|generations|images)|turn_id = 1 WHERE turn_id = 2", statement
    ):
        # Those take with them what is counted and looked for.
        assert dumped(path) == before


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("UPDATE sessions SET turn_count = 9 WHERE number = 1", "its turns are counted as 9, and it is 2"),
        ("UPDATE sessions SET image_count = 0 WHERE number = 1", "its pictures are counted as 0, and it is 1"),
        ("UPDATE sessions SET checkpoint = '' WHERE number = 1", "its checkpoint is said to be none, and it is shapes"),
        ("UPDATE sessions SET number = NULL WHERE number = 1", "it has no number of its own"),
        ("UPDATE sessions SET number = -5 WHERE number = 1", "it has no number of its own"),
        ("DROP TRIGGER turn_counted", "the trigger turn_counted is not there"),
        ("DROP INDEX turns_of_session", "the index turns_of_session is not there"),
        ("DROP TABLE likenesses", "the table likenesses is not there"),
        ("UPDATE likenesses SET hash = 'zz'", "what pictures look like is kept so that it cannot be compared: 2"),
        ("UPDATE likenesses SET image_digest = rowid", "what pictures look like is kept of some that are not there: 2"),
        ("DELETE FROM words_data", "the index of words is damaged"),
        ("DELETE FROM words_data WHERE id > 100", "the index of words is damaged"),
        ("DELETE FROM words_config", "the index of words is damaged"),
        ("DROP TABLE words_config", "the index of words is damaged"),
        ("DROP TABLE words", "the index of words is not made as it should be"),
        ("INSERT INTO words (words) VALUES ('delete-all')", "turn 1: is not in the index of words"),
        ("INSERT INTO words (words) VALUES ('delete-all')", "its title is not in the index of words"),
        ("INSERT INTO words (rowid, text) VALUES (77, 'gone')", "turn 77: is in the index of words"),
        ("INSERT INTO words (rowid, text) VALUES (-77, 'gone')", "the title of session number 77, which is not there"),
        ("UPDATE parts SET text = 'A green rectangle' WHERE turn_id = 2", "the index of words does not agree"),
        ("UPDATE sessions SET title = 'Other' WHERE number = 2", "the index of words does not agree"),
    ],
)
def test_what_follows_from_the_rest_is_made_anew_and_told(path: Path, statement: str, expected: str) -> None:
    change(path, statement)
    found = found_in(path)
    assert any(expected in difference.line for difference in found), found
    assert all(difference.is_repaired and difference.line.endswith("(repaired)") for difference in found)
    assert found_in(path) == []
    assert integrity(path) == "ok"
    with open_store(path) as store:
        assert store.search(parse_query("triangle")).count == (1 if "rectangle" in statement else 2)
        assert all(summary.turn_count for summary in store.sessions())


def test_an_index_of_words_that_does_not_find_what_it_holds_is_made_anew(path: Path) -> None:
    with open_store(path) as store:
        # So many that it has more than one page.
        store.new_session(title="".join(map(chr, range(0x4E00, 0x4E00 + 2_000))))
    change(path, "DELETE FROM words_idx")
    assert [difference.line for difference in found_in(path)] == [
        "the database: the index of words does not find all that it holds (repaired)"
    ]
    with open_store(path) as store:
        assert store.search(parse_query("triangle")).count == 2


def test_what_cannot_be_repaired_now_is_told_all_the_same(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    change(path, "UPDATE sessions SET turn_count = 9", "INSERT INTO words (rowid, text) VALUES (77, 'gone')")
    monkeypatch.setattr("chat.store.connection.BUSY_S", 0.05)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        found = found_in(path)
        assert [difference.line.partition("(")[2] for difference in found] == [
            "not repaired: is locked by another program: close that one, or try again)"
        ] * 3
        other.execute("ROLLBACK")
    assert [difference.is_repaired for difference in found_in(path)] == [True] * 3


def test_a_damaged_file_is_told_and_nothing_is_repaired(path: Path) -> None:
    change(path, "UPDATE sessions SET turn_count = 9")
    whole = path.read_bytes()
    with closing(sqlite3.connect(path)) as connection:
        (page,) = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'turns_of_session'").fetchone()
    damaged = whole[: (page - 1) * 4096] + b"\xff" * 4096 + whole[page * 4096 :]
    path.write_bytes(damaged)
    *damage, last = found_in(path)
    assert all(difference.line.startswith("the database: the file is damaged: ") for difference in damage)
    assert "nothing was repaired" in last.line
    assert path.read_bytes() == damaged


def test_an_index_that_does_not_agree_with_its_table_is_made_anew(path: Path) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA writable_schema = ON")
        connection.execute(
            "UPDATE sqlite_master SET sql = replace(sql, '(session_id)', '(role)') WHERE name = 'turns_of_session'"
        )
    assert [difference.line for difference in found_in(path)] == [
        "the database: the index turns_of_session does not agree with its table (repaired)",
        "the database: the index turns_of_session is not as it should be (repaired)",
    ]
    assert found_in(path) == []


def test_what_is_wrong_with_the_index_of_words_is_no_damage_of_the_file() -> None:
    # As versions of SQLite say it that ask the index too.
    said = [("malformed inverted index for FTS5 table main.words",)]
    connection = cast(sqlite3.Connection, SimpleNamespace(execute=lambda _: said))
    assert list(file.differences(connection, lambda _: None)) == []
    said.append(("Tree 3 page 4: never used",))
    assert [is_damage for _, is_damage in file.differences(connection, lambda _: None)] == [True]


def test_the_number_of_each_session_is_its_own_and_an_index_says_so(path: Path) -> None:
    change(path, "DROP INDEX sessions_by_number", "UPDATE sessions SET number = 1")
    lines = [difference.line for difference in found_in(path)]
    assert "the index sessions_by_number is not there (not repaired: " in lines[0]
    assert sum("it has no number of its own (repaired)" in line for line in lines) == 2
    assert [difference.is_repaired for difference in found_in(path)] == [True]
    assert found_in(path) == []


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("DROP TABLE imports", "the table imports is lost"),
        ("ALTER TABLE turns DROP COLUMN is_example", "the table turns has lost its is_example"),
    ],
)
def test_without_a_table_or_a_column_no_more_is_looked_at(path: Path, statement: str, expected: str) -> None:
    change(path, statement)
    assert [difference.words for difference in found_in(path)] == [expected, NO_MORE]


def test_a_value_that_the_tables_refuse_is_no_damage(path: Path) -> None:
    change(path, "UPDATE sessions SET turn_count = 9", "UPDATE parts SET kind = 'sound' WHERE turn_id = 2")
    lines = [difference.line for difference in found_in(path)]
    assert lines[0].startswith("session ")
    words = ", turn 2: a row of parts holds a value that may not be: its rule is kind IN ('text', 'image')"
    assert lines[0].endswith(words)
    assert "the database: a row" not in "".join(lines)
    assert any("turns are counted as 9" in line for line in lines)


def test_of_many_differences_of_one_kind_the_first_are_told(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chat.store.checks.rows.MOST", 2)
    change(path, "UPDATE generations SET settings = ''")
    lines = [difference.line for difference in found_in(path)]
    assert [line.rpartition(":")[2] for line in lines] == [
        " its settings cannot be read",
        " its settings cannot be read",
        " there are more than these 2 of the last kind",
    ]


def test_a_check_that_is_stopped_reads_no_further(path: Path) -> None:
    change(path, "UPDATE generations SET settings = ''", "UPDATE images SET width = 9")
    stop, told = threading.Event(), []

    def tell(words: str) -> None:
        told.append(words)
        if words.startswith("counting"):
            stop.set()

    # A statement that is running is broken off.
    with suppress(StoreError):
        list(Check(path, tell, stop).differences())
    assert not any("pictures, 1" in words for words in told)
