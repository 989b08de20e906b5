"""What came of running saved conversations again, as `--json` tells it."""

from collections.abc import Sequence

from chat.cli.replay_sources import Source
from chat.replay.verified import FirstDifference, Outcome, TokenThere, VerifiedTurn

Results = Sequence[tuple[Source, Sequence[VerifiedTurn]]]
"""Conversations, each with what came of its replies."""


def verified_report(results: Results, *, is_folder: bool) -> dict[str, object]:
    """The document: that of the only conversation, or of a folder with those of all."""
    sessions = [_conversation(source, turns) for source, turns in results]
    if not is_folder:
        return sessions[0]
    turns = [{"session": source.name, **_turn(turn)} for source, turns in results for turn in turns]
    return {"turns": turns, "same": all(turn["same"] for turn in turns), "sessions": sessions}


def _conversation(source: Source, turns: Sequence[VerifiedTurn]) -> dict[str, object]:
    found = dict.fromkeys(difference for turn in turns for difference in turn.differences)
    return {
        "name": source.name,
        "title": source.transcript.title,
        "differences": [{"what": one.what, "recorded": one.recorded, "now": one.present} for one in found],
        "turns": [_turn(turn) for turn in turns],
        "same": all(turn.outcome.is_same for turn in turns),
    }


def _turn(turn: VerifiedTurn) -> dict[str, object]:
    return {
        "turn": turn.reply.id,
        "same": turn.outcome.is_same,
        "first_difference": _difference(turn.first_difference, turn.outcome),
        "recorded": turn.recorded,
        "regenerated": turn.regenerated,
        "outcome": str(turn.outcome),
        "note": turn.note,
        "checkpoint": turn.reply.generation.facts.name if turn.reply.generation else "",
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
