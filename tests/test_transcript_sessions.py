"""A session is exported and imported as it was, and an imported one goes on."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings

from chat.conversation import Conversation, Role, assistant_turn, user_turn
from chat.errors import StoreError
from chat.generation import Reply, StopReason
from chat.records import StoredTurn
from chat.session import conversation_of
from chat.session_files import export_session, import_transcript
from chat.store import SqliteStore, open_store
from chat.transcript import UNKNOWN_GENERATION, Transcript
from tests.transcripts import BLUE, GENERATION, RED, TALK, WHEN, transcripts


def without_times(transcript: Transcript) -> Transcript:
    return replace(transcript, turns=tuple(replace(stored, created_at="") for stored in transcript.turns))


@pytest.fixture
def store(tmp_path: Path) -> Any:
    with open_store(tmp_path / "sessions.db") as opened:
        yield opened


def test_an_imported_session_is_exported_as_it_was(store: SqliteStore) -> None:
    exported = export_session(store, import_transcript(store, TALK))
    assert without_times(exported) == without_times(TALK)
    assert [image.read() for image in exported.images] == [RED.read(), BLUE.read()]


def test_any_session_is_imported_as_it_was_exported(store: SqliteStore) -> None:
    @settings(max_examples=25, deadline=None)
    @given(transcripts())
    def check(transcript: Transcript) -> None:
        exported = export_session(store, import_transcript(store, transcript))
        again = export_session(store, import_transcript(store, exported))
        assert without_times(again) == without_times(exported)
        assert [stored.turn for stored in exported.turns] == [stored.turn for stored in transcript.turns]

    check()


def test_a_message_without_a_reply_survives_export_and_import(store: SqliteStore) -> None:
    session_id = store.new_session(title="Alone")
    for text in ("One", "Two"):
        store.add_user_turn(session_id, user_turn(text))
    exported = export_session(store, session_id)
    assert [stored.turn for stored in exported.turns] == [user_turn("One"), assistant_turn(""), user_turn("Two")]
    again = import_transcript(store, exported)
    assert [stored.turn.text for stored in store.turns(again)] == ["One", "Two"]
    assert without_times(export_session(store, again)) == without_times(exported)


def test_a_reply_of_unknown_origin_is_kept(store: SqliteStore) -> None:
    turns = (StoredTurn(1, user_turn("Hello"), "", None), StoredTurn(2, assistant_turn("Hello!"), "", None))
    kept = store.turns(import_transcript(store, Transcript(turns=turns)))[1]
    assert (kept.turn.text, kept.generation) == ("Hello!", UNKNOWN_GENERATION)


def test_an_import_that_fails_leaves_no_session(store: SqliteStore) -> None:
    broken = replace(RED, digest="0" * 64)
    turns = (*TALK.turns[:4], StoredTurn(5, user_turn(broken), WHEN, None))
    with pytest.raises(StoreError):
        import_transcript(store, Transcript(turns=turns))
    assert store.sessions() == []


def test_an_imported_conversation_goes_on(store: SqliteStore) -> None:
    session_id = import_transcript(store, TALK)
    turn_id = store.open_reply(store.turns(session_id)[-1].id, GENERATION.facts, GENERATION.settings)
    store.close_reply(turn_id, Reply("Yes.", (7,), StopReason.EOS, 1, 0, None, 0.1, 0.2))
    conversation = conversation_of(store.turns(session_id), facts=GENERATION.facts)
    assert isinstance(conversation, Conversation)
    assert [turn.token_ids for turn in conversation.turns if turn.role is Role.ASSISTANT] == [(319, 2654), (), ()]
