"""Whether the rows of a session make a tree of turns that can be read.

None of this is ever repaired: it is what somebody said.
"""

import sqlite3
from typing import Final

from chat.generation import StopReason
from chat.store.checks.difference import Difference, Differences, Tell

MOST: Final = 1_000
"""Differences of one kind that are told."""

_STOP_REASONS: Final = ", ".join(f"'{reason}'" for reason in StopReason)

# Bytes where a name holds lone surrogates.
_LISTED: Final = """
    CASE WHEN json_valid(CAST(images AS TEXT)) THEN
        CASE json_type(CAST(images AS TEXT)) WHEN 'array' THEN CAST(images AS TEXT) ELSE '[]' END
    ELSE '[]' END
"""

# Each gives a session, a turn and what is wrong there.
_QUESTIONS: Final = (
    """
    SELECT turns.session_id, turns.id, 'follows turn ' || parents.id || ', which is of session ' || parents.session_id
    FROM turns JOIN turns AS parents ON parents.id = turns.parent_id WHERE parents.session_id <> turns.session_id
    """,
    """
    SELECT session_id, id, 'follows turn ' || parent_id || ', which is not an earlier one'
    FROM turns WHERE parent_id >= id
    """,
    """
    SELECT turns.session_id, turns.id, 'is a reply that follows no message'
    FROM turns LEFT JOIN turns AS parents ON parents.id = turns.parent_id
    WHERE turns.role = 'assistant' AND coalesce(parents.role, '') <> 'user'
    """,
    """
    SELECT sessions.id, NULL, 'shows turn ' || turns.id || ', which is of session ' || turns.session_id
    FROM sessions JOIN turns ON turns.id = sessions.head_turn_id WHERE turns.session_id <> sessions.id
    """,
    """
    SELECT session_id, id, 'is a reply without a word on where it came from'
    FROM turns WHERE role = 'assistant' AND id NOT IN (SELECT turn_id FROM generations)
    """,
    """
    SELECT session_id, turn_id, 'is a message, and has what only a reply has: where it came from'
    FROM generations JOIN turns ON turns.id = turn_id WHERE role <> 'assistant'
    """,
    f"""
    SELECT session_id, turn_id, 'ended for a reason that is none: ' || stop_reason
    FROM generations JOIN turns ON turns.id = turn_id WHERE stop_reason NOT IN ({_STOP_REASONS})
    """,
    """
    SELECT session_id, turn_id, 'its token ids are no list'
    FROM generations JOIN turns ON turns.id = turn_id
    WHERE NOT json_valid(token_ids) OR json_type(token_ids) <> 'array' OR token_ids GLOB '*[^][0-9, ]*'
        OR token_ids GLOB '*[[]*[[]*'
    """,
    """
    SELECT session_id, turn_id, 'its prompt''s token ids are no list'
    FROM generations JOIN turns ON turns.id = turn_id
    WHERE prompt_token_ids IS NOT NULL
        AND (
            NOT json_valid(prompt_token_ids) OR json_type(prompt_token_ids) <> 'array'
            OR prompt_token_ids GLOB '*[^][0-9, ]*' OR prompt_token_ids GLOB '*[[]*[[]*'
        )
    """,
    """
    SELECT session_id, turn_id, 'its settings cannot be read'
    FROM generations JOIN turns ON turns.id = turn_id
    WHERE NOT json_valid(settings) OR json_type(settings) <> 'object'
    """,
    """
    SELECT session_id, turn_id, 'its ' || count(*) || ' parts are not numbered from 0 on'
    FROM parts JOIN turns ON turns.id = turn_id GROUP BY turn_id
    HAVING min(position) <> 0 OR max(position) <> count(*) - 1
    """,
    """
    SELECT turns.session_id, turns.id, 'is an empty message' FROM turns
    WHERE role = 'user' AND id NOT IN (
        SELECT turn_id FROM parts WHERE kind = 'image' OR trim(text, ' ' || char(9, 10, 13)) <> ''
    )
    """,
    """
    SELECT session_id, turn_id, 'has a text without a word' FROM parts JOIN turns ON turns.id = turn_id
    WHERE kind = 'text' AND CAST(text AS BLOB) = x''
        AND (role = 'assistant' OR turn_id IN (SELECT turn_id FROM parts WHERE kind = 'image'))
    """,
    """
    SELECT session_id, first.turn_id, 'has two texts next to each other'
    FROM parts AS first JOIN parts AS second ON second.turn_id = first.turn_id AND second.position = first.position + 1
        JOIN turns ON turns.id = first.turn_id
    WHERE first.kind = 'text' AND second.kind = 'text'
    """,
    """
    SELECT session_id, turn_id, 'is a reply of more than one text'
    FROM parts JOIN turns ON turns.id = turn_id WHERE role = 'assistant'
    GROUP BY turn_id HAVING count(*) > 1 OR max(kind = 'image')
    """,
    """
    SELECT session_id, id, 'is a reply, and is marked as an example, which only a message is'
    FROM turns WHERE role = 'assistant' AND is_example
    """,
    """
    SELECT choices.session_id, choices.turn_id, 'is of session ' || turns.session_id
        || ', and a choice of this one follows it'
    FROM choices JOIN turns ON turns.id = choices.turn_id WHERE turns.session_id <> choices.session_id
    """,
    """
    SELECT session_id, turn_id, 'is left out for the model, and is no message'
    FROM left_out JOIN turns ON turns.id = turn_id WHERE role <> 'user'
    """,
    """
    SELECT session_id, turn_id, 'its picture ' || (picture + 1) || ' is left out for the model, and it has none such'
    FROM left_out JOIN turns ON turns.id = turn_id
    WHERE picture < -1 OR picture >= (
        SELECT count(*) FROM parts WHERE parts.turn_id = left_out.turn_id AND kind = 'image'
    )
    """,
    """
    SELECT session_id, turn_id, 'its ' || count(*) || ' labels that were ranked are not numbered from 0 on'
    FROM choice_labels JOIN choices ON choices.id = choice_id GROUP BY choice_id
    HAVING min(position) <> 0 OR max(position) <> count(*) - 1
    """,
    """
    SELECT session_id, turn_id, 'the ' || count(*) || ' pictures that labels were ranked for are not numbered from 0 on'
    FROM choice_images JOIN choices ON choices.id = choice_id GROUP BY choice_id
    HAVING min(position) <> 0 OR max(position) <> count(*) - 1
    """,
    """
    SELECT session_id, turn_id, 'the labels that were ranked there are lost'
    FROM choices WHERE 2 > (
        SELECT count(*) FROM choice_labels WHERE choice_id = choices.id
    ) OR id IN (SELECT choice_id FROM choice_labels WHERE trim(label, ' ' || char(9, 10, 13)) = '')
    """,
    """
    SELECT session_id, turn_id, 'the picture or the history that labels were ranked for is counted below 0'
    FROM choices WHERE number < 0 OR left_out < 0
    """,
    """
    SELECT NULL, NULL, 'what replies were computed with, number ' || id || ', cannot be read'
    FROM environments WHERE NOT json_valid(content)
    """,
    """
    SELECT session_id, NULL, 'the pictures of its unsent message cannot be read'
    FROM drafts WHERE NOT json_valid(CAST(images AS TEXT)) OR json_type(CAST(images AS TEXT)) <> 'array'
    """,
    f"""
    SELECT session_id, NULL, 'the pictures of its unsent message cannot be read'
    FROM drafts, json_each({_LISTED}) AS listed
    WHERE CASE listed.type
        WHEN 'object' THEN json_type(listed.value, '$.digest') IS NOT 'text'
            OR json_type(listed.value, '$.name') IS NOT 'text'
        ELSE 1
    END
    """,
    f"""
    SELECT session_id, NULL, 'its unsent message names a picture that is not kept: '
        || json_extract(listed.value, '$.digest')
    FROM drafts, json_each({_LISTED}) AS listed
    WHERE CASE listed.type
        WHEN 'object' THEN json_extract(listed.value, '$.digest') NOT IN (SELECT digest FROM images)
    END
    """,
)


def differences(connection: sqlite3.Connection, tell: Tell) -> Differences:
    """What is wrong with turns and with what belongs to them."""
    for number, question in enumerate(_QUESTIONS, start=1):
        tell(f"looking through the turns, {number} of {len(_QUESTIONS)}")
        found = connection.execute(f"{question} LIMIT {MOST + 1}").fetchall()
        for session_id, turn_id, words in found[:MOST]:
            yield Difference(words, session_id, turn_id)
        if len(found) > MOST:
            yield Difference(f"there are more than these {MOST:,} of the last kind")
