"""Where replies came from, besides what their own row says: their environments and the ids of their prompts."""

import json
import sqlite3

from chat.environment import Environment
from chat.prompt_ids import PromptIds, told, whole_prompts
from chat.store.generations import environment_column, prompt_from
from chat.store.queries import PROMPTS_ABOVE


def environment_id(connection: sqlite3.Connection, environment: Environment) -> int | None:
    """The id of an environment, which is kept if it is not yet; None where nothing is known."""
    if not environment:
        return None
    content = environment_column(environment)
    connection.execute("INSERT INTO environments (content) VALUES (?) ON CONFLICT (content) DO NOTHING", (content,))
    found: int = connection.execute("SELECT id FROM environments WHERE content = ?", (content,)).fetchone()[0]
    return found


def told_prompt(connection: sqlite3.Connection, turn_id: int, prompt_ids: tuple[int, ...]) -> PromptIds | None:
    """The prompt of a reply as it is kept; None where its ids are not known."""
    return told(prompt_ids, _ids_before(connection, turn_id)) if prompt_ids else None


def _ids_before(connection: sqlite3.Connection, turn_id: int) -> tuple[int, ...]:
    """The prompt and the ids of the nearest reply above a turn; empty where they are not known."""
    links: list[tuple[PromptIds, tuple[int, ...]]] = []
    for row in connection.execute(PROMPTS_ABOVE, (turn_id,)):
        prompt = prompt_from(row["prompt_shared"], row["prompt_token_ids"], row["prompt_count"])
        if prompt is None:
            return ()
        links.append((prompt, tuple(json.loads(row["token_ids"]))))
        if not prompt.shared:
            break
    if not links:
        return ()
    last = whole_prompts(reversed(links))[-1]
    return () if last is None else (*last, *links[0][1])
