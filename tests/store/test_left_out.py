"""What the model is not shown is kept with the session, apart from what was said."""

from pathlib import Path

import pytest

from chat.conversation import user_turn
from chat.errors import UnknownSessionError
from chat.records import LeftOut
from chat.session_files import export_session
from chat.store import SqliteStore, open_store
from tests.store.samples import FACTS, SETTINGS, execute, picture, reply


def _exchange(store: SqliteStore, session_id: str, text: str) -> int:
    message = store.add_user_turn(session_id, user_turn(picture(), picture(b"other"), text))
    store.close_reply(store.open_reply(message, FACTS, SETTINGS), reply())
    return message


def test_what_is_left_out_is_kept_for_whoever_opens_the_session_again(store: SqliteStore, path: Path) -> None:
    session_id = store.new_session()
    first, second = _exchange(store, session_id, "one"), _exchange(store, session_id, "two")
    left = LeftOut(frozenset({first}), frozenset({(second, 1)}))
    store.leave_out(session_id, left)
    with open_store(path) as opened:
        assert opened.left_out(session_id) == left
        opened.leave_out(session_id, LeftOut())
    assert store.left_out(session_id) == LeftOut()


def test_a_session_keeps_its_own_alone(store: SqliteStore) -> None:
    one, other = store.new_session(), store.new_session()
    message, foreign = _exchange(store, one, "one"), _exchange(store, other, "two")
    store.leave_out(other, LeftOut(frozenset({foreign})))
    store.leave_out(one, LeftOut(frozenset({message, foreign, 999})))
    assert store.left_out(one) == LeftOut(frozenset({message}))
    store.leave_out(one, LeftOut())
    assert store.left_out(other) == LeftOut(frozenset({foreign}))


def test_it_goes_with_its_turn_and_takes_nothing_from_an_export(store: SqliteStore, path: Path) -> None:
    session_id = store.new_session()
    message = _exchange(store, session_id, "one")
    store.leave_out(session_id, LeftOut(frozenset({message}), frozenset({(message, 0)})))
    transcript = export_session(store, session_id)
    assert [len(stored.turn.images) for stored in transcript.turns] == [2, 0]
    assert transcript.turns[0].turn.text == "one"
    execute(path, "PRAGMA foreign_keys = ON", f"DELETE FROM sessions WHERE id = '{session_id}'")
    with pytest.raises(UnknownSessionError):
        store.left_out(session_id)


def test_a_session_that_is_not_there_is_told(store: SqliteStore) -> None:
    with pytest.raises(UnknownSessionError):
        store.leave_out("0" * 32, LeftOut())
    with pytest.raises(UnknownSessionError):
        store.left_out("0" * 32)
