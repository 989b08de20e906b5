"""Values as the tables hold them, and back."""

import json
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final

from chat.environment import UNKNOWN_ENVIRONMENT, CheckpointFile, Environment, Library
from chat.generation import CheckpointFacts, GenerationSettings, StopReason
from chat.prompt_ids import PromptIds
from chat.records import Generation, SessionSummary
from chat.store.token_ids import StoredIds

Column = str | bytes | int | float | None


def now() -> str:
    """The time as the tables hold it: in UTC, all of one length, so that sorting the text sorts the times."""
    return datetime.now(UTC).isoformat(timespec="microseconds")


def to_text(text: str) -> str | bytes:
    """A text for a column: as bytes where it holds lone surrogates, which SQLite's UTF-8 cannot."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass")
    return text


def text_from(column: str | bytes) -> str:
    """The text that `to_text` was given."""
    return column if isinstance(column, str) else column.decode("utf-8", "surrogatepass")


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
        raise ValueError(f"no token ids: {token_ids[:40]}")
    return PromptIds(shared, StoredIds(token_ids, count))


def generation_from(columns: Sequence[Any], environments: Mapping[int, str]) -> Generation:
    """The generation of what `GENERATION` names; raises ValueError where its token ids are none.

    Args:
        columns: Those.
        environments: What `environments` holds, by id; of one that is not there, nothing is known.
    """
    stop_reason, seed, token_ids, count, prompt_tokens, cached_tokens, first_token_s, total_s, *others = columns[:_OWN]
    settings, started_at, finished_at, *prompt, environment_id = others
    if count is None:
        raise ValueError(f"no token ids: {token_ids[:40]}")
    return Generation(
        facts=_facts_from(*columns[_OWN:], environments.get(environment_id)),
        settings=settings_from(settings),
        stop_reason=None if stop_reason is None else StopReason(stop_reason),
        seed=seed,
        token_ids=StoredIds(token_ids, count),
        prompt_tokens=prompt_tokens,
        cached_tokens=cached_tokens,
        first_token_s=first_token_s,
        total_s=total_s,
        prompt=prompt_from(*prompt),
        started_at=started_at,
        finished_at=finished_at or "",
    )


def facts_from(row: sqlite3.Row) -> CheckpointFacts:
    """The checkpoint of a row with those columns."""
    return _facts_from(*(row[name] for name in _FACTS), row["environment"])


_FACTS: Final = (
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
    *_FACTS,
)
"""What a turn is read with of `generations`."""
_OWN: Final = len(GENERATION) - len(_FACTS)


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
        context_length=context_length,
        image_size=image_size,
        image_detail=text_from(image_detail),
        is_demonstration=bool(is_demonstration),
        environment=UNKNOWN_ENVIRONMENT if environment is None else environment_from(environment),
    )


@lru_cache(maxsize=64)
def settings_from(column: str) -> GenerationSettings:
    """The settings of that column; raises TypeError, ValueError or UsageError where they are none."""
    # A setting of another version is passed over, one it did not have takes its default.
    known = {field.name for field in fields(GenerationSettings)}
    return GenerationSettings(**{name: value for name, value in json.loads(column).items() if name in known})


def summary_from(row: sqlite3.Row) -> SessionSummary:
    """The summary of a row that `chat.store.queries.SUMMARIES` gives."""
    return SessionSummary(
        id=row["id"],
        title=text_from(row["title"]),
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        turn_count=row["turn_count"],
        image_count=row["image_count"],
        checkpoint=text_from(row["checkpoint"]),
        system=text_from(row["system"]),
        is_pinned=row["pinned_at"] is not None,
    )
