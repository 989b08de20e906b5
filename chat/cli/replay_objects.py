"""What came of running saved conversations again, as `--json` tells it."""

from collections.abc import Sequence

from chat.cli.replay_conversation import Conversation, PlannedBranch
from chat.errors import TranscriptError
from chat.replay.verified import FirstDifference, Outcome, TokenThere, VerifiedTurn


def verified_report(
    conversations: Sequence[Conversation], unread: Sequence[TranscriptError] = (), *, is_folder: bool
) -> dict[str, object]:
    """The document: that of the only conversation, or of a folder with those of all, and with what cannot be read."""
    sessions = [_conversation(one) for one in conversations]
    if not is_folder:
        return sessions[0]
    return {
        "turns": [{"session": one.source.name, **turn} for one in conversations for turn in _turns(one)],
        "same": not unread and all(one.is_same for one in conversations),
        "is_whole": not unread and all(one.is_whole for one in conversations),
        "problems": [str(error) for error in unread],
        "sessions": sessions,
    }


def _conversation(conversation: Conversation) -> dict[str, object]:
    found = dict.fromkeys(difference for turn in conversation.turns for difference in turn.differences)
    return {
        "name": conversation.source.name,
        "title": conversation.source.transcript.title,
        "differences": [{"what": one.what, "recorded": one.recorded, "now": one.present} for one in found],
        "turns": _turns(conversation),
        "same": conversation.is_same,
        "is_whole": conversation.is_whole,
    }


def _turns(conversation: Conversation) -> list[dict[str, object]]:
    return [_turn(turn, branch) for branch in conversation.branches for turn in branch.plan.turns]


def _turn(turn: VerifiedTurn, branch: PlannedBranch) -> dict[str, object]:
    return {
        "turn": turn.reply.id,
        "same": turn.outcome.is_same,
        "first_difference": _difference(turn.first_difference, turn.outcome),
        "recorded": turn.recorded,
        "regenerated": turn.regenerated,
        "outcome": str(turn.outcome),
        "note": turn.note,
        "checkpoint": turn.reply.generation.facts.name if turn.reply.generation else "",
        "branch": branch.turns[-1].id,
    }


def _difference(found: FirstDifference | None, outcome: Outcome) -> dict[str, object] | None:
    if found is None:
        return None
    return {
        "of": "prompt" if outcome is Outcome.PROMPT_DIFFERS else "reply",
        "token": found.token,
        "recorded": _token(found.recorded),
        "regenerated": _token(found.regenerated),
    }


def _token(token: TokenThere | None) -> dict[str, object] | None:
    if token is None:
        return None
    return {
        "token_id": token.token_id,
        "text": token.text,
        "probability": token.probability,
        "log_probability": token.log_probability,
        "rank": token.rank,
    }
