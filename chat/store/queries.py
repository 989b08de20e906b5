"""The longer questions that the store asks of its tables."""

from typing import Final

SUMMARIES: Final = """
    SELECT id, title, created_at, updated_at, system, turn_count, image_count, checkpoint, pinned_at
    FROM sessions WHERE deleted_at IS NULL
"""
"""The sessions that are not deleted; conditions and an order may follow."""

LISTED_IDS: Final = "SELECT id AS session_id FROM sessions WHERE deleted_at IS NULL"
"""The same by their ids alone."""

WITH_PREFIX: Final = "AND id >= ? AND id < ? || '{' LIMIT 2"
"""The first two whose id begins so, which is asked for twice; `{` follows the last letter that an id has."""

AS_LISTED: Final = "ORDER BY pinned_at IS NOT NULL DESC, updated_at DESC, rowid DESC LIMIT ? OFFSET ?"
NEWEST: Final = "AND typeof(updated_at) = 'text' ORDER BY updated_at DESC, rowid DESC LIMIT 1"

VERSIONS: Final = """
    SELECT group_concat(id) AS ids FROM turns WHERE session_id = ? GROUP BY parent_id HAVING count(*) > 1
    ORDER BY parent_id
"""
"""The turns that follow the same turn, for every turn that several follow."""

SHORT_TEXT: Final = 200
"""Characters of a turn's text that are read for the tree."""

# Lone surrogates are kept as bytes, which must not be cut in the middle of one.
TREE: Final = f"""
    SELECT
        turns.id, turns.parent_id, turns.role, turns.created_at, checkpoint, seed, stop_reason,
        coalesce((
            SELECT CASE typeof(text) WHEN 'text' THEN substr(text, 1, {SHORT_TEXT}) ELSE text END
            FROM parts WHERE turn_id = turns.id AND kind = 'text' ORDER BY position LIMIT 1
        ), '') AS words,
        (SELECT count(*) FROM parts WHERE turn_id = turns.id AND kind = 'image') AS image_count
    FROM turns LEFT JOIN generations ON generations.turn_id = turns.id
    WHERE session_id = ? ORDER BY turns.id
"""
"""Every turn of a session in short."""

_BRANCH: Final = """
    WITH RECURSIVE branch (id, parent_id) AS (
        SELECT id, parent_id FROM turns WHERE id = :last AND session_id = :session
        UNION ALL
        SELECT turns.id, turns.parent_id FROM branch JOIN turns ON turns.id = branch.parent_id
        WHERE turns.id < branch.id
    )
"""

BRANCH_IDS: Final = f"{_BRANCH} SELECT id FROM branch"
"""The turns of a branch."""

FACTS: Final = (
    "checkpoint",
    "revision",
    "family",
    "device",
    "dtype",
    "quantization",
    "image_detail",
    "context_length",
    "image_size",
    "is_demonstration",
)
"""What a table holds of a checkpoint."""
GENERATION: Final = (
    "stop_reason",
    "seed",
    "token_ids",
    "CASE json_type(token_ids) WHEN 'array' THEN json_array_length(token_ids) END",
    "prompt_tokens",
    "cached_tokens",
    "first_token_s",
    "total_s",
    "settings",
    "started_at",
    "finished_at",
    "prompt_shared",
    "prompt_token_ids",
    "CASE json_type(prompt_token_ids) WHEN 'array' THEN json_array_length(prompt_token_ids) END",
    "environment_id",
    *FACTS,
)
"""What a turn is read with of `generations`."""

_GENERATION: Final = ", ".join(f"generations.{name}" for name in GENERATION)

# Those of all branches: to find the ids of one first takes longer than to pass over the others.
TURNS: Final = "SELECT id, parent_id, role, created_at, is_example FROM turns WHERE session_id = ?"
"""The turns of a session."""
_OF_SESSION: Final = "IN (SELECT id FROM turns WHERE session_id = ?)"
GENERATIONS: Final = f"SELECT turn_id, {', '.join(GENERATION)} FROM generations WHERE turn_id {_OF_SESSION}"
"""Where its replies come from."""
NO_TOKEN_IDS: Final = f"""
    SELECT turn_id FROM generations WHERE turn_id {_OF_SESSION}
    AND NOT (json_valid(token_ids) AND json_valid(coalesce(prompt_token_ids, '[]'))) ORDER BY turn_id LIMIT 1
"""
"""The first of its replies whose token ids, or those of its prompt, are no JSON."""
ENVIRONMENTS: Final = f"""
    SELECT id, content FROM environments
    WHERE id IN (SELECT environment_id FROM generations WHERE turn_id {_OF_SESSION})
"""
"""What they were computed with."""
PARTS: Final = f"""
    SELECT turn_id, kind, text, image_digest, image_name, width, height
    FROM parts LEFT JOIN images ON images.digest = parts.image_digest
    WHERE turn_id {_OF_SESSION} ORDER BY turn_id, position
"""
"""What its turns say, in order."""

_CHOICES: Final = """
    SELECT choices.*, (SELECT content FROM environments WHERE id = environment_id) AS environment FROM choices
"""
SESSION_CHOICES: Final = f"{_CHOICES} WHERE session_id = ? ORDER BY id"
"""What was ranked in a session."""
BRANCH_CHOICES: Final = f"""
    {_BRANCH} {_CHOICES}
    WHERE session_id = :session AND (turn_id IS NULL OR turn_id IN (SELECT id FROM branch))
    ORDER BY choices.id
"""
"""What was ranked before the first turn of a branch or after one of its turns."""

PROMPTS_ABOVE: Final = """
    WITH RECURSIVE above (id, parent_id) AS (
        SELECT id, parent_id FROM turns WHERE id = (SELECT parent_id FROM turns WHERE id = ?)
        UNION ALL
        SELECT turns.id, turns.parent_id FROM above JOIN turns ON turns.id = above.parent_id
        WHERE turns.id < above.id
    )
    SELECT token_ids, prompt_shared, prompt_token_ids,
        CASE json_type(prompt_token_ids) WHEN 'array' THEN json_array_length(prompt_token_ids) END AS prompt_count
    FROM above CROSS JOIN generations ON generations.turn_id = above.id
"""
"""Of the replies above a turn, the nearest first, their ids and those of their prompts."""

CHOICE_LABELS: Final = (
    "SELECT label, log_likelihood, token_count FROM choice_labels WHERE choice_id = ? ORDER BY position"
)
CHOICE_IMAGES: Final = """
    SELECT image_digest, image_name, width, height
    FROM choice_images LEFT JOIN images ON images.digest = choice_images.image_digest
    WHERE choice_id = ? ORDER BY position
"""

FIRST_EXCHANGE: Final = """
    SELECT sessions.id AS session_id, sessions.title, replies.parent_id
    FROM turns AS replies JOIN turns AS messages ON messages.id = replies.parent_id
        JOIN sessions ON sessions.id = replies.session_id
    WHERE replies.id = ? AND messages.parent_id IS NULL AND NOT sessions.title_is_own
"""
"""Of a reply to a first message, whose session has no title of the user's own."""

_LISTED: Final = "sessions.id AS session_id, sessions.number, sessions.pinned_at, sessions.updated_at"

TITLES_FOUND: Final = f"""
    SELECT NULL AS turn_id, {_LISTED}, sessions.title AS text
    FROM words CROSS JOIN sessions ON sessions.number = -words.rowid
    WHERE words MATCH ? AND words.rowid < 0 AND sessions.deleted_at IS NULL {{filters}}
    ORDER BY words.rowid
"""
"""The titles that match, the newest session's first."""

TURNS_FOUND: Final = f"""
    SELECT turns.id AS turn_id, {_LISTED}, NULL AS text
    FROM words CROSS JOIN turns ON turns.id = words.rowid CROSS JOIN sessions ON sessions.id = turns.session_id
    WHERE words MATCH ? AND words.rowid > 0 AND sessions.deleted_at IS NULL {{filters}}
    ORDER BY words.rowid DESC
"""
"""The turns that match, the newest first."""

TURNS_BEING_WRITTEN: Final = f"""
    SELECT turns.id AS turn_id, {_LISTED}, NULL AS text
    FROM generations CROSS JOIN turns ON turns.id = generations.turn_id
        CROSS JOIN sessions ON sessions.id = turns.session_id
    WHERE generations.stop_reason IS NULL AND sessions.deleted_at IS NULL {{filters}}
    ORDER BY turns.id DESC
"""
"""The replies that are not in the index, the newest first."""

NEWEST_TITLES: Final = f"""
    SELECT NULL AS turn_id, {_LISTED}, title AS text
    FROM sessions WHERE deleted_at IS NULL {{filters}} ORDER BY number DESC
"""
NEWEST_TURNS: Final = f"""
    SELECT turns.id AS turn_id, {_LISTED}, NULL AS text
    FROM turns CROSS JOIN sessions ON sessions.id = turns.session_id
    WHERE sessions.deleted_at IS NULL {{filters}} ORDER BY turns.id DESC
"""

TURNS_OF_SESSIONS: Final = f"""
    SELECT turns.id AS turn_id, {_LISTED}, NULL AS text
    FROM sessions CROSS JOIN turns ON turns.session_id = sessions.id
    WHERE sessions.deleted_at IS NULL {{filters}} ORDER BY turns.id DESC
"""

TURN_IDS: Final = "SELECT id FROM turns WHERE session_id = ? ORDER BY id DESC"
TURN_TEXTS: Final = "SELECT text FROM parts WHERE turn_id = ? AND kind = 'text' ORDER BY position"
