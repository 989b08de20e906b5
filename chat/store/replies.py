"""Replies while they are written: opened empty, saved as they grow, closed with what is known of them."""

import json
import sqlite3
from collections.abc import Sequence

from chat.conversation import Role, Text
from chat.errors import StoreError
from chat.generation import CheckpointFacts, GenerationSettings, Reply
from chat.store import provenance, turns
from chat.store.columns import Column, now
from chat.store.generations import generation_columns, prompt_columns


def open_reply(
    connection: sqlite3.Connection, message_id: int, facts: CheckpointFacts, settings: GenerationSettings, shows: bool
) -> int:
    """Add an unfinished reply to a user's turn, and show it whatever is shown, where asked to; gives the reply's id."""
    query = "SELECT session_id FROM turns WHERE id = ? AND role = ?"
    message = connection.execute(query, (message_id, Role.USER)).fetchone()
    if message is None:
        raise StoreError(f"turn {message_id} is not a message that can be replied to: write one first")
    turn_id = turns.append(connection, message["session_id"], Role.ASSISTANT, message_id, shows=shows)
    environment_id = provenance.environment_id(connection, facts.environment)
    columns = {"turn_id": turn_id, **generation_columns(facts, settings), "environment_id": environment_id}
    values = ", ".join(f":{name}" for name in columns)
    connection.execute(f"INSERT INTO generations ({', '.join(columns)}) VALUES ({values})", columns)
    return turn_id


def save_reply(connection: sqlite3.Connection, turn_id: int, text: str, token_ids: Sequence[int]) -> None:
    """Keep what an unfinished reply says so far."""
    _update(connection, turn_id, {"token_ids": json.dumps(list(token_ids))})
    _replace_text(connection, turn_id, text)


def close_reply(connection: sqlite3.Connection, turn_id: int, reply: Reply) -> None:
    """Keep how an unfinished reply ended; its words go into the index, which would be slow with every piece."""
    columns: dict[str, Column] = {
        "token_ids": json.dumps(list(reply.token_ids)),
        "stop_reason": reply.stop_reason,
        "prompt_tokens": reply.prompt_tokens,
        "cached_tokens": reply.cached_tokens,
        "seed": reply.seed,
        "first_token_s": reply.first_token_s,
        "total_s": reply.total_s,
        "finished_at": now(),
        **prompt_columns(provenance.told_prompt(connection, turn_id, reply.prompt_ids)),
    }
    _update(connection, turn_id, columns)
    _replace_text(connection, turn_id, reply.text, is_final=True)
    connection.execute(
        "UPDATE sessions SET updated_at = ? WHERE id = (SELECT session_id FROM turns WHERE id = ?)",
        (columns["finished_at"], turn_id),
    )


def _update(connection: sqlite3.Connection, turn_id: int, columns: dict[str, Column]) -> None:
    """Change an unfinished reply; raises StoreError where there is none, so that nothing late undoes a finished one."""
    assignments = ", ".join(f"{name} = :{name}" for name in columns)
    changed = connection.execute(
        f"UPDATE generations SET {assignments} WHERE turn_id = :turn_id AND stop_reason IS NULL",
        {**columns, "turn_id": turn_id},
    )
    if changed.rowcount != 1:
        raise StoreError(f"turn {turn_id} is not a reply being written: it can no longer change")


def _replace_text(connection: sqlite3.Connection, turn_id: int, text: str, *, is_final: bool = False) -> None:
    connection.execute("DELETE FROM parts WHERE turn_id = ?", (turn_id,))
    turns.insert_parts(connection, turn_id, [Text(text)] if text else [], are_final=is_final)
