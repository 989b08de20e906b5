import json
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chat.conversation import Image, Part, Role, Text, Turn, assistant_turn, user_turn
from chat.drafts import Draft
from chat.errors import InvalidTurnError, StoreError
from chat.generation import CheckpointFacts, GenerationSettings, StopReason
from chat.session import conversation_of
from chat.store import SqliteStore, open_store
from tests.store.samples import FACTS, SETTINGS, count, execute, picture, refuse, reopened, reply

ANY_TEXT = st.text(st.characters(exclude_categories=()), min_size=1, max_size=30)
PICTURES = st.builds(picture, st.binary(max_size=3), ANY_TEXT)


def is_a_turn(parts: list[Part]) -> bool:
    try:
        Turn(Role.USER, tuple(parts))
    except InvalidTurnError:
        return False
    return True


USER_TURNS = (
    st.lists(ANY_TEXT.map(Text) | PICTURES, min_size=1, max_size=4)
    .filter(is_a_turn)
    .map(lambda parts: Turn(Role.USER, tuple(parts)))
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(turns=st.lists(USER_TURNS, min_size=1, max_size=3), said=ANY_TEXT, system=ANY_TEXT, title=ANY_TEXT)
def test_whatever_is_said_comes_back_exactly(path: Path, turns: list[Turn], said: str, system: str, title: str) -> None:
    with open_store(path) as store:
        session_id = store.new_session(system=system, title=title)
        ids = [store.add_user_turn(session_id, turn) for turn in turns]
        ids.append(store.open_reply(ids[-1], CheckpointFacts(said, revision=said), SETTINGS))
        store.save_reply(ids[-1], said, (1, 2))
    with open_store(path) as store:
        stored = store.turns(session_id)
        summary = store.find_session(session_id)
    assert [(found.id, found.turn) for found in stored] == list(zip(ids, [*turns, assistant_turn(said)], strict=True))
    given_images = [image for turn in turns for image in turn.images]
    found_images = [image for found in stored for image in found.turn.images]
    assert [(image.name, image.read()) for image in found_images] == [(i.name, i.read()) for i in given_images]
    assert (summary.system, summary.checkpoint) == (system, said)
    assert summary.title == title or not title.strip()
    assert stored[-1].generation is not None
    assert (stored[-1].generation.facts.name, stored[-1].generation.facts.revision) == (said, said)


@pytest.mark.parametrize("text", ["a\0b", "\ud800", "\ud83d\ude00 apart", "\ufeffa", "a\r\nb\r", "\u2028", "<image>"])
def test_odd_texts_come_back_exactly(store: SqliteStore, session_id: str, path: Path, text: str) -> None:
    store.add_user_turn(session_id, user_turn(f"{text}?", picture(name=text)))
    store.set_system(session_id, text)
    store.rename_session(session_id, text + "!")
    store.save_draft(session_id, Draft(text, (picture(name=text),)))
    with reopened(store, path) as again:
        (stored,) = again.turns(session_id)
        assert stored.turn.text == f"{text}?"
        assert stored.turn.images[0].name == text
        assert again.find_session(session_id).system == text
        assert again.find_session(session_id).title == text + "!"
        assert again.draft(session_id).text == text
        assert again.draft(session_id).images[0].name == text


def test_messages_without_a_reply_may_follow_each_other(store: SqliteStore, session_id: str) -> None:
    store.add_user_turn(session_id, user_turn("Hello?"))
    store.add_user_turn(session_id, user_turn("Anybody?"))
    stored = store.turns(session_id)
    assert [found.turn.text for found in stored] == ["Hello?", "Anybody?"]
    assert [found.generation for found in stored] == [None, None]
    assert len(conversation_of(stored).turns) == 3


def test_turns_are_a_tree_that_is_walked_from_the_head(store: SqliteStore, session_id: str, path: Path) -> None:
    first = store.add_user_turn(session_id, user_turn("first"))
    store.add_user_turn(session_id, user_turn("left out"))
    execute(path, f"UPDATE sessions SET head_turn_id = {first}")
    last = store.add_user_turn(session_id, user_turn("other branch"))
    assert [(found.id, found.turn.text) for found in store.turns(session_id)] == [
        (first, "first"),
        (last, "other branch"),
    ]


def test_turns_of_two_sessions_stay_apart(store: SqliteStore, session_id: str) -> None:
    other = store.new_session()
    for number in range(3):
        store.add_user_turn(session_id, user_turn(f"here {number}"))
        store.add_user_turn(other, user_turn(f"there {number}"))
    assert [found.turn.text for found in store.turns(session_id)] == ["here 0", "here 1", "here 2"]


def test_only_a_users_turn_is_added_as_such(store: SqliteStore, session_id: str) -> None:
    with pytest.raises(InvalidTurnError, match="added as a reply"):
        store.add_user_turn(session_id, assistant_turn("hi"))


def test_a_message_is_kept_whole_or_not_at_all(store: SqliteStore, session_id: str, path: Path) -> None:
    broken = Image(picture(b"broken").digest, 1, 1, "broken.png", refuse("gone"))
    with pytest.raises(OSError, match="gone"):
        store.add_user_turn(session_id, user_turn(picture(), "and", broken))
    execute(path, "CREATE TRIGGER stop BEFORE INSERT ON parts BEGIN SELECT RAISE(ABORT, 'stopped'); END")
    with pytest.raises(StoreError, match="stopped"):
        store.add_user_turn(session_id, user_turn(picture(), "and more"))
    execute(path, "DROP TRIGGER stop")
    assert (count(path, "images"), count(path, "turns")) == (0, 0)
    assert store.find_session(session_id).title == ""
    store.add_user_turn(session_id, user_turn("now it works"))


def test_an_opened_reply_is_empty_and_interrupted(store: SqliteStore, session_id: str, path: Path) -> None:
    message = store.add_user_turn(session_id, user_turn("hi"))
    turn_id = store.open_reply(message, FACTS, SETTINGS)
    with reopened(store, path) as again:
        stored = again.turns(session_id)[-1]
    assert (stored.id, stored.turn) == (turn_id, assistant_turn(""))
    assert stored.generation is not None
    assert stored.generation.is_interrupted
    assert (stored.generation.facts, stored.generation.settings) == (FACTS, SETTINGS)
    assert stored.generation.token_ids == ()
    assert stored.generation.seed == SETTINGS.seed


def test_a_saved_reply_keeps_what_was_said_so_far(store: SqliteStore, session_id: str, path: Path) -> None:
    message = store.add_user_turn(session_id, user_turn("hi"))
    turn_id = store.open_reply(message, FACTS, SETTINGS)
    store.save_reply(turn_id, "Two", [5])
    store.save_reply(turn_id, "Two cats", [5, 6])
    with open_store(path) as other_window:
        stored = other_window.turns(session_id)[-1]
    assert stored.turn.text == "Two cats"
    assert stored.generation is not None
    assert (stored.generation.token_ids, stored.generation.is_interrupted) == ((5, 6), True)


@pytest.mark.parametrize("stop_reason", StopReason)
def test_a_closed_reply_keeps_how_it_ended(store: SqliteStore, session_id: str, stop_reason: StopReason) -> None:
    message = store.add_user_turn(session_id, user_turn("hi"))
    turn_id = store.open_reply(message, FACTS, SETTINGS)
    ended = reply(stop_reason=stop_reason)
    store.save_reply(turn_id, "Two", [5])
    store.close_reply(turn_id, ended)
    stored = store.turns(session_id)[-1]
    kept = stored.generation
    assert kept is not None
    assert kept.reply(stored.turn.text) == ended
    assert (kept.facts, kept.settings) == (FACTS, SETTINGS)


def test_a_reply_may_end_without_a_word(store: SqliteStore, session_id: str) -> None:
    message = store.add_user_turn(session_id, user_turn("hi"))
    turn_id = store.open_reply(message, FACTS, SETTINGS)
    store.save_reply(turn_id, "Two", [5])
    store.close_reply(turn_id, reply(""))
    assert store.turns(session_id)[-1].turn == assistant_turn("")


def test_nothing_late_changes_a_closed_reply(store: SqliteStore, session_id: str) -> None:
    message = store.add_user_turn(session_id, user_turn("hi"))
    turn_id = store.open_reply(message, FACTS, SETTINGS)
    store.close_reply(turn_id, reply("Two cats."))
    before = store.turns(session_id)
    for unchangeable in (turn_id, message, 99):
        with pytest.raises(StoreError, match=f"turn {unchangeable} is not a reply being written"):
            store.save_reply(unchangeable, "Two", [5])
        with pytest.raises(StoreError, match=f"turn {unchangeable} is not a reply being written"):
            store.close_reply(unchangeable, reply("Two"))
    assert store.turns(session_id) == before


def test_a_reply_answers_a_message(store: SqliteStore, session_id: str, path: Path) -> None:
    message = store.add_user_turn(session_id, user_turn("hi"))
    said = store.open_reply(message, FACTS, SETTINGS)
    for other in (said, 99):
        with pytest.raises(StoreError, match=f"turn {other} is not a message that can be replied to"):
            store.open_reply(other, FACTS, SETTINGS)
    assert count(path, "turns") == 2


def test_a_reply_stays_with_its_message_when_another_came_meanwhile(store: SqliteStore, session_id: str) -> None:
    first = store.add_user_turn(session_id, user_turn("One?"))
    second = store.add_user_turn(session_id, user_turn("Two?"))
    late = store.open_reply(first, FACTS, SETTINGS)
    store.close_reply(late, reply("One."))
    shown = store.open_reply(second, FACTS, SETTINGS)
    store.close_reply(shown, reply("Two."))
    assert [stored.id for stored in store.turns(session_id)] == [first, second, shown]
    assert [stored.turn.text for stored in store.turns(session_id, late)] == ["One?", "One."]
    assert [stored.id for stored in store.turns(session_id, second)] == [first, second]
    assert store.turns(store.new_session(), late) == []


def test_settings_of_another_version_are_read(store: SqliteStore, session_id: str, path: Path) -> None:
    message = store.add_user_turn(session_id, user_turn("hi"))
    store.open_reply(message, FACTS, SETTINGS)
    other = json.dumps({"max_new_tokens": 9, "min_p": 0.5})
    execute(path, f"UPDATE generations SET settings = '{other}'")
    kept = store.turns(session_id)[-1].generation
    assert kept is not None
    assert kept.settings == GenerationSettings(max_new_tokens=9)


@pytest.mark.parametrize("column", ["stop_reason = 'bored'", "settings = '{'", "token_ids = '1'"])
def test_a_value_that_is_not_understood_is_an_error_of_the_file(
    store: SqliteStore, session_id: str, path: Path, column: str
) -> None:
    message = store.add_user_turn(session_id, user_turn("hi"))
    store.open_reply(message, FACTS, SETTINGS)
    execute(path, f"UPDATE generations SET {column}")
    with pytest.raises(
        StoreError,
        match=f"session {session_id} holds a value that is not understood .*: `idefics-chat sessions check` tells",
    ):
        store.turns(session_id)
    store.add_user_turn(session_id, user_turn("the store still works"))


def test_a_draft_is_kept_for_each_session_and_for_the_one_not_begun(
    store: SqliteStore, session_id: str, path: Path
) -> None:
    drafts = {session_id: Draft("here", (picture(), picture(b"2", "b.png"))), None: Draft("not begun")}
    for owner, draft in drafts.items():
        store.save_draft(owner, Draft("to be replaced", (picture(b"3"),)))
        store.save_draft(owner, draft)
    with reopened(store, path) as again:
        assert {owner: again.draft(owner) for owner in drafts} == drafts
        assert [image.read() for image in again.draft(session_id).images] == [picture().read(), b"2"]
        assert again.draft(again.new_session()) == Draft()
        again.save_draft(session_id, Draft())
        assert again.draft(session_id) == Draft()
        assert again.draft(None) == Draft("not begun")
    assert count(path, "drafts") == 1


def test_a_draft_leaves_out_a_picture_that_was_taken_away_by_hand(store: SqliteStore, path: Path) -> None:
    store.save_draft(None, Draft("here", (picture(), picture(b"2"))))
    execute(path, f"DELETE FROM images WHERE digest = '{picture().digest}'")
    assert store.draft(None) == Draft("here", (picture(b"2"),))


def test_what_was_deleted_or_overwritten_is_not_left_in_the_files(
    store: SqliteStore, session_id: str, path: Path
) -> None:
    store.save_draft(session_id, Draft("a secret to be found"))
    assert b"a secret to be found" in path.read_bytes()
    store.save_draft(session_id, Draft())
    store.close()
    assert [name for name in os.listdir(path.parent) if b"secret" in (path.parent / name).read_bytes()] == []
