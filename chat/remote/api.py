"""What a kind of server must be able to do, whichever it is."""

import threading
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol, TypeGuard

from chat.generation import CheckpointFacts, Chunk, GenerationSettings, Score, StopReason
from chat.prompt import Dialect, Prompt

_MOST_TOKENS: Final = 2**31
_LONGEST_NAME: Final = 200


@dataclass(frozen=True, slots=True)
class Ending:
    """How a reply ended, and what the server counted."""

    reason: StopReason
    prompt_tokens: int = 0
    cached_tokens: int = 0
    told_tokens: int = 0
    """Tokens of the reply, where their ids are not told."""
    unspoken: int = 0
    """How many of the last tokens are no part of what was said."""


class Api(Protocol):
    """A model as a server of one kind has it."""

    @property
    def facts(self) -> CheckpointFacts:
        """What the server has loaded."""

    @property
    def dialect(self) -> Dialect:
        """How prompts for it are written."""

    def said(self, prompt: Prompt, settings: GenerationSettings, stop: threading.Event) -> Generator[Chunk | Ending]:
        """Yield a reply piece by piece and last of all its ending, or nothing more once `stop` is set.

        Whoever wants no more closes it.

        Raises:
            GenerationError: The server failed, or cannot do what is asked.
        """

    def score(self, prompt: Prompt, texts: Sequence[str], stop: threading.Event) -> tuple[Score, ...] | None:
        """See `TextGenerator.score`."""


def number(found: Any, name: str) -> int:
    """A count in an answer; 0 where it has none that can be one."""
    value = found.get(name) if isinstance(found, dict) else None
    return value if isinstance(value, int) and 0 < value <= _MOST_TOKENS else 0


def is_name(found: Any) -> TypeGuard[str]:
    """Whether something in an answer can be the name of a model, and be shown as one."""
    return isinstance(found, str) and 0 < len(found) <= _LONGEST_NAME and found.isprintable()
