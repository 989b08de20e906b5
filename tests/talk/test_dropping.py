"""What the model is not shown, in words."""

from chat.conversation import user_turn
from chat.records import LeftOut, StoredTurn
from chat.talk.dropping import drop, dropped_in_words
from chat.talk.said import SaidSession
from tests.store.samples import picture

SEEN = "The model sees everything that was said."


def _session() -> SaidSession:
    session = SaidSession()
    session.turns = [StoredTurn(1, user_turn(picture(), "One?"), "", None)]
    return session


def test_a_picture_that_is_left_out_in_another_branch_is_not_told_of() -> None:
    session = _session()
    session.not_shown = LeftOut(pictures=frozenset({(9, 0)}))
    assert dropped_in_words(session) == SEEN
    drop(session, "[1]")
    assert "does not see 1 picture whose words it sees" in dropped_in_words(session)
    drop(session, "0")
    assert dropped_in_words(session) == SEEN
    assert session.not_shown == LeftOut(pictures=frozenset({(9, 0)}))


def test_a_picture_of_a_message_that_is_left_out_too_is_told_of_once() -> None:
    session = _session()
    drop(session, "[1]")
    drop(session, "1")
    assert "picture whose words" not in dropped_in_words(session)
    assert "the oldest message with its reply and pictures" in dropped_in_words(session)
