"""The longer questions that the store asks of its tables."""

from typing import Final

SUMMARIES: Final = """
    SELECT
        id, title, created_at, updated_at, system,
        (SELECT count(*) FROM turns WHERE session_id = sessions.id) AS turn_count,
        (
            SELECT count(*) FROM turns JOIN parts ON parts.turn_id = turns.id
            WHERE turns.session_id = sessions.id AND parts.kind = 'image'
        ) AS image_count,
        coalesce((
            SELECT checkpoint FROM turns JOIN generations ON generations.turn_id = turns.id
            WHERE turns.session_id = sessions.id ORDER BY turns.id DESC LIMIT 1
        ), '') AS checkpoint
    FROM sessions
    WHERE deleted_at IS NULL
"""
"""The sessions that are not deleted; conditions and an order may follow."""

NEWEST_FIRST: Final = "ORDER BY updated_at DESC, rowid DESC LIMIT ? OFFSET ?"

_BRANCH: Final = """
    WITH RECURSIVE branch (id, parent_id) AS (
        SELECT id, parent_id FROM turns WHERE id = :last AND session_id = :session
        UNION ALL
        SELECT turns.id, turns.parent_id FROM branch JOIN turns ON turns.id = branch.parent_id
    )
"""

# A parent's id is below its child's, so that the order of ids is the order of turns.
BRANCH_TURNS: Final = f"""
    {_BRANCH}
    SELECT turns.id AS turn_id, turns.role, turns.created_at, turns.is_example, generations.*
    FROM branch JOIN turns ON turns.id = branch.id LEFT JOIN generations ON generations.turn_id = turns.id
    ORDER BY branch.id
"""
"""The turns of a branch from the first to its last, with their generations."""

BRANCH_PARTS: Final = f"""
    {_BRANCH}
    SELECT parts.turn_id, kind, text, image_digest, image_name, width, height
    FROM branch JOIN parts ON parts.turn_id = branch.id LEFT JOIN images ON images.digest = parts.image_digest
    ORDER BY branch.id, parts.position
"""
"""The parts of those turns in order."""

BRANCH_CHOICES: Final = f"""
    {_BRANCH}
    SELECT choices.* FROM choices
    WHERE session_id = :session AND (turn_id IS NULL OR turn_id IN (SELECT id FROM branch))
    ORDER BY choices.id
"""
"""What was ranked before the first of those turns or after one of them."""

CHOICE_LABELS: Final = (
    "SELECT label, log_likelihood, token_count FROM choice_labels WHERE choice_id = ? ORDER BY position"
)
CHOICE_IMAGES: Final = """
    SELECT image_digest, image_name, width, height
    FROM choice_images JOIN images ON images.digest = choice_images.image_digest
    WHERE choice_id = ? ORDER BY position
"""
