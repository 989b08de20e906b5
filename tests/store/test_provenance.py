"""Every reply is kept with what it was computed with and the prompt it was given to."""

import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from chat.conversation import user_turn
from chat.errors import StoreError
from chat.prompt_ids import PromptIds, whole_prompts
from chat.store import SqliteStore
from tests.store.samples import COMPUTED, FACTS, SETTINGS, execute, reply


def exchange(store: SqliteStore, session_id: str, prompt_ids: tuple[int, ...], after: int | None = None) -> int:
    """Add a message and a reply to this prompt; gives the reply's id."""
    message = store.add_user_turn(session_id, user_turn("hi"), after)
    turn_id = store.open_reply(message, COMPUTED, SETTINGS)
    store.close_reply(turn_id, replace(reply(), prompt_ids=prompt_ids))
    return turn_id


def kept(store: SqliteStore, session_id: str, last: int | None = None) -> list[PromptIds | None]:
    generations = [stored.generation for stored in store.turns(session_id, last)]
    return [generation.prompt for generation in generations if generation is not None]


def prompts(store: SqliteStore, session_id: str, last: int | None = None) -> list[tuple[int, ...] | None]:
    generations = [stored.generation for stored in store.turns(session_id, last) if stored.generation]
    return whole_prompts((generation.prompt, generation.token_ids) for generation in generations)


def test_a_prompt_is_kept_as_what_it_adds_to_the_exchange_before(store: SqliteStore, session_id: str) -> None:
    asked = [(1, 2, 3), (1, 2, 3, 5, 6, 7, 8), (1, 2, 3, 5, 6, 7, 8, 5, 6, 9), (1, 2)]
    for prompt in asked:
        exchange(store, session_id, prompt)
    # The replies are 5, 6, 7; the third prompt leaves out how the second reply ended.
    assert kept(store, session_id) == [PromptIds(0, asked[0]), PromptIds(6, (8,)), PromptIds(9, (9,)), PromptIds(2, ())]
    assert prompts(store, session_id) == asked


def test_a_prompt_that_begins_otherwise_is_kept_whole(store: SqliteStore, session_id: str) -> None:
    exchange(store, session_id, (1, 2, 3))
    exchange(store, session_id, (1, 9, 9))
    assert kept(store, session_id)[1] == PromptIds(0, (1, 9, 9))


def test_each_branch_builds_on_its_own_prompts(store: SqliteStore, session_id: str) -> None:
    first = exchange(store, session_id, (1, 2, 3))
    one = exchange(store, session_id, (1, 2, 3, 5, 6, 7, 8))
    store.show_until(session_id, first)
    other = exchange(store, session_id, (1, 2, 3, 5, 6, 7, 4, 4), first)
    store.show_until(session_id, one)
    further = exchange(store, session_id, (1, 2, 3, 5, 6, 7, 8, 5, 6, 7, 0), one)
    assert prompts(store, session_id, other)[-1] == (1, 2, 3, 5, 6, 7, 4, 4)
    assert prompts(store, session_id, further)[-1] == (1, 2, 3, 5, 6, 7, 8, 5, 6, 7, 0)
    assert kept(store, session_id, further)[-1] == PromptIds(10, (0,))


def test_a_prompt_after_one_that_is_not_known_is_kept_whole(store: SqliteStore, session_id: str) -> None:
    exchange(store, session_id, (1, 2, 3))
    exchange(store, session_id, ())
    exchange(store, session_id, (1, 2, 3, 5))
    assert prompts(store, session_id) == [(1, 2, 3), None, (1, 2, 3, 5)]


def test_an_environment_is_kept_once(store: SqliteStore, session_id: str, path: Path) -> None:
    for prompt in ((1,), (1, 5, 6, 7)):
        exchange(store, session_id, prompt)
    assert {stored.generation.facts for stored in store.turns(session_id) if stored.generation} == {COMPUTED}
    assert COMPUTED != FACTS
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT count(*) FROM environments").fetchone() == (1,)


def test_a_reply_whose_environment_is_lost_is_shown_all_the_same(
    store: SqliteStore, session_id: str, path: Path
) -> None:
    exchange(store, session_id, (1,))
    execute(path, "PRAGMA foreign_keys = OFF", "DELETE FROM environments")
    assert [stored.generation.facts for stored in store.turns(session_id) if stored.generation] == [FACTS]


def test_an_environment_that_is_none_is_said_to_be_so(store: SqliteStore, session_id: str, path: Path) -> None:
    exchange(store, session_id, (1,))
    execute(path, "UPDATE environments SET content = '{}'")
    with pytest.raises(StoreError, match="holds a value that is not understood"):
        store.turns(session_id)
