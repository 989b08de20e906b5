import re
from collections.abc import Callable
from pathlib import Path

import pytest

from chat.conversation import Text, Turn, user_turn
from chat.errors import UnknownSessionError
from chat.generation import CheckpointFacts
from chat.requests import CAPTION_REQUEST, STORY_REQUEST
from chat.search import Query
from chat.session import SessionStore
from chat.store import SqliteStore, ids, open_store, sessions
from chat.store.titles import LONGEST, title_of
from tests.store.samples import FACTS, SETTINGS, picture, reopened, reply


def test_the_store_is_what_a_session_asks_for(path: Path) -> None:
    with open_store(path) as opened:
        store: SessionStore = opened
        assert store.latest_session() is None


def test_a_session_is_there_after_the_store_was_opened_again(store: SqliteStore, path: Path) -> None:
    session_id = store.new_session(system="Be brief.", title="Cats")
    with reopened(store, path) as again:
        found = again.find_session(session_id)
    assert (found.id, found.title, found.system) == (session_id, "Cats", "Be brief.")
    assert (found.turn_count, found.image_count, found.checkpoint) == (0, 0, "")
    assert found.created_at == found.updated_at
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+00:00", found.created_at)


def test_a_summary_counts_turns_and_pictures_and_names_the_newest_checkpoint(store: SqliteStore) -> None:
    session_id = store.new_session()
    other = store.new_session()
    message = store.add_user_turn(session_id, user_turn(picture(), "and", picture(b"other")))
    store.close_reply(store.open_reply(message, FACTS, SETTINGS), reply())
    message = store.add_user_turn(session_id, user_turn(picture()))
    store.open_reply(message, CheckpointFacts("hub/newest"), SETTINGS)
    found = store.find_session(session_id)
    assert (found.turn_count, found.image_count, found.checkpoint) == (4, 3, "hub/newest")
    assert store.find_session(other).turn_count == 0


def test_ids_are_eight_characters_that_can_be_typed(store: SqliteStore) -> None:
    found = {store.new_session() for _ in range(20)}
    assert len(found) == 20
    assert all(re.fullmatch("[a-z2-7]{8}", session_id) for session_id in found)


def test_an_id_that_is_taken_is_not_given_again(store: SqliteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = iter(["aaaaaaaa", "aaaaaaaa", "aaaaaaaa", "bbbbbbbb"])
    monkeypatch.setattr(ids, "random_id", lambda: next(drawn))
    assert [store.new_session(), store.new_session()] == ["aaaaaaaa", "bbbbbbbb"]


@pytest.fixture
def three_sessions(store: SqliteStore, monkeypatch: pytest.MonkeyPatch) -> SqliteStore:
    drawn = iter(["abcd2345", "abce2345", "zzzz2345"])
    monkeypatch.setattr(ids, "random_id", lambda: next(drawn))
    for _ in range(3):
        store.new_session()
    return store


@pytest.mark.parametrize(("given", "found"), [("z", "zzzz2345"), ("ABCD", "abcd2345"), ("abce2345", "abce2345")])
def test_a_beginning_that_only_one_id_has_finds_it(three_sessions: SqliteStore, given: str, found: str) -> None:
    assert three_sessions.find_session(given).id == found


@pytest.mark.parametrize("given", ["", "x", "zzzz23455", "*", "?bcd", "[a-z]", "%", "'", "z\0", "z\n", "\ud800", "ß"])
def test_an_unknown_id_is_named_with_the_way_to_find_one(three_sessions: SqliteStore, given: str) -> None:
    with pytest.raises(UnknownSessionError) as caught:
        three_sessions.find_session(given)
    assert str(caught.value) == f"no session {given!r}: idefics-chat sessions list shows them"


def test_a_beginning_that_two_ids_have_is_refused(three_sessions: SqliteStore) -> None:
    with pytest.raises(UnknownSessionError, match=r"more than one session begins with 'abc'.*sessions list shows them"):
        three_sessions.find_session("abc")


def test_a_deleted_session_makes_a_beginning_unique_again(three_sessions: SqliteStore) -> None:
    three_sessions.delete_session("abcd2345")
    assert three_sessions.find_session("abc").id == "abce2345"


def test_what_changed_last_comes_first(store: SqliteStore) -> None:
    first, second, third = (store.new_session() for _ in range(3))
    assert [found.id for found in store.sessions()] == [third, second, first]
    message = store.add_user_turn(first, user_turn("hi"))
    assert [found.id for found in store.sessions()] == [first, third, second]
    store.set_system(second, "Be brief.")
    turn_id = store.open_reply(message, FACTS, SETTINGS)
    store.set_system(third, "Be brief.")
    assert [found.id for found in store.sessions()] == [third, first, second]
    store.close_reply(turn_id, reply())
    latest = store.latest_session()
    assert latest is not None
    assert latest.id == first


def test_of_two_sessions_of_one_moment_the_later_made_comes_first(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sessions, "now", lambda: "2026-01-01T00:00:00.000000+00:00")
    made = [store.new_session() for _ in range(4)]
    assert [found.id for found in store.sessions()] == made[::-1]


def test_a_new_title_and_a_restored_session_do_not_change_the_order(store: SqliteStore) -> None:
    first, second = store.new_session(), store.new_session()
    store.rename_session(first, "Cats")
    store.delete_session(first)
    store.restore_session(first)
    assert [found.id for found in store.sessions()] == [second, first]


def test_the_list_comes_in_pages(store: SqliteStore) -> None:
    made = [store.new_session() for _ in range(5)]
    pages = [[found.id for found in store.sessions(limit=2, offset=offset)] for offset in (0, 2, 4, 6)]
    assert pages == [[made[4], made[3]], [made[2], made[1]], [made[0]], []]


def test_a_deleted_session_is_out_of_sight_until_it_is_restored(store: SqliteStore, path: Path) -> None:
    session_id = store.new_session()
    store.add_user_turn(session_id, user_turn("hi"))
    store.delete_session(session_id)
    assert list(store.sessions()) == []
    assert store.latest_session() is None
    with pytest.raises(UnknownSessionError):
        store.find_session(session_id)
    with reopened(store, path) as again:
        again.restore_session(session_id)
        assert again.find_session(session_id).turn_count == 1
        assert again.turns(session_id)[0].turn.text == "hi"


def test_a_window_that_still_shows_a_deleted_session_loses_nothing(store: SqliteStore) -> None:
    session_id = store.new_session()
    store.delete_session(session_id)
    store.add_user_turn(session_id, user_turn("hi"))
    assert list(store.sessions()) == []
    store.restore_session(session_id)
    assert [stored.turn.text for stored in store.turns(session_id)] == ["hi"]


@pytest.mark.parametrize("session_id", ["aaaaaaaa", "\ud800", ""])
def test_every_method_refuses_a_session_that_is_not_there(store: SqliteStore, session_id: str) -> None:
    calls: list[Callable[[], object]] = [
        lambda: store.rename_session(session_id, "Cats"),
        lambda: store.rename_session(session_id, ""),
        lambda: store.delete_session(session_id),
        lambda: store.restore_session(session_id),
        lambda: store.set_system(session_id, "Be brief."),
        lambda: store.turns(session_id),
        lambda: store.add_user_turn(session_id, user_turn("hi", picture())),
        lambda: store.save_draft(session_id, store.draft(None)),
        lambda: store.draft(session_id),
    ]
    for call in calls:
        with pytest.raises(UnknownSessionError, match="sessions list shows them"):
            call()
    assert list(store.sessions()) == []


@pytest.mark.parametrize(
    ("turn", "title"),
    [
        (user_turn("What is it?"), "What is it?"),
        (user_turn("\n  \n  What\t is  it?  \nTell me more."), "What is it?"),
        (user_turn(picture(), Text("What is it?")), "What is it?"),
        (user_turn(picture(name="cat.png"), picture(b"2", "dog.png")), "Picture cat.png"),
        (user_turn(picture(name="cat.png"), Text(" \n ")), "Picture cat.png"),
        (user_turn(picture(name="")), "Picture"),
        (user_turn(Text(" \n"), picture(name="cat.png")), "Picture cat.png"),
        (user_turn("What is in", picture()), "What is in"),
        (user_turn(Text("What is in "), picture()), "What is in [1]"),
        (
            user_turn(Text("What is in "), picture(), Text(" and in "), picture(b"2"), Text("?")),
            "What is in [1] and in [2]?",
        ),
        (user_turn(picture(name="a" * 90)), "Picture…"),
        (user_turn("a" * 60), "a" * 60),
        (user_turn("a" * 61), "a" * 59 + "…"),
        (user_turn("word " * 12), ("word " * 12).strip()),
        (user_turn("word " * 13), ("word " * 11) + "word…"),
        (user_turn("a" * 59 + " b c"), "a" * 59 + "…"),
        (user_turn("a" * 58 + " b c"), "a" * 58 + "…"),
    ],
)
def test_a_title_is_the_first_line_of_the_message(turn: Turn, title: str) -> None:
    assert title_of(turn) == title
    assert len(title) <= LONGEST


def test_a_session_without_a_title_takes_that_of_its_first_message(store: SqliteStore) -> None:
    session_id = store.new_session(title="  ")
    assert store.find_session(session_id).title == ""
    store.add_user_turn(session_id, user_turn("What is it?"))
    store.add_user_turn(session_id, user_turn("Hello?"))
    assert store.find_session(session_id).title == "What is it?"


def test_a_title_of_the_users_own_stays(store: SqliteStore) -> None:
    given, renamed = store.new_session(title=" Cats\n"), store.new_session()
    store.rename_session(renamed, "Dogs")
    for session_id in (given, renamed):
        store.add_user_turn(session_id, user_turn("What is it?"))
    assert [store.find_session(session_id).title for session_id in (given, renamed)] == [" Cats\n", "Dogs"]


def test_a_blank_title_gives_back_the_one_of_the_first_message(store: SqliteStore) -> None:
    session_id = store.new_session(title="Cats")
    store.rename_session(session_id, " ")
    assert store.find_session(session_id).title == ""
    store.add_user_turn(session_id, user_turn("What is it?"))
    store.add_user_turn(session_id, user_turn("Hello?"))
    store.rename_session(session_id, "Dogs")
    store.rename_session(session_id, "")
    assert store.find_session(session_id).title == "What is it?"


@pytest.mark.parametrize(
    ("message", "said", "title"),
    [
        (user_turn(picture(name="cat.png")), "\n Two  cats.\nAnd a dog.", "Two cats."),
        (user_turn(picture(name="cat.png")), " \n", "Picture cat.png"),
        (user_turn(picture(name="cat.png"), CAPTION_REQUEST), "Two cats.", "Two cats."),
        (user_turn(CAPTION_REQUEST), "", CAPTION_REQUEST),
        (user_turn(picture(), STORY_REQUEST), "Once upon a time.", "Once upon a time."),
        (user_turn(picture(), "What is it?"), "Two cats.", "What is it?"),
    ],
)
def test_a_message_that_says_nothing_of_its_own_leaves_the_title_to_the_reply(
    store: SqliteStore, message: Turn, said: str, title: str
) -> None:
    session_id = store.new_session()
    turn_id = store.open_reply(store.add_user_turn(session_id, message), FACTS, SETTINGS)
    store.close_reply(turn_id, reply(said))
    second = store.open_reply(store.add_user_turn(session_id, user_turn("And?")), FACTS, SETTINGS)
    store.close_reply(second, reply("Nothing else."))
    assert store.find_session(session_id).title == title
    assert store.search(Query((title,))).count == 1
    store.rename_session(session_id, "Mine")
    store.rename_session(session_id, "")
    assert store.find_session(session_id).title == title


def test_the_reply_leaves_a_title_of_the_users_own(store: SqliteStore) -> None:
    session_id = store.new_session()
    turn_id = store.open_reply(store.add_user_turn(session_id, user_turn(picture(name="cat.png"))), FACTS, SETTINGS)
    store.rename_session(session_id, "Picture cat.png")
    store.close_reply(turn_id, reply("Two cats."))
    assert store.find_session(session_id).title == "Picture cat.png"
