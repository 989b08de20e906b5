"""A session that somebody spoiled by hand is told, and keeps nobody from the others."""

from pathlib import Path

import pytest

from chat.conversation import user_turn
from chat.drafts import Draft
from chat.errors import StoreError
from chat.search import parse_query
from chat.store import SqliteStore, open_store
from tests.store.damage import change, found_in
from tests.store.samples import FACTS, SETTINGS, choice, drawn, reply

GARBLED = "CAST(x'66ff' AS TEXT)"


@pytest.fixture
def sound_id(store: SqliteStore) -> str:
    return _talk(store, "A sound one")


@pytest.fixture
def spoiled_id(store: SqliteStore, sound_id: str) -> str:
    return _talk(store, "A spoiled one")


def _talk(store: SqliteStore, text: str) -> str:
    session_id = store.new_session(system="Be brief.")
    message = store.add_user_turn(session_id, user_turn(drawn(), text))
    store.close_reply(store.open_reply(message, FACTS, SETTINGS), reply("Two cats."))
    store.add_choice(session_id, choice(message))
    return session_id


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("updated_at", "x'ff00'"),
        ("updated_at", "'soon'"),
        ("created_at", GARBLED),
        ("title", "x'ff00'"),
        ("title", GARBLED),
        ("system", GARBLED),
        ("checkpoint", "x'ff'"),
        ("turn_count", "'many'"),
        ("image_count", "2.5"),
    ],
)
def test_a_spoiled_row_is_listed_and_told_and_the_rest_is_found(
    store: SqliteStore, path: Path, sound_id: str, spoiled_id: str, column: str, value: str
) -> None:
    change(path, f"UPDATE sessions SET {column} = {value} WHERE id = '{spoiled_id}'")
    listed = {session.id: session for session in store.sessions()}
    assert set(listed) == {sound_id, spoiled_id}
    assert listed[spoiled_id].problem.startswith(f"{column}: ")
    assert not listed[sound_id].problem
    for words in ("wo", "two cats"):
        assert {hit.summary.id for hit in store.search(parse_query(words)).hits} == {sound_id, spoiled_id}
    problem = f"session {spoiled_id} holds a value that is not understood .*: `idefics-chat sessions check` tells what"
    with pytest.raises(StoreError, match=problem):
        store.find_session(spoiled_id)
    assert store.find_session(sound_id).title == "A sound one"
    assert spoiled_id in {difference.session_id for difference in found_in(path)}
    store.delete_session(store.session_id(spoiled_id[:7]))
    assert [session.id for session in store.sessions()] == [sound_id]


def test_a_session_whose_time_is_none_is_not_the_latest(store: SqliteStore, path: Path, spoiled_id: str) -> None:
    latest = store.latest_session()
    assert latest is not None and latest.id == spoiled_id
    change(path, f"UPDATE sessions SET updated_at = x'ff' WHERE id = '{spoiled_id}'")
    latest = store.latest_session()
    assert latest is not None and latest.title == "A sound one"


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE parts SET kind = 'sound' WHERE turn_id = {reply}",
        f"UPDATE parts SET text = {GARBLED} WHERE turn_id = {{reply}}",
        "UPDATE parts SET text = '' WHERE turn_id = {reply}",
        "UPDATE turns SET parent_id = {reply} WHERE id = {message}",
        "UPDATE turns SET parent_id = NULL WHERE id = {reply}",
        "UPDATE turns SET created_at = x'ff' WHERE id = {reply}",
        "UPDATE turns SET created_at = 'soon' WHERE id = {reply}",
        "UPDATE sessions SET head_turn_id = 0 WHERE head_turn_id = {reply}",
        "UPDATE generations SET total_s = 9e999 WHERE turn_id = {reply}",
        "UPDATE generations SET finished_at = 'soon' WHERE turn_id = {reply}",
        "UPDATE generations SET settings = '[1]' WHERE turn_id = {reply}",
        "UPDATE generations SET settings = '{{\"temperature\": -1}}' WHERE turn_id = {reply}",
        "UPDATE generations SET token_ids = '[' WHERE turn_id = {reply}",
        "UPDATE generations SET prompt_tokens = 'many' WHERE turn_id = {reply}",
    ],
)
def test_a_spoiled_turn_is_an_error_that_names_its_session(
    store: SqliteStore, path: Path, sound_id: str, spoiled_id: str, damage: str
) -> None:
    message, spoken = (stored.id for stored in store.turns(spoiled_id))
    change(path, damage.format(message=message, reply=spoken))
    problem = f"session {spoiled_id} holds a value that is not understood .*: `idefics-chat sessions check` tells what"
    with pytest.raises(StoreError, match=problem):
        store.turns(spoiled_id)
    assert len(store.turns(sound_id)) == 2
    assert store.find_session(spoiled_id).title == "A spoiled one"
    assert spoiled_id in {difference.session_id for difference in found_in(path)} or "settings" in damage


@pytest.mark.parametrize(
    "damage",
    [
        "DELETE FROM choice_labels",
        "UPDATE choice_labels SET log_likelihood = 'likely'",
        "UPDATE choice_labels SET log_likelihood = -9e999",
        "UPDATE choices SET created_at = 'soon'",
        "UPDATE choices SET number = -1",
    ],
)
def test_labels_that_cannot_be_read_are_an_error_that_names_their_session(
    store: SqliteStore, path: Path, spoiled_id: str, damage: str
) -> None:
    change(path, damage)
    for read in (store.choices, store.export):
        with pytest.raises(StoreError, match=f"session {spoiled_id} holds a value that is not understood"):
            read(spoiled_id)
    assert len(store.turns(spoiled_id)) == 2


def test_token_ids_that_are_no_numbers_are_told_when_somebody_asks_for_them(
    store: SqliteStore, path: Path, spoiled_id: str
) -> None:
    change(path, "UPDATE generations SET token_ids = '[[1], \"a\", 3]'")
    generation = store.turns(spoiled_id)[1].generation
    assert generation is not None and len(generation.token_ids) == 3
    with pytest.raises(StoreError, match="the token ids of a reply are no numbers: `idefics-chat sessions check`"):
        list(generation.token_ids)


@pytest.mark.parametrize(
    ("column", "value", "text", "count"),
    [
        ("images", "'['", "Not sent", 0),
        ("images", "'[{\"name\": 1}]'", "Not sent", 0),
        ("images", "7", "Not sent", 0),
        ("text", GARBLED, "f\ufffd", 1),
        ("text", "x'66ff'", "f\ufffd", 1),
        ("text", "7", "7", 1),
    ],
)
def test_a_spoiled_draft_keeps_nobody_from_the_others(
    store: SqliteStore, path: Path, column: str, value: str, text: str, count: int
) -> None:
    store.save_draft(None, Draft("Not sent", (drawn(),)))
    change(path, f"UPDATE drafts SET {column} = {value}")
    draft = store.draft(None)
    assert (draft.text, len(draft.images)) == (text, count)


def test_a_title_that_was_changed_by_hand_sends_to_the_check_which_mends_it(path: Path) -> None:
    with open_store(path) as store:
        session_id = _talk(store, "A spoiled one")
        change(path, "UPDATE sessions SET title = hex(zeroblob(2000))")
        with pytest.raises(StoreError, match="`idefics-chat sessions check` makes it anew"):
            store.rename_session(session_id, "A third one")
        assert all(difference.is_repaired for difference in found_in(path))
        store.rename_session(session_id, "A third one")
        assert store.find_session(session_id).title == "A third one"


@pytest.mark.parametrize(
    ("table", "change_to", "problem"),
    [
        ("generations", "token_ids = '[1,'", "turn 4: malformed JSON"),
        ("generations", "prompt_token_ids = '[1,'", "turn 4: malformed JSON"),
        ("generations", "seed = 'x'", "turn 4: "),
        ("turns", "role = 'robot'", "turn 4: 'robot' is not a valid Role"),
        ("parts", "kind = 'sound'", "turn 4: a part of it is neither text nor picture"),
    ],
)
def test_a_turn_that_cannot_be_read_is_named(
    store: SqliteStore, path: Path, spoiled_id: str, table: str, change_to: str, problem: str
) -> None:
    key = "id" if table == "turns" else "turn_id"
    change(path, f"UPDATE {table} SET {change_to} WHERE {key} = 4")
    with pytest.raises(StoreError, match=rf"session {spoiled_id} holds a value that is not understood \({problem}"):
        store.turns(spoiled_id)
