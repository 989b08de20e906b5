"""Where replies come from, as the tables hold it, and back."""

import json
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from functools import lru_cache
from typing import Any, Final

from chat.environment import UNKNOWN_ENVIRONMENT, CheckpointFile, Environment, Library
from chat.generation import CheckpointFacts, GenerationSettings, StopReason
from chat.prompt_ids import PromptIds
from chat.records import Generation
from chat.safe_text import short_line
from chat.store.columns import Column, now, number_from, text_from, time_from, to_text, whole_from
from chat.store.queries import FACTS, GENERATION
from chat.store.token_ids import StoredIds

_OWN: Final = len(GENERATION) - len(FACTS)


def facts_columns(facts: CheckpointFacts) -> dict[str, Column]:
    """The columns that say which checkpoint it was."""
    return {
        "checkpoint": to_text(facts.name),
        "revision": None if facts.revision is None else to_text(facts.revision),
        "family": to_text(facts.family),
        "device": to_text(facts.device),
        "dtype": to_text(facts.dtype),
        "quantization": to_text(facts.quantization),
        "context_length": facts.context_length,
        "image_size": facts.image_size,
        "image_detail": to_text(facts.image_detail),
        "is_demonstration": facts.is_demonstration,
    }


def generation_columns(facts: CheckpointFacts, settings: GenerationSettings) -> dict[str, Column]:
    """The columns of a reply that begins."""
    return {
        **facts_columns(facts),
        "settings": _settings_column(settings),
        "seed": settings.seed,
        "token_ids": "[]",
        "prompt_tokens": 0,
        "cached_tokens": 0,
        "first_token_s": 0.0,
        "total_s": 0.0,
        "started_at": now(),
    }


def kept_generation_columns(generation: Generation) -> dict[str, Column]:
    """The columns of a reply that is kept as it was, apart from its environment."""
    return {
        **facts_columns(generation.facts),
        "settings": _settings_column(generation.settings),
        "seed": generation.seed,
        "token_ids": json.dumps(list(generation.token_ids)),
        "stop_reason": generation.stop_reason,
        "prompt_tokens": generation.prompt_tokens,
        "cached_tokens": generation.cached_tokens,
        "first_token_s": generation.first_token_s,
        "total_s": generation.total_s,
        "started_at": generation.started_at,
        "finished_at": generation.finished_at or None,
        **prompt_columns(generation.prompt),
    }


def environment_column(environment: Environment) -> str:
    """What `environments` holds of an environment."""
    return json.dumps(asdict(environment), separators=(",", ":"))


@lru_cache(maxsize=64)
def environment_from(content: str) -> Environment:
    """The environment of what `environments` holds; raises KeyError, TypeError or ValueError where it is none."""
    held = json.loads(content)
    return Environment(
        tuple(CheckpointFile(file["name"], file["sha256"]) for file in held["files"]),
        tuple(Library(library["name"], library["version"]) for library in held["libraries"]),
    )


def prompt_columns(prompt: PromptIds | None) -> dict[str, Column]:
    """The columns that a prompt's ids are."""
    if prompt is None:
        return {"prompt_shared": 0, "prompt_token_ids": None}
    return {"prompt_shared": prompt.shared, "prompt_token_ids": json.dumps(list(prompt.token_ids))}


def prompt_from(shared: int, token_ids: str | None, count: int | None) -> PromptIds | None:
    """The prompt of those columns and of how many ids the second holds; raises ValueError where they are none."""
    if token_ids is None:
        return None
    if count is None:
        raise ValueError(f"no token ids: {short_line(token_ids, 40)}")
    return PromptIds(whole_from(shared), StoredIds(token_ids, count))


def generation_from(columns: Sequence[Any], environments: Mapping[int, str]) -> Generation:
    """The generation of what `GENERATION` names; raises ValueError where its token ids are none.

    Args:
        columns: Those.
        environments: What `environments` holds, by id; of one that is not there, nothing is known.
    """
    stop_reason, seed, token_ids, count, prompt_tokens, cached_tokens, first_token_s, total_s, *others = columns[:_OWN]
    settings, started_at, finished_at, *prompt, environment_id = others
    if count is None:
        raise ValueError(f"no token ids: {short_line(str(token_ids), 40)}")
    return Generation(
        facts=_facts_from(*columns[_OWN:], environments.get(environment_id)),
        settings=settings_from(settings),
        stop_reason=None if stop_reason is None else StopReason(stop_reason),
        seed=None if seed is None else whole_from(seed),
        token_ids=StoredIds(token_ids, count),
        prompt_tokens=whole_from(prompt_tokens),
        cached_tokens=whole_from(cached_tokens),
        first_token_s=number_from(first_token_s),
        total_s=number_from(total_s),
        prompt=prompt_from(*prompt),
        started_at=time_from(started_at),
        finished_at="" if finished_at is None else time_from(finished_at),
    )


def facts_from(row: sqlite3.Row) -> CheckpointFacts:
    """The checkpoint of a row with those columns."""
    return _facts_from(*(row[name] for name in FACTS), row["environment"])


# Thousands of replies come from the same checkpoint with the same settings.
@lru_cache(maxsize=64)
def _settings_column(settings: GenerationSettings) -> str:
    return json.dumps(asdict(settings))


@lru_cache(maxsize=64)
def _facts_from(
    checkpoint: str | bytes,
    revision: str | bytes | None,
    family: str | bytes,
    device: str | bytes,
    dtype: str | bytes,
    quantization: str | bytes,
    image_detail: str | bytes,
    context_length: int,
    image_size: int,
    is_demonstration: int,
    environment: str | None,
) -> CheckpointFacts:
    return CheckpointFacts(
        name=text_from(checkpoint),
        revision=None if revision is None else text_from(revision),
        family=text_from(family),
        device=text_from(device),
        dtype=text_from(dtype),
        quantization=text_from(quantization),
        context_length=whole_from(context_length),
        image_size=whole_from(image_size),
        image_detail=text_from(image_detail),
        is_demonstration=bool(is_demonstration),
        environment=UNKNOWN_ENVIRONMENT if environment is None else environment_from(environment),
    )


@lru_cache(maxsize=64)
def settings_from(column: str) -> GenerationSettings:
    """The settings of that column; raises TypeError, ValueError or UsageError where they are none."""
    # A setting of another version is passed over, one it did not have takes its default.
    known = {field.name for field in fields(GenerationSettings)}
    held = json.loads(column)
    if not isinstance(held, dict):
        raise TypeError(f"no settings: {short_line(column, 40)}")
    return GenerationSettings(**{name: value for name, value in held.items() if name in known})
