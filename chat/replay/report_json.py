"""A comparison as one JSON document. The keys are a promise; what is not known is null."""

import math
from dataclasses import asdict
from typing import Any

from chat.conversation import Image
from chat.generation import CheckpointFacts, GenerationSettings, Reply
from chat.records import StoredTurn
from chat.replay.candidates import CandidateResult, ComparedRecording
from chat.replay.compare import ComparedTurn
from chat.replay.figures import Figures, Speed, new_tokens_of, recorded_speed, reply_of
from chat.replay.recording import Recording
from chat.replay.report import SIMILARITY, Report, differs_from_recorded, recorded_facts


def comparison_document(report: Report) -> dict[str, Any]:
    """The document: what was recorded, then every candidate with its answers to each of the recordings in order.

    A `turn` is the place of the user's message among the turns of its branch, from 1; the message's `id` is what its
    store or its file calls it.
    """
    return {
        "history": str(report.history),
        "overrides": dict(report.overrides),
        "similarity_measure": SIMILARITY,
        "is_whole": report.is_whole,
        "recordings": [_recording(one) for one in report.recordings],
        "recorded_checkpoints": [_checkpoint(facts) for facts in recorded_facts(report.recordings)],
        "recorded": _speed(recorded_speed(report.recordings)),
        "candidates": [_candidate(report, result) for result in report.results],
    }


def _recording(recording: Recording) -> dict[str, Any]:
    turns = [
        {
            "turn": exchange.position,
            "message": {
                "id": exchange.message.id,
                "text": exchange.message.turn.text,
                "images": [_image(image) for image in exchange.message.turn.images],
            },
            "recorded": None if exchange.reply is None else _recorded(exchange.reply),
        }
        for exchange in recording.exchanges
    ]
    return {"name": recording.name, "title": recording.title, "system": recording.system, "turns": turns}


def _image(image: Image) -> dict[str, Any]:
    return {"digest": image.digest, "name": image.name, "width": image.width, "height": image.height}


def _recorded(stored: StoredTurn) -> dict[str, Any]:
    generation, reply = stored.generation, reply_of(stored)
    return {
        "text": stored.turn.text,
        "checkpoint": None if generation is None else generation.facts.name or None,
        "settings": None if generation is None else _settings(generation.settings, generation.seed),
        **_reply(reply),
    }


def _candidate(report: Report, result: CandidateResult) -> dict[str, Any]:
    facts = result.facts
    return {
        "label": result.label,
        "problem": result.problem or None,
        "checkpoint": None if facts is None else _checkpoint(facts),
        "differs_from_recorded": []
        if facts is None
        else [asdict(d) for d in differs_from_recorded(report.recordings, facts)],
        "load_s": round(result.load_s, 4),
        "figures": _figures(Figures.of(result.turns)),
        "recordings": [_compared(one) for one in result.recordings],
    }


def _compared(compared: ComparedRecording) -> dict[str, Any]:
    return {
        "name": compared.recording.name,
        "is_whole": compared.is_whole,
        "figures": _figures(Figures.of(compared.turns)),
        "turns": [_turn(turn) for turn in compared.turns],
    }


def _turn(turn: ComparedTurn) -> dict[str, Any]:
    score = turn.score
    return {
        "turn": turn.position,
        "text": None if turn.reply is None else turn.reply.text,
        "begun_with": turn.words or None,
        "same": turn.is_same,
        "similarity": turn.similarity,
        **_reply(turn.reply),
        "settings": _settings(turn.settings, turn.settings.seed),
        "recorded_log_probability": None if score is None else _finite(score.log_likelihood),
        "recorded_tokens": None if score is None else score.token_count,
        "recorded_mean_log_probability": None if score is None else _finite(score.per_token),
        "problem": turn.problem or None,
        "unscored": turn.unscored or None,
        "left_out": {"messages": turn.left_out_messages, "pictures": turn.left_out_pictures},
    }


def _reply(reply: Reply | None) -> dict[str, Any]:
    """What is told of how a reply came, recorded or not."""
    if reply is None:
        return dict.fromkeys(("new_tokens", "prompt_tokens", "tokens_per_s", "first_token_s", "total_s", "stop_reason"))
    return {
        "new_tokens": new_tokens_of(reply),
        "prompt_tokens": reply.prompt_tokens or None,
        "tokens_per_s": round(reply.tokens_per_s, 4) or None,
        "first_token_s": round(reply.first_token_s, 4) if reply.total_s else None,
        "total_s": round(reply.total_s, 4) if reply.total_s else None,
        "stop_reason": str(reply.stop_reason),
    }


def _settings(settings: GenerationSettings, seed: int | None) -> dict[str, Any]:
    return {**asdict(settings), "seed": seed}


def _checkpoint(facts: CheckpointFacts) -> dict[str, Any]:
    environment = facts.environment
    # What a server alone knows of its checkpoint is empty, or 0.
    known = {name: None if value in ("", 0) and value is not False else value for name, value in asdict(facts).items()}
    del known["environment"]
    return {
        **known,
        "files": {file.name: file.sha256 for file in environment.files},
        "libraries": {library.name: library.version for library in environment.libraries},
    }


def _figures(figures: Figures) -> dict[str, Any]:
    return {
        "turns": figures.turns,
        "answered": figures.answered,
        "compared": figures.compared,
        "same": figures.same,
        "mean_similarity": figures.similarity,
        **_speed(figures.speed),
        "scored": figures.scored,
        "mean_log_probability": _finite(figures.log_probability),
        "mean_character_log_probability": _finite(figures.character_log_probability),
        "unscored": figures.unscored or None,
    }


def _speed(speed: Speed) -> dict[str, Any]:
    return {"tokens_per_s": speed.tokens_per_s, "first_token_s": speed.first_token_s}


def _finite(value: float | None) -> float | None:
    """A number that JSON has; what a model takes for impossible is minus infinity."""
    return value if value is not None and math.isfinite(value) else None
