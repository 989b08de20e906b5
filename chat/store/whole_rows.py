"""Sessions written as a whole: thousands of turns in a few statements."""

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cache, partial

from chat.conversation import Role, Text
from chat.records import Choice, LeftOut, StoredTurn
from chat.store import choices, index, left_out, pictures, provenance, titles, turns
from chat.store.columns import Column, now, to_text
from chat.store.generations import kept_generation_columns
from chat.store.search_tables import indexed
from chat.transcript.times import as_utc
from chat.transcript.values import UNKNOWN_GENERATION, PlacedTurn, Transcript

TurnIds = dict[int | None, int | None]
"""For the numbers of turns in a transcript, their ids in the store; None stands for itself."""


def insert(connection: sqlite3.Connection, session_id: str, transcript: Transcript) -> None:
    """Keep a session that is not there yet, under an id that is free, as it was."""
    time = now()
    tree = transcript.tree
    times = sorted(as_utc(placed.stored.created_at) or time for placed in tree) or [time]
    title, is_own = _title(transcript)
    columns: dict[str, Column] = {
        "id": session_id,
        "title": "",
        "title_is_own": is_own,
        "system": to_text(transcript.system),
        "created_at": as_utc(transcript.created_at) or times[0],
        "updated_at": "",
        "pinned_at": time if transcript.is_pinned else None,
    }
    _insert_rows(connection, "sessions", [columns])
    keep_pictures(connection, transcript)
    turn_ids: TurnIds = {None: None}
    insert_turns(connection, session_id, tree, turn_ids)
    insert_choices(connection, session_id, transcript.choices, turn_ids)
    if transcript.left_out:
        left_out.replace(connection, session_id, by_ids(transcript.left_out, turn_ids))
    turns.update_session(
        connection,
        session_id,
        title=to_text(title),
        head_turn_id=turn_ids[transcript.last],
        updated_at=as_utc(transcript.updated_at) or times[-1],
    )


def insert_turns(
    connection: sqlite3.Connection, session_id: str, tree: Iterable[PlacedTurn], turn_ids: TurnIds
) -> None:
    """Keep turns behind those that are there, with their words in the index; the bytes of their pictures are kept.

    Args:
        connection: In a transaction that writes.
        session_id: The session's.
        tree: The turns, each after the one it follows.
        turn_ids: With those that one of them may follow; these come to it.
    """
    last: int = connection.execute("SELECT coalesce(max(id), 0) FROM turns").fetchone()[0]
    time = now()
    rows: list[tuple[Column, ...]] = []
    parts: list[tuple[Column, ...]] = []
    words: list[tuple[Column, ...]] = []
    generations: list[dict[str, Column]] = []
    environment_id = cache(partial(provenance.environment_id, connection))
    for turn_id, placed in enumerate(tree, start=last + 1):
        stored = placed.stored
        turn_ids[stored.id] = turn_id
        created_at = as_utc(stored.created_at) or time
        rows.append((turn_id, session_id, turn_ids[placed.after], stored.turn.role, created_at, stored.is_example))
        parts += ((turn_id, place, *turns.part_columns(part)) for place, part in enumerate(stored.turn.parts))
        is_final = stored.turn.role is Role.USER
        if stored.turn.role is Role.ASSISTANT:
            generation = stored.generation or UNKNOWN_GENERATION
            columns = {"turn_id": turn_id, "environment_id": environment_id(generation.facts.environment)}
            generations.append(columns | kept_generation_columns(generation))
            is_final = generation.stop_reason is not None
        if is_final and any(isinstance(part, Text) for part in stored.turn.parts):
            words.append((turn_id, indexed(stored.turn.text)))
    query = "INSERT INTO turns (id, session_id, parent_id, role, created_at, is_example) VALUES (?, ?, ?, ?, ?, ?)"
    connection.executemany(query, rows)
    connection.executemany("INSERT INTO parts VALUES (?, ?, ?, ?, ?, ?)", parts)
    connection.executemany("INSERT INTO words (rowid, text) VALUES (?, ?)", words)
    _insert_rows(connection, "generations", generations)


def complete_turn(connection: sqlite3.Connection, turn_id: int, before: StoredTurn, stored: StoredTurn) -> None:
    """Put a turn as a whole in the place of what was kept of it; the bytes of its pictures are kept already.

    Args:
        connection: In a transaction that writes.
        turn_id: The turn's id.
        before: What was kept.
        stored: The turn: a message, or a reply that has ended in the place of one that had not.
    """
    if stored.turn.role is Role.ASSISTANT:
        generation = stored.generation or UNKNOWN_GENERATION
        environment_id = provenance.environment_id(connection, generation.facts.environment)
        columns = {"turn_id": turn_id, "environment_id": environment_id} | kept_generation_columns(generation)
        connection.execute("DELETE FROM generations WHERE turn_id = ?", (turn_id,))
        _insert_rows(connection, "generations", [columns])
    elif any(isinstance(part, Text) for part in before.turn.parts):
        index.take_out(connection, turn_id, before.turn.text)
    connection.execute("DELETE FROM parts WHERE turn_id = ?", (turn_id,))
    turns.insert_parts(connection, turn_id, stored.turn.parts)


def keep_pictures(connection: sqlite3.Connection, transcript: Transcript) -> None:
    """Keep the bytes of pictures that are not kept yet, one after the other, so that not all are in memory at once.

    Of those that are gone, what is known of them is kept.
    """
    gone = set(transcript.missing)
    for image in pictures.missing(connection, transcript.images):
        if image in gone:
            pictures.insert_gone(connection, image)
        else:
            pictures.insert(connection, image, pictures.check(image, image.read()))


def insert_choices(
    connection: sqlite3.Connection, session_id: str, chosen: Iterable[Choice], turn_ids: TurnIds
) -> None:
    """Keep labels that were ranked; the bytes of their pictures are kept already."""
    for choice in chosen:
        placed = replace(choice, turn_id=turn_ids[choice.turn_id], created_at=as_utc(choice.created_at))
        choices.insert(connection, session_id, placed)


def by_ids(left: LeftOut, turn_ids: Mapping[int | None, int | None]) -> LeftOut:
    """What is left out, by the ids of turns that are there instead of their numbers."""
    kept = {number: turn_id for number, turn_id in turn_ids.items() if number is not None and turn_id is not None}
    return LeftOut(
        frozenset(kept[number] for number in left.messages if number in kept),
        frozenset((kept[number], picture) for number, picture in left.pictures if number in kept),
    )


def _title(transcript: Transcript) -> tuple[str, bool]:
    """The title of a session, and whether it is the user's own."""
    title = transcript.title
    if transcript.title_is_own is not None:
        return title, transcript.title_is_own
    if title.strip() or not transcript.turns:
        return title, bool(title.strip())
    reply = transcript.turns[1].turn.text if len(transcript.turns) > 1 else ""
    return titles.title_of(transcript.turns[0].turn, reply), False


def _insert_rows(connection: sqlite3.Connection, table: str, rows: Sequence[dict[str, Column]]) -> None:
    """Insert rows that all have the same columns."""
    if rows:
        names, values = ", ".join(rows[0]), ", ".join(f":{name}" for name in rows[0])
        connection.executemany(f"INSERT INTO {table} ({names}) VALUES ({values})", rows)
