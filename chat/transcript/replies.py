"""Where replies came from, as a document holds it: what they were computed with is told once, in a list."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Final, Self

from chat.environment import Environment
from chat.errors import TranscriptError
from chat.generation import CheckpointFacts, GenerationSettings, StopReason
from chat.prompt_ids import PromptIds
from chat.records import Generation
from chat.transcript.times import as_utc
from chat.transcript.values import UNKNOWN_GENERATION


class Environments:
    """The environments of a document, numbered from 1 as they come."""

    def __init__(self) -> None:
        self._numbers: dict[Environment, int] = {}

    def number(self, environment: Environment) -> int:
        """Of an environment; 0 where nothing is known."""
        return self._numbers.setdefault(environment, len(self._numbers) + 1) if environment else 0

    def written(self) -> list[dict[str, object]]:
        """All of them as JSON has them."""
        return [
            {
                "files": [{"name": file.name, "sha256": file.sha256} for file in environment.files],
                "libraries": [{"name": library.name, "version": library.version} for library in environment.libraries],
            }
            for environment in self._numbers
        ]


def facts_in(facts: CheckpointFacts, number: int, environments: Sequence[Environment]) -> CheckpointFacts:
    """What is known of a checkpoint, with the environment of that number; 0 is none."""
    if not number:
        return facts
    if not 1 <= number <= len(environments):
        raise TranscriptError(f"environment {number} is none of the {len(environments)} that are told")
    return replace(facts, environment=environments[number - 1])


def written_facts(facts: CheckpointFacts) -> dict[str, object]:
    """What is known of a checkpoint as JSON has it, apart from the environment."""
    return {name: getattr(facts, name) for name in _FACTS}


@dataclass(frozen=True, slots=True)
class GenerationObject:
    """Where a reply came from; the keys are called like the attributes of `Generation`."""

    facts: CheckpointFacts
    settings: GenerationSettings
    stop_reason: StopReason | None
    seed: int | None
    token_ids: Sequence[int]
    prompt_tokens: int
    cached_tokens: int
    first_token_s: float
    total_s: float
    prompt: PromptIds | None = None
    started_at: str = ""
    finished_at: str = ""
    environment: int = 0
    """Its number among those of the document; 0 where nothing is known."""

    def __post_init__(self) -> None:
        as_utc(self.started_at, "started_at")
        as_utc(self.finished_at, "finished_at")
        if self.prompt is not None and self.prompt.shared < 0:
            raise TranscriptError("prompt.shared is below 0")

    @classmethod
    def of(cls, generation: Generation, environments: Environments) -> Self:
        """Of a reply, whose environment comes to those of the document."""
        held: dict[str, Any] = {field.name: getattr(generation, field.name) for field in fields(Generation)}
        return cls(**held, environment=environments.number(generation.facts.environment))

    def written(self) -> dict[str, object]:
        """It as JSON has it; what is not known of later keys is left out."""
        prompt = self.prompt and {"shared": self.prompt.shared, "token_ids": list(self.prompt.token_ids)}
        later = {
            "started_at": self.started_at,
            "finished_at": self.finished_at,
            "environment": self.environment,
            "prompt": prompt,
        }
        return {
            "facts": written_facts(self.facts),
            "settings": _written_settings(self.settings),
            "stop_reason": self.stop_reason,
            "seed": self.seed,
            "token_ids": list(self.token_ids),
            "prompt_tokens": self.prompt_tokens,
            "cached_tokens": self.cached_tokens,
            "first_token_s": self.first_token_s,
            "total_s": self.total_s,
            **{key: value for key, value in later.items() if value},
        }

    def generation(self, environments: Sequence[Environment]) -> Generation:
        """The generation that this stands for, in a document with these environments."""
        held: dict[str, Any] = {name: getattr(self, name) for name in _SHARED}
        return Generation(
            **held,
            facts=facts_in(self.facts, self.environment, environments),
            started_at=as_utc(self.started_at),
            finished_at=as_utc(self.finished_at),
        )


def _written_settings(settings: GenerationSettings) -> dict[str, object]:
    """Settings as JSON has them: a number is written the same whether somebody gave it as 1 or as 1.0."""
    return {
        field.name: float(getattr(settings, field.name)) if field.type is float else getattr(settings, field.name)
        for field in fields(GenerationSettings)
    }


_FACTS: Final = tuple(field.name for field in fields(CheckpointFacts) if field.name != "environment")
_SHARED: Final = tuple(
    field.name for field in fields(Generation) if field.name not in ("facts", "started_at", "finished_at")
)

UNKNOWN: Final[Mapping[type, object]] = {GenerationObject: GenerationObject.of(UNKNOWN_GENERATION, Environments())}
"""What stands in for keys that a reply's origin lacks."""
