"""The part of a session that is shown beside the list."""

from pathlib import Path

from chat.conversation import user_turn
from chat.store import open_store
from chat.talk.excerpt import excerpt_of


def test_without_words_the_turn_that_is_named_is_what_was_found(tmp_path: Path) -> None:
    with open_store(tmp_path / "sessions.db") as store:
        session_id = store.new_session()
        ids = [store.add_user_turn(session_id, user_turn(words)) for words in ("One", "Two", "Three")]
        found = excerpt_of(store, session_id, (), ids[1])
        assert [stored.turn.text for stored, _ in found.turns] == ["Two", "Three"]
        assert (found.turn_id, found.number, found.count) == (ids[1], 1, 1)
        first = excerpt_of(store, session_id, ())
        assert [stored.turn.text for stored, _ in first.turns] == ["One", "Two"]
        assert (first.turn_id, first.count) == (None, 0)
