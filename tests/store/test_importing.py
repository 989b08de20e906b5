"""What is brought in twice is there once, and what has grown since gets what it lacks."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from chat.conversation import Turn, assistant_turn, user_turn
from chat.errors import InputError, StoreError
from chat.records import Imported, LeftOut, StoredTurn
from chat.search import parse_query
from chat.store import SqliteStore, open_store, whole
from chat.store.connection import connect
from chat.transcript import PlacedTurn, Transcript
from chat.transcript.alternation import LEFT_OUT
from tests.store.samples import COMPUTED, FACTS, SETTINGS, choice, dump, execute, integrity, picture, reply


@pytest.fixture
def elsewhere(path: Path) -> Iterator[SqliteStore]:
    """The store of another machine."""
    with open_store(path.with_name("elsewhere.db")) as opened:
        yield opened


def say(store: SqliteStore, session_id: str, asked: str, said: str) -> tuple[int, int]:
    """An exchange at the end of the shown branch; gives the ids of message and reply."""
    message = store.add_user_turn(session_id, user_turn(asked))
    turn_id = store.open_reply(message, COMPUTED, SETTINGS)
    store.close_reply(turn_id, reply(said))
    return message, turn_id


def begun(store: SqliteStore) -> str:
    """A session of one exchange; gives its id."""
    session_id = store.new_session()
    say(store, session_id, "One?", "1.")
    return session_id


def bring(store: SqliteStore, transcript: Transcript) -> Imported:
    (imported,) = store.import_sessions([transcript])
    return imported


def shape(store: SqliteStore, session_id: str) -> list[tuple[int | None, str]]:
    """What each turn follows, by number, and what it says."""
    return [(placed.after, placed.stored.turn.text) for placed in store.export(session_id).tree]


def test_the_same_again_is_not_made_twice(store: SqliteStore, elsewhere: SqliteStore, path: Path) -> None:
    transcript = elsewhere.export(begun(elsewhere))
    assert bring(store, transcript) == Imported(transcript.session_id, is_new=True)
    before = dump(path)
    assert bring(store, transcript) == Imported(transcript.session_id, is_new=False)
    assert dump(path) == before
    twice = store.import_sessions([replace(transcript, session_id=""), replace(transcript, session_id="")])
    assert [imported.is_new for imported in twice] == [True, False]
    assert twice[0].session_id == twice[1].session_id != transcript.session_id
    assert len(store.sessions()) == 2


def test_the_same_again_brings_back_a_picture_that_was_lost(
    store: SqliteStore, elsewhere: SqliteStore, path: Path
) -> None:
    session_id = elsewhere.new_session()
    elsewhere.add_user_turn(session_id, user_turn("What is it?", picture()))
    transcript = elsewhere.export(session_id)
    bring(store, transcript)
    execute(path, "PRAGMA foreign_keys = OFF", "DELETE FROM images")
    with pytest.raises(StoreError):
        store.turns(session_id)[0].turn.images[0].read()
    assert not bring(store, transcript).is_new
    assert store.turns(session_id)[0].turn.images[0].read() == picture().read()


def test_what_was_deleted_since_is_brought_back(store: SqliteStore, elsewhere: SqliteStore) -> None:
    transcript = elsewhere.export(begun(elsewhere))
    session_id = bring(store, transcript).session_id
    for again in (transcript, replace(transcript, title="Of another document")):
        store.delete_session(session_id)
        assert bring(store, again) == Imported(session_id, is_new=False, was_deleted=True)
        assert [session.id for session in store.sessions()] == [session_id]


def test_a_session_of_this_store_is_itself(store: SqliteStore) -> None:
    session_id = begun(store)
    transcript = store.export(session_id)
    say(store, session_id, "Two?", "2.")
    store.rename_session(session_id, "Renamed since")
    before = store.export(session_id)
    assert bring(store, transcript) == Imported(session_id, is_new=False)
    assert store.export(session_id) == before
    assert len(store.sessions()) == 1


def test_a_session_that_has_grown_since_gets_what_it_lacks(
    store: SqliteStore, elsewhere: SqliteStore, path: Path
) -> None:
    session_id = begun(elsewhere)
    bring(store, elsewhere.export(session_id))
    message, turn_id = say(elsewhere, session_id, "Two?", "2.")
    elsewhere.add_version(message, user_turn("Or three?", picture()))
    elsewhere.add_choice(session_id, choice(turn_id, picture(b"other")))
    elsewhere.leave_out(session_id, LeftOut(frozenset({message})))
    elsewhere.rename_session(session_id, "Counting")
    grown = elsewhere.export(session_id)
    assert bring(store, grown) == Imported(session_id, is_new=False, added_turns=3)
    assert store.export(session_id) == grown
    assert [stored.turn.text for stored in store.turns(session_id)] == ["One?", "1.", "Or three?"]
    assert store.search(parse_query("or three")).count == store.search(parse_query("counting")).count == 1
    assert bring(store, grown) == Imported(session_id, is_new=False)
    assert integrity(path) == "ok"


def test_a_session_that_went_on_here_and_there_has_both_and_stays_as_it_is_shown(
    store: SqliteStore, elsewhere: SqliteStore
) -> None:
    session_id = begun(elsewhere)
    bring(store, elsewhere.export(session_id))
    say(elsewhere, session_id, "There?", "Yes.")
    there = elsewhere.export(session_id)
    say(store, session_id, "Here?", "No.")
    assert bring(store, there).added_turns == 2
    assert shape(store, session_id) == [
        (None, "One?"),
        (1, "1."),
        (2, "Here?"),
        (3, "No."),
        (2, "There?"),
        (5, "Yes."),
    ]
    assert [stored.turn.text for stored in store.turns(session_id)] == ["One?", "1.", "Here?", "No."]


def test_the_same_said_twice_is_there_twice(store: SqliteStore, elsewhere: SqliteStore) -> None:
    session_id = begun(elsewhere)
    message = elsewhere.turns(session_id)[0].id
    bring(store, elsewhere.export(session_id))
    elsewhere.close_reply(elsewhere.open_reply(message, COMPUTED, SETTINGS), reply("1."))
    assert bring(store, elsewhere.export(session_id)).added_turns == 1
    assert shape(store, session_id) == [(None, "One?"), (1, "1."), (1, "1.")]


def test_of_turns_without_a_time_each_is_found_once(store: SqliteStore) -> None:
    turns = [StoredTurn(1, user_turn("One?"), "", None)]
    replies = [PlacedTurn(1, StoredTurn(number, assistant_turn("1."), "", None)) for number in (2, 3, 4)]
    talks = [Transcript(turns=tuple(turns), others=tuple(replies[:count]), session_id="their-1") for count in (2, 2, 3)]
    assert [imported.added_turns for imported in store.import_sessions(talks)] == [0, 0, 1]
    (session,) = store.sessions()
    assert shape(store, session.id) == [(None, "One?"), (1, "1."), (1, "1."), (1, "1.")]


def test_a_reply_that_nothing_ended_is_found_though_it_is_not_in_the_index(
    store: SqliteStore, elsewhere: SqliteStore, path: Path
) -> None:
    session_id = begun(elsewhere)
    turn_id = elsewhere.open_reply(elsewhere.add_user_turn(session_id, user_turn("Two?")), FACTS, SETTINGS)
    elsewhere.save_reply(turn_id, "A blue squ", [1])
    bring(store, elsewhere.export(session_id))
    assert store.search(parse_query("blue squ")).count == 1
    with closing(connect(path)) as connection:
        assert not connection.execute("SELECT rowid FROM words WHERE words MATCH 'squ'").fetchall()


def test_a_reply_that_was_being_written_is_not_made_twice(store: SqliteStore, elsewhere: SqliteStore) -> None:
    session_id = elsewhere.new_session()
    turn_id = elsewhere.open_reply(elsewhere.add_user_turn(session_id, user_turn("One?")), FACTS, SETTINGS)
    elsewhere.save_reply(turn_id, "On", [1])
    early = elsewhere.export(session_id)
    elsewhere.close_reply(turn_id, reply("One."))
    bring(store, elsewhere.export(session_id))
    assert bring(store, early) == Imported(session_id, is_new=False)
    assert shape(store, session_id) == [(None, "One?"), (1, "One.")]


def test_a_reply_that_was_cut_off_is_ended_when_it_comes_as_a_whole(
    store: SqliteStore, elsewhere: SqliteStore, path: Path
) -> None:
    session_id = elsewhere.new_session()
    turn_id = elsewhere.open_reply(elsewhere.add_user_turn(session_id, user_turn("One?")), COMPUTED, SETTINGS)
    elsewhere.save_reply(turn_id, "Thir", [1])
    bring(store, elsewhere.export(session_id))
    elsewhere.close_reply(turn_id, reply("Thirteen."))
    say(elsewhere, session_id, "Two?", "2.")
    whole = elsewhere.export(session_id)
    assert bring(store, whole) == Imported(session_id, is_new=False, added_turns=2)
    assert store.export(session_id) == whole
    assert store.search(parse_query("thirteen")).count == 1
    assert integrity(path) == "ok"


def test_what_goes_on_without_a_time_is_shown_to_its_end(store: SqliteStore) -> None:
    said = [user_turn("One?"), assistant_turn("1."), user_turn("Two?"), assistant_turn("2.")]
    turns = tuple(StoredTurn(number, turn, "", None) for number, turn in enumerate(said, start=1))
    session_id = bring(store, Transcript(turns=turns[:2], session_id="their-1")).session_id
    assert bring(store, Transcript(turns=turns, session_id="their-1")).added_turns == 2
    assert [stored.turn.text for stored in store.turns(session_id)] == ["One?", "1.", "Two?", "2."]
    store.show_until(session_id, store.turns(session_id)[1].id)
    branched = Transcript(turns=(turns[0], replace(turns[1], turn=assistant_turn("I."))), session_id="their-1")
    assert bring(store, branched).added_turns == 1
    assert [stored.turn.text for stored in store.turns(session_id)] == ["One?", "1."]


def test_labels_that_were_ranked_at_no_known_time_are_found_once(store: SqliteStore) -> None:
    turns = (StoredTurn(1, user_turn("One?"), "", None), StoredTurn(2, user_turn("Two?"), "", None))
    ranked = Transcript(turns=turns[:1], choices=(choice(1), choice(1)), session_id="their-1")
    session_id = bring(store, ranked).session_id
    bring(store, replace(ranked, turns=turns, choices=(*ranked.choices, choice(2))))
    assert [one.turn_id for one in store.export(session_id).choices] == [1, 1, 2]
    bring(store, replace(ranked, choices=(*ranked.choices, choice(1))))
    assert [one.turn_id for one in store.export(session_id).choices] == [1, 1, 2, 1]


TIMES = [f"2026-11-21T02:3{minute}:00" for minute in range(6)]
SEEN = [user_turn("What?", picture()), assistant_turn("A cat."), user_turn(picture(b"dog")), assistant_turn("A dog.")]
LOST = [user_turn("What?"), SEEN[1], user_turn(LEFT_OUT), SEEN[3]]
LATER = [user_turn("Sure?"), assistant_turn("Yes.")]


def theirs(said: list[Turn]) -> Transcript:
    """A conversation of another program."""
    turns = (StoredTurn(*one, None) for one in zip(range(1, 7), said, TIMES, strict=False))
    return Transcript(turns=tuple(turns), session_id="their-1", updated_at=TIMES[len(said) - 1])


def test_a_conversation_of_another_program_that_lost_its_pictures_is_not_made_twice(store: SqliteStore) -> None:
    session_id = bring(store, theirs(SEEN)).session_id
    assert bring(store, theirs([*LOST, *LATER])) == Imported(session_id, is_new=False, added_turns=2)
    assert [stored.turn for stored in store.turns(session_id)] == [*SEEN, *LATER]
    assert bring(store, theirs([user_turn("What?", picture(b"owl")), *SEEN[1:]])).is_new


def test_pictures_that_another_program_found_again_come_back(store: SqliteStore, path: Path) -> None:
    session_id = bring(store, theirs(LOST)).session_id
    assert bring(store, theirs([*SEEN, *LATER])) == Imported(session_id, is_new=False, added_turns=2)
    assert [stored.turn for stored in store.turns(session_id)] == [*SEEN, *LATER]
    assert store.search(parse_query("what")).count == 1
    with closing(connect(path)) as connection:
        assert not connection.execute("SELECT rowid FROM words WHERE words MATCH '\"left out\"'").fetchall()
        connection.execute("INSERT INTO words (words) VALUES ('integrity-check')")
    assert integrity(path) == "ok"


def test_a_message_whose_picture_was_left_out_gets_what_is_known_of_it(store: SqliteStore) -> None:
    session_id = bring(store, theirs(LOST)).session_id
    transcript = replace(theirs(SEEN), missing=theirs(SEEN).images)
    for _ in range(2):
        assert bring(store, transcript) == Imported(session_id, is_new=False)
        assert [stored.turn for stored in store.turns(session_id)] == SEEN
        with pytest.raises(StoreError, match="no longer holds"):
            store.turns(session_id)[2].turn.images[0].read()
    assert bring(store, theirs([*SEEN, *LATER])) == Imported(session_id, is_new=False, added_turns=2)
    assert store.turns(session_id)[2].turn.images[0].read() == picture(b"dog").read()


def test_a_title_of_the_users_own_is_kept_and_taken(store: SqliteStore, elsewhere: SqliteStore) -> None:
    session_id = begun(elsewhere)
    bring(store, elsewhere.export(session_id))
    elsewhere.rename_session(session_id, "Theirs")
    bring(store, elsewhere.export(session_id))
    assert store.find_session(session_id).title == "Theirs"
    store.rename_session(session_id, "Ours")
    elsewhere.rename_session(session_id, "")
    say(elsewhere, session_id, "Two?", "2.")
    assert bring(store, elsewhere.export(session_id)).added_turns == 2
    assert store.find_session(session_id).title == "Ours"
    assert store.export(session_id).title_is_own


def test_marks_that_were_made_since_are_taken(store: SqliteStore, elsewhere: SqliteStore) -> None:
    session_id = begun(elsewhere)
    message = elsewhere.add_user_turn(session_id, user_turn("And this?", picture()))
    bring(store, elsewhere.export(session_id))
    elsewhere.mark_example(elsewhere.turns(session_id)[0].id, True)
    elsewhere.leave_out(session_id, LeftOut(frozenset({message}), frozenset({(message, 0)})))
    elsewhere.pin_session(session_id, True)
    marked = elsewhere.export(session_id)
    assert bring(store, marked) == Imported(session_id, is_new=False)
    assert store.export(session_id) == marked


def test_of_two_sets_of_marks_those_of_the_later_change_hold(store: SqliteStore, elsewhere: SqliteStore) -> None:
    session_id = begun(store)
    first = store.turns(session_id)[0].id
    store.mark_example(first, True)
    store.leave_out(session_id, LeftOut(frozenset({first})))
    ours = store.export(session_id)
    unmarked = replace(ours, turns=(replace(ours.turns[0], is_example=False), ours.turns[1]), left_out=LeftOut())
    bring(store, unmarked)
    bring(store, replace(unmarked, updated_at="2020-01-01"))
    bring(store, replace(unmarked, updated_at="2999-01-01", title_is_own=None))
    assert (store.turns(session_id)[0].is_example, store.export(session_id).left_out) == (True, ours.left_out)
    bring(store, replace(unmarked, updated_at="3000-01-01"))
    assert (store.turns(session_id)[0].is_example, store.export(session_id).left_out) == (False, LeftOut())


def test_an_id_that_another_session_has_is_not_taken_over(store: SqliteStore, elsewhere: SqliteStore) -> None:
    session_id = begun(store)
    other = replace(elsewhere.export(begun(elsewhere)), session_id=session_id)
    before = store.export(session_id)
    imported = bring(store, other)
    assert imported.is_new
    assert imported.session_id != session_id
    assert store.export(session_id) == before
    # From then on it is known where that one comes from.
    *_, last = other.turns
    grown = replace(other, turns=(*other.turns, replace(other.turns[0], id=last.id + 1)))
    assert bring(store, grown) == Imported(imported.session_id, is_new=False, added_turns=1)


@pytest.mark.parametrize("name", ["", "ABCDEFGH", "abc", "a" * 9, "../../ab", "\x1b]0;x\x07", "\ud800", "0f00b4r1"])
def test_an_id_that_no_session_can_have_is_not_kept(
    name: str, store: SqliteStore, elsewhere: SqliteStore, path: Path
) -> None:
    imported = bring(store, replace(elsewhere.export(begun(elsewhere)), session_id=name))
    assert imported.session_id != name
    assert store.find_session(imported.session_id).turn_count == 2


def test_a_session_that_was_spoiled_by_hand_is_told_when_it_comes_again(
    store: SqliteStore, elsewhere: SqliteStore, path: Path
) -> None:
    transcript = elsewhere.export(begun(elsewhere))
    bring(store, transcript)
    execute(path, "UPDATE generations SET token_ids = '{}'")
    with pytest.raises(StoreError, match="holds a value that is not understood"):
        bring(store, replace(transcript, title="Another"))


def test_while_sessions_are_brought_in_others_write(
    store: SqliteStore, elsewhere: SqliteStore, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(whole, "TURNS_AT_ONCE", 1)
    transcript = elsewhere.export(begun(elsewhere))
    image = picture()

    with open_store(path, wait_s=0) as other:

        def look() -> bytes:
            other.new_session(title="While a picture is read")
            return image.read()

        def read() -> Iterator[Transcript]:
            yield transcript
            assert other.find_session(transcript.session_id).turn_count == 2
            other.new_session(title="While a file is read")
            turns = (StoredTurn(1, user_turn(replace(image, read=look)), "", None),)
            yield Transcript(turns=turns)

        store.import_sessions(read())
    assert {session.title for session in store.sessions()} == {
        "One?",
        "Picture cat.png",
        "While a file is read",
        "While a picture is read",
    }


def test_what_was_kept_stays_where_a_later_conversation_cannot_be_read(
    store: SqliteStore, elsewhere: SqliteStore, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(whole, "TURNS_AT_ONCE", 4)
    talks = [elsewhere.export(begun(elsewhere)) for _ in range(3)]
    told: list[Imported] = []

    def read() -> Iterator[Transcript]:
        yield from talks
        raise InputError("line 4 is cut off")

    with pytest.raises(InputError, match="line 4"):
        store.import_sessions(read(), told.extend)
    assert [one.session_id for one in told] == [talk.session_id for talk in talks[:2]]
    assert {session.id for session in store.sessions()} == {talk.session_id for talk in talks[:2]}
    assert [one.is_new for one in store.import_sessions(talks)] == [False, False, True]
    assert integrity(path) == "ok"
