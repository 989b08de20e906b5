"""A database that an earlier version wrote is brought to the present tables, and says what it said."""

from dataclasses import replace
from pathlib import Path

from chat.conversation import user_turn
from chat.generation import CheckpointFacts
from chat.likeness import sought
from chat.prompt_ids import PromptIds
from chat.records import LeftOut
from chat.search import Query, parse_query
from chat.store import SqliteStore, open_store
from chat.store.files import backups
from tests.store.samples import COMPUTED, FACTS, SETTINGS, choice, drawn, execute, integrity, picture, reply

UNDO_M008 = (
    "DROP TABLE imports",
    "DELETE FROM _sqlite_migrations WHERE name = 'm008_imports'",
    "PRAGMA user_version = 7",
)
UNDO_M007 = (
    *UNDO_M008,
    "DROP TABLE likenesses",
    "DROP INDEX parts_of_image",
    "DROP INDEX choices_of_image",
    "DELETE FROM _sqlite_migrations WHERE name = 'm007_likenesses'",
    "PRAGMA user_version = 6",
)
UNDO_M006 = (
    *UNDO_M007,
    "ALTER TABLE generations DROP COLUMN environment_id",
    "ALTER TABLE generations DROP COLUMN prompt_shared",
    "ALTER TABLE generations DROP COLUMN prompt_token_ids",
    "ALTER TABLE choices DROP COLUMN environment_id",
    "DROP TABLE environments",
    "DELETE FROM _sqlite_migrations WHERE name = 'm006_provenance'",
    "PRAGMA user_version = 5",
)
UNDO_M005 = (
    *UNDO_M006,
    "DROP TABLE left_out",
    "DELETE FROM _sqlite_migrations WHERE name = 'm005_left_out'",
    "PRAGMA user_version = 4",
)
UNDO_M004 = (
    *UNDO_M005,
    "DROP TRIGGER session_numbered",
    "DROP TRIGGER turn_counted",
    "DROP TRIGGER picture_counted",
    "DROP TRIGGER checkpoint_named",
    "DROP TABLE words",
    "DROP INDEX replies_being_written",
    "DROP INDEX sessions_listed",
    "DROP INDEX sessions_by_number",
    "DROP INDEX sessions_shown",
    "CREATE INDEX sessions_shown ON sessions (updated_at) WHERE deleted_at IS NULL",
    "ALTER TABLE sessions DROP COLUMN pinned_at",
    "ALTER TABLE sessions DROP COLUMN number",
    "ALTER TABLE sessions DROP COLUMN turn_count",
    "ALTER TABLE sessions DROP COLUMN image_count",
    "ALTER TABLE sessions DROP COLUMN checkpoint",
    "DELETE FROM _sqlite_migrations WHERE name = 'm004_search'",
    "PRAGMA user_version = 3",
)
UNDO_M003 = (
    *UNDO_M004,
    "DROP TABLE choice_images",
    "DROP TABLE choice_labels",
    "DROP TABLE choices",
    "ALTER TABLE turns DROP COLUMN is_example",
    "DELETE FROM _sqlite_migrations WHERE name = 'm003_choices'",
    "PRAGMA user_version = 2",
)


def test_a_database_that_knows_of_no_imports_takes_one_twice_from_then_on(store: SqliteStore, path: Path) -> None:
    session_id = store.new_session(title="Mine")
    store.add_user_turn(session_id, user_turn("hi"))
    foreign = replace(store.export(session_id), session_id="")
    store.import_sessions([foreign])
    store.close()
    execute(path, *UNDO_M008)
    with open_store(path) as opened:
        assert len(opened.sessions()) == 2
        assert [opened.import_sessions([foreign])[0].is_new for _ in range(2)] == [True, False]
        assert len(opened.sessions()) == 3
    assert integrity(path) == "ok"
    assert len(backups(path)) == 1


def test_replies_of_a_database_without_provenance_have_none(store: SqliteStore, path: Path) -> None:
    session_id = store.new_session()
    message = store.add_user_turn(session_id, user_turn("hi"))
    store.close_reply(store.open_reply(message, FACTS, SETTINGS), replace(reply(), prompt_ids=(1, 2)))
    store.add_choice(session_id, choice(message))
    store.close()
    execute(path, *UNDO_M006)
    with open_store(path) as opened:
        _, old = opened.turns(session_id)
        message = opened.add_user_turn(session_id, user_turn("and?"))
        opened.close_reply(opened.open_reply(message, COMPUTED, SETTINGS), replace(reply(), prompt_ids=(1, 2, 3)))
        *_, recent = opened.turns(session_id)
        assert old.generation is not None and recent.generation is not None
        assert (old.generation.facts, old.generation.prompt) == (FACTS, None)
        assert opened.choices(session_id)[0].facts == FACTS
        assert (recent.generation.facts, recent.generation.prompt) == (COMPUTED, PromptIds(0, (1, 2, 3)))
    assert integrity(path) == "ok"
    assert len(backups(path)) == 1


def test_pictures_that_were_kept_before_they_were_compared_are_found(store: SqliteStore, path: Path) -> None:
    session_id, other = store.new_session(), store.new_session()
    message = store.add_user_turn(session_id, user_turn(drawn("red"), "hi"))
    store.add_user_turn(other, user_turn(drawn("blue")))
    store.add_choice(other, choice(None, drawn("green")))
    store.close()
    execute(path, *UNDO_M007)
    with open_store(path) as opened:
        assert opened.turns(session_id)[0].turn.text == "hi"
        opened.learn_likenesses(lambda _done, _of: None, lambda: True)
        (hit,) = opened.search(Query(), sought=sought(drawn("red"))).hits
        assert (hit.summary.id, hit.turn_id) == (session_id, message)
        (hit,) = opened.search(Query(), sought=sought(drawn("green"))).hits
        assert (hit.summary.id, hit.turn_id) == (other, None)
    assert len(backups(path)) == 1
    assert integrity(path) == "ok"


def test_a_database_that_knows_nothing_left_out_gets_room_for_it(store: SqliteStore, path: Path) -> None:
    session_id = store.new_session()
    message = store.add_user_turn(session_id, user_turn(picture(), "hi"))
    store.close_reply(store.open_reply(message, FACTS, SETTINGS), reply())
    store.close()
    execute(path, *UNDO_M005)
    with open_store(path) as opened:
        assert [stored.turn.text for stored in opened.turns(session_id)] == ["hi", "Two cats."]
        assert opened.left_out(session_id) == LeftOut()
        left = LeftOut(frozenset({message}), frozenset({(message, 0)}))
        opened.leave_out(session_id, left)
        assert opened.left_out(session_id) == left
    assert len(backups(path)) == 1


def test_a_database_without_choices_and_examples_gets_room_for_them(store: SqliteStore, path: Path) -> None:
    session_id = store.new_session()
    message = store.add_user_turn(session_id, user_turn("hi"))
    store.close_reply(store.open_reply(message, FACTS, SETTINGS), reply())
    store.close()
    execute(path, *UNDO_M003)
    with open_store(path) as opened:
        assert [(stored.turn.text, stored.is_example) for stored in opened.turns(session_id)] == [
            ("hi", False),
            ("Two cats.", False),
        ]
        assert opened.choices(session_id) == []
        opened.mark_example(message, True)
        opened.add_choice(session_id, choice(message))
        assert len(opened.examples(session_id)) == 2
        assert opened.choices(session_id)[0].ranking.best == "cat"
    assert len(backups(path)) == 1


def test_replies_of_the_first_version_were_of_low_image_detail(store: SqliteStore, path: Path) -> None:
    session_id = store.new_session()
    message = store.add_user_turn(session_id, user_turn("hi"))
    store.close_reply(store.open_reply(message, FACTS, SETTINGS), reply())
    store.close()
    execute(path, *UNDO_M003, "ALTER TABLE generations DROP COLUMN image_detail")
    execute(path, "DELETE FROM _sqlite_migrations WHERE name = 'm002_image_detail'")
    execute(path, "PRAGMA user_version = 1")
    with open_store(path) as opened:
        _, answer = opened.turns(session_id)
    assert answer.turn.text == "Two cats."
    assert answer.generation is not None
    assert (answer.generation.facts.image_detail, answer.generation.token_ids) == ("low", (5, 6, 7))
    assert len(backups(path)) == 1


def test_what_was_said_before_there_was_a_search_is_found(store: SqliteStore, path: Path) -> None:
    odd = "\0 lone \ud800 half\0way"
    session_id = store.new_session(title="A talk of mine")
    message = store.add_user_turn(session_id, user_turn("Which", picture(), f"shape? {odd}"))
    store.close_reply(store.open_reply(message, FACTS, SETTINGS), reply("A green triangle."))
    message = store.add_user_turn(session_id, user_turn(picture()))
    store.save_reply(store.open_reply(message, CheckpointFacts("hub/newest"), SETTINGS), "A blue squ", [1])
    deleted = store.new_session()
    store.add_user_turn(deleted, user_turn("No triangle."))
    store.delete_session(deleted)
    before, turns = store.find_session(session_id), store.turns(session_id)
    store.close()
    execute(path, *UNDO_M004)
    with open_store(path) as opened:
        assert opened.find_session(session_id) == before
        assert [stored.turn.text for stored in opened.turns(session_id)] == [stored.turn.text for stored in turns]
        for words, number in [("TRIANG", 1), ("a talk", None), ("shape? half", 0), ("way", 0), ("blue squ", 3)]:
            (hit,) = opened.search(parse_query(words)).hits
            assert (hit.summary, hit.turn_id) == (before, None if number is None else turns[number].id)
        opened.rename_session(session_id, "Shapes")
        assert opened.search(parse_query("talk")).hits == ()
        opened.restore_session(deleted)
        assert opened.search(parse_query("triangle")).count == 2
        assert [hit.summary.id for hit in opened.search(parse_query("")).hits] == [deleted, session_id]
    assert integrity(path) == "ok"
    assert len(backups(path)) == 1


def test_how_closely_pictures_were_seen_is_kept(store: SqliteStore) -> None:
    session_id = store.new_session()
    message = store.add_user_turn(session_id, user_turn("hi"))
    store.close_reply(store.open_reply(message, FACTS, SETTINGS), reply())
    _, answer = store.turns(session_id)
    assert answer.generation is not None
    assert answer.generation.facts == FACTS
    assert FACTS.image_detail == "high"
