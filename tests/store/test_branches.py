"""Branches: nothing is overwritten, one branch is shown, and whoever adds to a session sees what it follows."""

from pathlib import Path

import pytest

from chat.conversation import Role, user_turn
from chat.errors import InvalidTurnError, StoreError, UnknownSessionError
from chat.generation import GenerationSettings, StopReason
from chat.session_files import export_session
from chat.store import SqliteStore, open_store
from tests.store.samples import FACTS, SETTINGS, choice, execute, picture, reopened, reply


def say(store: SqliteStore, session_id: str, asked: str, said: str) -> tuple[int, int]:
    """An exchange at the end of the shown branch; gives the ids of message and reply."""
    message = store.add_user_turn(session_id, user_turn(asked))
    return message, answer(store, message, said)


def answer(store: SqliteStore, message: int, said: str, *, shows: bool = False) -> int:
    turn_id = store.open_reply(message, FACTS, SETTINGS, shows)
    store.close_reply(turn_id, reply(said))
    return turn_id


def shown(store: SqliteStore, session_id: str) -> list[str]:
    return [stored.turn.text for stored in store.turns(session_id)]


def test_an_edited_message_stands_beside_the_one_before_and_is_shown(
    store: SqliteStore, session_id: str, path: Path
) -> None:
    first, _ = say(store, session_id, "One?", "1.")
    second, _ = say(store, session_id, "Two?", "2.")
    edited = store.add_version(second, user_turn(picture(), "Two then?"))
    with reopened(store, path) as again:
        assert shown(again, session_id) == ["One?", "1.", "Two then?"]
        assert again.turns(session_id)[-1].turn.images == (picture(),)
        assert again.versions(session_id) == [(second, edited)]
        root = again.add_version(first, user_turn("Uno?"))
        assert shown(again, session_id) == ["Uno?"]
        assert again.versions(session_id) == [(first, root), (second, edited)]
        again.show_branch(session_id, second)
        assert shown(again, session_id) == ["One?", "1.", "Two?", "2."]


def test_another_reply_stands_beside_the_one_before_and_is_shown_where_asked(
    store: SqliteStore, session_id: str, path: Path
) -> None:
    message, one = say(store, session_id, "One?", "1.")
    say(store, session_id, "Two?", "2.")
    two = answer(store, message, "I.", shows=True)
    with reopened(store, path) as again:
        assert shown(again, session_id) == ["One?", "I."]
        assert again.versions(session_id) == [(one, two)]
        three = answer(again, message, "Unus.")
        assert shown(again, session_id) == ["One?", "I."]
        assert again.versions(session_id) == [(one, two, three)]


def test_a_branch_is_shown_up_to_the_newest_turn_that_follows(store: SqliteStore, session_id: str) -> None:
    message, one = say(store, session_id, "One?", "1.")
    second, _ = say(store, session_id, "Two?", "2.")
    newest = answer(store, store.add_version(second, user_turn("Two then?")), "II.")
    two = answer(store, message, "I.", shows=True)
    store.show_branch(session_id, one)
    assert shown(store, session_id) == ["One?", "1.", "Two then?", "II."]
    store.show_branch(session_id, two)
    assert shown(store, session_id) == ["One?", "I."]
    store.show_branch(session_id, newest)
    assert shown(store, session_id)[-1] == "II."


def test_the_last_turns_can_be_hidden_and_shown_again(store: SqliteStore, session_id: str, path: Path) -> None:
    _, one = say(store, session_id, "One?", "1.")
    second, two = say(store, session_id, "Two?", "2.")
    store.show_until(session_id, one)
    with reopened(store, path) as again:
        assert shown(again, session_id) == ["One?", "1."]
        third = again.add_user_turn(session_id, user_turn("Three?"))
        assert shown(again, session_id) == ["One?", "1.", "Three?"]
        assert again.versions(session_id) == [(second, third)]
        again.show_until(session_id, two)
        assert shown(again, session_id) == ["One?", "1.", "Two?", "2."]


def test_a_session_whose_every_turn_is_hidden_begins_anew_beside_them(store: SqliteStore, session_id: str) -> None:
    first, _ = say(store, session_id, "One?", "1.")
    store.show_until(session_id, None)
    assert store.turns(session_id) == []
    assert store.choices(session_id) == []
    other = store.add_user_turn(session_id, user_turn("Uno?"))
    assert shown(store, session_id) == ["Uno?"]
    assert store.versions(session_id) == [(first, other)]
    assert store.find_session(session_id).title == "One?"


def test_a_message_follows_what_others_have_added_to_the_branch_it_is_written_for(
    store: SqliteStore, session_id: str, path: Path
) -> None:
    _, one = say(store, session_id, "One?", "1.")
    with open_store(path) as other_window:
        say(other_window, session_id, "Meanwhile?", "Yes.")
    store.add_user_turn(session_id, user_turn("Two?"), one)
    assert shown(store, session_id) == ["One?", "1.", "Meanwhile?", "Yes.", "Two?"]


def test_a_further_reply_of_others_comes_before_a_message(store: SqliteStore, session_id: str, path: Path) -> None:
    message, one = say(store, session_id, "One?", "1.")
    with open_store(path) as other_window:
        answer(other_window, message, "I.", shows=True)
    store.add_user_turn(session_id, user_turn("Two?"), one)
    assert shown(store, session_id) == ["One?", "I.", "Two?"]


def test_a_message_follows_what_its_writer_sees_where_another_branch_is_shown_by_now(
    store: SqliteStore, session_id: str, path: Path
) -> None:
    _, one = say(store, session_id, "One?", "1.")
    second, two = say(store, session_id, "Two?", "2.")
    with open_store(path) as other_window:
        other_window.show_until(session_id, one)
    store.add_user_turn(session_id, user_turn("Three?"), two)
    assert shown(store, session_id) == ["One?", "1.", "Two?", "2.", "Three?"]
    with open_store(path) as other_window:
        say(other_window, session_id, "Four?", "4.")
        other_window.add_version(second, user_turn("Two then?"))
    store.add_user_turn(session_id, user_turn("Five?"), two)
    assert shown(store, session_id) == ["One?", "1.", "Two?", "2.", "Five?"]


def test_the_tree_has_every_turn_in_short(store: SqliteStore, session_id: str, path: Path) -> None:
    message = store.add_user_turn(session_id, user_turn(picture(), "One?", picture(b"two")))
    cut = store.open_reply(message, FACTS, GenerationSettings(seed=8))
    store.close_reply(cut, reply("x" * 500, stop_reason=StopReason.CANCELLED))
    open_one = store.open_reply(message, FACTS, GenerationSettings())
    odd = store.add_version(message, user_turn("\ud800" + "é" * 300))
    picture_alone = store.add_user_turn(session_id, user_turn(picture()))
    other = store.new_session()
    store.add_user_turn(other, user_turn("elsewhere"))
    with reopened(store, path) as again:
        nodes = again.tree(session_id)
    assert [(node.id, node.parent_id, node.role) for node in nodes] == [
        (message, None, Role.USER),
        (cut, message, Role.ASSISTANT),
        (open_one, message, Role.ASSISTANT),
        (odd, None, Role.USER),
        (picture_alone, odd, Role.USER),
    ]
    assert [node.words for node in nodes] == ["One?", "x" * 200, "", "\ud800" + "é" * 300, ""]
    assert [node.image_count for node in nodes] == [2, 0, 0, 0, 1]
    assert [(node.seed, node.stop_reason, node.checkpoint) for node in nodes[:3]] == [
        (None, None, ""),
        (11, StopReason.CANCELLED, "shapes"),
        (None, None, "shapes"),
    ]
    assert [node.id for node in nodes if node.is_shown] == [odd, picture_alone]
    assert all(node.created_at for node in nodes)


def test_choices_are_those_of_the_shown_branch(store: SqliteStore, session_id: str) -> None:
    message, one = say(store, session_id, "One?", "1.")
    store.add_choice(session_id, choice(one))
    two = answer(store, message, "I.", shows=True)
    store.add_choice(session_id, choice(two))
    for turn_id, said in [(two, "I."), (one, "1.")]:
        store.show_branch(session_id, turn_id)
        assert [found.turn_id for found in store.choices(session_id)] == [turn_id]
        transcript = export_session(store, session_id)
        assert [stored.turn.text for stored in transcript.turns] == ["One?", said]
        assert [found.turn_id for found in transcript.choices] == [2, 3]


def test_what_is_not_there_is_refused_and_nothing_changes(store: SqliteStore, session_id: str) -> None:
    message, one = say(store, session_id, "One?", "1.")
    other = store.new_session()
    elsewhere = store.add_user_turn(other, user_turn("elsewhere"))
    for act in (
        lambda: store.show_until(session_id, elsewhere),
        lambda: store.show_branch(session_id, elsewhere),
        lambda: store.add_user_turn(session_id, user_turn("x"), elsewhere),
        lambda: store.add_version(one, user_turn("x")),
        lambda: store.add_version(9999, user_turn("x")),
    ):
        with pytest.raises(StoreError):
            act()
    with pytest.raises(InvalidTurnError):
        store.add_version(message, store.turns(session_id)[1].turn)
    for ask in (store.versions, store.tree, lambda one: store.show_until(one, None)):
        with pytest.raises(UnknownSessionError):
            ask("0" * 12)
    assert len(store.tree(session_id)) == 2
    assert shown(store, session_id) == ["One?", "1."]


def test_a_version_is_kept_whole_or_not_at_all(store: SqliteStore, session_id: str, path: Path) -> None:
    message, _ = say(store, session_id, "One?", "1.")
    execute(path, "CREATE TRIGGER stop BEFORE INSERT ON parts BEGIN SELECT RAISE(ABORT, 'stopped'); END")
    with pytest.raises(StoreError, match="stopped"):
        store.add_version(message, user_turn(picture(), "Uno?"))
    execute(path, "DROP TRIGGER stop")
    assert len(store.tree(session_id)) == 2
    assert shown(store, session_id) == ["One?", "1."]


def test_the_order_in_which_sessions_changed_stays_as_one_looks_at_branches(
    store: SqliteStore, session_id: str
) -> None:
    message, one = say(store, session_id, "One?", "1.")
    other = store.new_session()
    store.show_branch(session_id, one)
    store.show_until(session_id, message)
    assert [summary.id for summary in store.sessions()] == [other, session_id]
