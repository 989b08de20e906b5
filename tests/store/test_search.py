"""Sessions are found by what their titles and turns say, whatever is done to them."""

from pathlib import Path

import pytest

from chat.conversation import Text, user_turn
from chat.errors import UnknownSessionError
from chat.generation import CheckpointFacts
from chat.search import parse_query
from chat.session_files import export_session
from chat.store import SqliteStore, open_store, search
from chat.summaries import FoundSessions
from tests.store.samples import FACTS, SETTINGS, execute, integrity, picture, reply


def talk(store: SqliteStore, *texts: str, title: str = "") -> str:
    """A session of messages and replies in turn; gives its id."""
    session_id = store.new_session(title=title)
    message = 0
    for number, text in enumerate(texts):
        if number % 2:
            store.close_reply(store.open_reply(message, FACTS, SETTINGS), reply(text))
        else:
            message = store.add_user_turn(session_id, user_turn(text))
    return session_id


def found(store: SqliteStore, words: str, *, limit: int = 200, offset: int = 0) -> list[str]:
    return [hit.summary.id for hit in store.search(parse_query(words), limit=limit, offset=offset).hits]


def snippets(page: FoundSessions) -> list[str]:
    return ["".join(f"«{piece.text}»" if piece.is_match else piece.text for piece in hit.snippet) for hit in page.hits]


def test_words_are_found_in_messages_and_replies_in_capitals_or_not(store: SqliteStore) -> None:
    triangle = talk(store, "Which shape is on the left?", "The green Triangle.")
    talk(store, "Hello")
    assert found(store, "TRIANGLE") == found(store, "shape left") == [triangle]
    assert found(store, "iangl") == [triangle]
    assert found(store, '"green triangle"') == [triangle]
    assert found(store, '"triangle green"') == found(store, "triangel") == []
    assert found(store, "shape triangle") == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("写真に猫がいる", "猫"),
        ("写真に猫がいる", "猫が"),
        ("写真に猫", "猫"),
        ("猫", "猫"),
        ("ЗЕЛЁНЫЙ треугольник", "зелёный"),
        ("ok", "ok"),
        ("Is it a B?", "b?"),
        ("x = 7", "7"),
        ("a\nb", "b"),
        ("Größe", "GRÖSSE".replace("SS", "ß")),
        ('say "hi" now', "now"),
        ("100% of_it", "0%"),
        ("lone \ud800 half", "half"),
        ("before\0after", "after"),
        ("smile 🙂!", "🙂"),
    ],
)
@pytest.mark.parametrize("read_first", [0, 5_000])
def test_any_part_of_a_word_in_any_language_is_found(
    store: SqliteStore, text: str, words: str, read_first: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "READ_FIRST", read_first)
    talk(store, "something else", "Entirely.")
    session_id = talk(store, text)
    assert found(store, words) == [session_id]


def test_a_short_word_beside_a_long_one_is_found_however_many_texts_have_the_long_one(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "READ_FIRST", 1)
    session_id = talk(store, "triangle x")
    for _ in range(3):
        talk(store, "triangle")
    assert found(store, "triangle x") == [session_id]


def test_what_was_found_is_shown_with_what_stands_around_it(store: SqliteStore) -> None:
    words = "one two three four five six seven eight nine ten eleven twelve "
    talk(store, f"{words * 2}a green\ntriangle, a Green one {words * 5}")
    (shown,) = snippets(store.search(parse_query("green triangle")))
    assert shown.startswith("…seven eight nine ten eleven twelve a «green» «triangle», a «Green» one one two")
    assert shown.endswith("…")


def test_of_a_session_the_newest_turn_is_shown_and_of_a_title_none(store: SqliteStore) -> None:
    session_id = talk(store, "A triangle?", "A triangle!", "Thanks.", title="My evaluation")
    turns = store.turns(session_id)
    (hit,) = store.search(parse_query("triangle")).hits
    assert hit.turn_id == turns[1].id
    (hit,) = store.search(parse_query("evaluation")).hits
    assert (hit.turn_id, hit.snippet) == (None, ())


def test_a_title_that_is_found_leads_to_the_turn_with_the_words(store: SqliteStore) -> None:
    talk(store, "A triangle?", title="triangle")
    (hit,) = store.search(parse_query("triangle")).hits
    assert hit.turn_id is not None


def test_no_turn_of_a_title_is_read_where_every_turn_with_the_words_is_known(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    session_id = store.new_session(title="A holiday")
    store.add_user_turn(session_id, user_turn("What is in the picture?"))
    monkeypatch.setattr(search, "TURN_IDS", "nothing that could be asked")
    (hit,) = store.search(parse_query("holiday")).hits
    assert (hit.summary.id, hit.turn_id) == (session_id, None)


def test_a_renamed_session_is_found_by_its_present_title(store: SqliteStore) -> None:
    session_id = talk(store, "Hello")
    store.rename_session(session_id, "Evaluation")
    assert found(store, "evaluation") == [session_id]
    store.rename_session(session_id, "Colours \ud800 of shapes")
    assert found(store, "evaluation") == []
    assert found(store, "colours shapes") == [session_id]
    store.rename_session(session_id, "")
    assert found(store, "colours") == []
    assert found(store, "hello") == [session_id]


def test_a_reply_is_found_while_it_is_written_and_when_it_is_whole(store: SqliteStore) -> None:
    session_id = store.new_session()
    message = store.add_user_turn(session_id, user_turn("Which?"))
    turn_id = store.open_reply(message, FACTS, SETTINGS)
    store.save_reply(turn_id, "A green tri", [1])
    store.save_reply(turn_id, "A green triangle and", [1, 2])
    assert found(store, "triangle") == [session_id]
    store.close_reply(turn_id, reply("A green circle."))
    assert found(store, "triangle") == []
    assert found(store, "circle") == [session_id]


def test_an_interrupted_reply_is_found(store: SqliteStore, path: Path) -> None:
    session_id = store.new_session()
    message = store.add_user_turn(session_id, user_turn("Which?"))
    store.save_reply(store.open_reply(message, FACTS, SETTINGS), "A triangle and", [1])
    store.close()
    with open_store(path) as again:
        assert found(again, "triangle") == [session_id]


def test_deleted_sessions_are_not_found_until_they_are_back(store: SqliteStore) -> None:
    session_id = talk(store, "A triangle?", title="Mine")
    store.delete_session(session_id)
    assert found(store, "triangle") == found(store, "mine") == found(store, "") == []
    store.restore_session(session_id)
    assert found(store, "triangle") == found(store, "mine") == found(store, "") == [session_id]


def test_an_imported_session_is_found(store: SqliteStore) -> None:
    session_id = talk(store, "A triangle?", "A green one.", title="Mine")
    imported = store.add_session(export_session(store, session_id))
    for words in ("triangle", "green one", "mine"):
        assert set(found(store, words)) == {imported, session_id}


def test_a_session_removed_by_hand_is_not_found(store: SqliteStore, path: Path) -> None:
    session_id = talk(store, "A triangle?", title="Mine")
    execute(path, f"UPDATE sessions SET head_turn_id = NULL WHERE id = '{session_id}'", "DELETE FROM sessions")
    assert found(store, "triangle") == found(store, "mine") == []
    assert integrity(path) == "ok"


def test_pinned_sessions_come_first_and_pins_change_no_other_order(store: SqliteStore) -> None:
    first, second, third = (talk(store, f"A triangle? {number}") for number in range(3))
    store.pin_session(first, True)
    assert [summary.id for summary in store.sessions()] == found(store, "triangle") == [first, third, second]
    assert [summary.is_pinned for summary in store.sessions()] == [True, False, False]
    latest = store.latest_session()
    assert latest is not None
    assert latest.id == third
    store.pin_session(first, False)
    assert [summary.id for summary in store.sessions()] == [third, second, first]


def test_two_windows_may_rename_pin_and_delete_the_same_session(store: SqliteStore, path: Path) -> None:
    session_id = talk(store, "Hello")
    with open_store(path) as other:
        store.rename_session(session_id, "One")
        other.rename_session(session_id, "Two")
        store.pin_session(session_id, True)
        other.delete_session(session_id)
        store.pin_session(session_id, False)
        store.rename_session(session_id, "Three")
        store.delete_session(session_id)
        other.restore_session(session_id)
        assert found(store, "three") == found(other, "three") == [session_id]
    for words in ("one", "two"):
        assert found(store, words) == []
    with pytest.raises(UnknownSessionError):
        store.pin_session("nowhere", True)


def test_filters_choose_sessions_with_words_and_without(store: SqliteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = talk(store, "A triangle?", "Yes.")
    shown = store.new_session()
    message = store.add_user_turn(shown, user_turn(picture(), Text("A triangle?")))
    store.open_reply(message, CheckpointFacts("Hub/SmolVLM"), SETTINGS)
    for few in (0, 200):
        monkeypatch.setattr(search, "FEW", few)
        for words in ("", "triangle", "t", "triangle ?"):
            assert found(store, f"{words} has:picture") == [shown]
            assert found(store, f"checkpoint:smol {words}") == [shown]
            assert found(store, f"{words} checkpoint:SHAPES") == [plain]
            assert found(store, f"{words} after:2020-01-01 before:2100-01-01") == [shown, plain]
            assert found(store, f"{words} before:2020-01-01") == found(store, f"{words} after:2100-01-01") == []
            assert found(store, f"{words} has:picture checkpoint:shapes") == []
    assert store.search(parse_query("has:picture")).count == 1
    assert store.search(parse_query("has:picture")).total == 2


def test_what_was_found_comes_in_pages_and_is_counted(store: SqliteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    made = [talk(store, f"A triangle, number {number}") for number in range(5)][::-1]
    pages = [found(store, "triangle", limit=2, offset=offset) for offset in (0, 2, 4, 6)]
    assert pages == [made[:2], made[2:4], made[4:], []]
    whole = store.search(parse_query("triangle"), limit=2)
    assert (whole.count, whole.is_cut, whole.total) == (5, False, 5)
    monkeypatch.setattr(search, "MOST", 2)
    cut = store.search(parse_query("number"), limit=2)
    assert ([hit.summary.id for hit in cut.hits], cut.count, cut.is_cut) == (made[:2], 2, True)
    assert found(store, "number", limit=5) == made


def test_no_more_is_gathered_for_a_page_than_some_pages(store: SqliteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "LEAST_PAGE", 1)
    made = [talk(store, f"A triangle, number {number}") for number in range(12)][::-1]
    first = store.search(parse_query("triangle"), limit=2)
    assert ([hit.summary.id for hit in first.hits], first.count, first.is_cut) == (made[:2], 10, True)
    assert found(store, "triangle", limit=2, offset=10) == made[10:]
    whole = store.search(parse_query("triangle"), limit=3)
    assert (whole.count, whole.is_cut) == (12, False)


def test_how_many_sessions_there_are_follows_every_change(store: SqliteStore, path: Path) -> None:
    def total() -> int:
        return store.search(parse_query("triangle")).total

    first = talk(store, "A triangle?")
    assert total() == total() == 1
    with open_store(path) as other:
        talk(other, "A star?")
        assert total() == 2
        other.delete_session(first)
        assert total() == 1
    store.restore_session(first)
    assert total() == 2


@pytest.mark.parametrize(
    "words", ['"', '""', "*", "a*b", "^x", "-x", "NEAR(", "words:x", "\ud800\ud800\ud800", "(x", "%"]
)
def test_nothing_typed_is_more_than_words(store: SqliteStore, words: str) -> None:
    session_id = talk(store, "Hello")
    assert found(store, words) in ([], [session_id])


def test_saving_a_reply_as_it_grows_leaves_the_index_alone(store: SqliteStore, path: Path) -> None:
    session_id = store.new_session()
    turn_id = store.open_reply(store.add_user_turn(session_id, user_turn("Which?")), FACTS, SETTINGS)

    def size() -> object:
        with open_store(path) as other, other._database.reading() as connection:
            return [tuple(row) for row in connection.execute("SELECT id, block FROM words_data")]

    before = size()
    store.save_reply(turn_id, "A green triangle", [1])
    assert size() == before
    store.close_reply(turn_id, reply("A green triangle."))
    assert size() != before


def test_an_id_finds_its_session_before_those_that_speak_of_it(store: SqliteStore) -> None:
    named = talk(store, "Hello")
    pinned = talk(store, f"Compare it with {named}.")
    store.pin_session(pinned, True)
    for typed in (named, named.upper(), f'"{named}"'):
        page = store.search(parse_query(typed))
        assert [(hit.summary.id, hit.is_named, hit.turn_id) for hit in page.hits] == [
            (named, True, None),
            (pinned, False, store.turns(pinned)[0].id),
        ]
        assert page.count == 2
    assert found(store, named, limit=1, offset=1) == [pinned]
    assert found(store, f"{named} compare") == [pinned]
    assert found(store, f"has:picture {named}") == []
    store.delete_session(named)
    assert found(store, named) == [pinned]


def test_the_beginning_of_an_id_finds_it_where_nothing_says_so(store: SqliteStore, path: Path) -> None:
    first, second = talk(store, "Hello"), talk(store, "Hello again")
    execute(
        path,
        "PRAGMA foreign_keys = OFF",
        *(
            f"UPDATE {table} SET {column} = '{new}' WHERE {column} = '{old}'"
            for old, new in ((first, "pqrsabcd"), (second, "pqrsxyz2"))
            for table, column in (("sessions", "id"), ("turns", "session_id"))
        ),
    )
    assert found(store, "pqrs") == found(store, "pqr") == []
    assert found(store, "pqrsa") == ["pqrsabcd"]
    assert found(store, "PQRSX") == ["pqrsxyz2"]
    store.rename_session("pqrsxyz2", "About pqrsa")
    assert found(store, "pqrsa") == ["pqrsxyz2"]
    assert store.find_session("pqrsa").id == "pqrsabcd"


@pytest.mark.parametrize("typed", ['"', '""', "   ", ""])
def test_what_says_nothing_looks_for_nothing(store: SqliteStore, typed: str) -> None:
    assert not parse_query(typed)


@pytest.mark.parametrize(
    "typed", ["-", "*", '"*', "cat*", "-cat", "cat OR dog", "NEAR(cat", "^cat", "text:cat", "%", "🐈"]
)
def test_signs_of_a_query_language_are_text_like_any_other(store: SqliteStore, typed: str) -> None:
    talk(store, "A cat and a d0g.")
    assert found(store, typed) == []
    signs = talk(store, f"Say {typed}, please.")
    assert found(store, typed) == [signs]
