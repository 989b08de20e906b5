"""What a store keeps and gives back: frozen values, without a word on how they are kept."""

from dataclasses import dataclass
from typing import Self

from chat.conversation import Image, Turn
from chat.generation import CheckpointFacts, GenerationSettings, Reply, StopReason


@dataclass(frozen=True, slots=True)
class SessionSummary:
    """A line of the session list."""

    id: str
    title: str
    """What the user called it, or the first words of its first message; may be empty."""
    created_at: str
    """ISO 8601, UTC."""
    updated_at: str
    """ISO 8601, UTC."""
    turn_count: int
    image_count: int
    checkpoint: str
    """Of the newest reply; empty when there is none."""
    system: str


@dataclass(frozen=True, slots=True)
class Generation:
    """Where a reply came from."""

    facts: CheckpointFacts
    settings: GenerationSettings
    stop_reason: StopReason | None
    """None while the reply is being written, and for good when the program died in the middle of it."""
    seed: int | None
    token_ids: tuple[int, ...]
    prompt_tokens: int
    cached_tokens: int
    first_token_s: float
    total_s: float

    @classmethod
    def of(cls, reply: Reply, facts: CheckpointFacts, settings: GenerationSettings) -> Self:
        """Where a whole reply came from."""
        return cls(
            facts=facts,
            settings=settings,
            stop_reason=reply.stop_reason,
            seed=reply.seed,
            token_ids=reply.token_ids,
            prompt_tokens=reply.prompt_tokens,
            cached_tokens=reply.cached_tokens,
            first_token_s=reply.first_token_s,
            total_s=reply.total_s,
        )

    def reply(self, text: str) -> Reply | None:
        """The whole reply with this text; None where nothing ever ended it."""
        if self.stop_reason is None:
            return None
        return Reply(
            text=text,
            token_ids=self.token_ids,
            stop_reason=self.stop_reason,
            prompt_tokens=self.prompt_tokens,
            cached_tokens=self.cached_tokens,
            seed=self.seed,
            first_token_s=self.first_token_s,
            total_s=self.total_s,
        )

    @property
    def spoken_ids(self) -> tuple[int, ...]:
        """The ids that are the text: without the token that closed it."""
        is_closed = self.stop_reason is not None and self.stop_reason.has_closing_token
        return self.token_ids[:-1] if is_closed else self.token_ids

    @property
    def is_interrupted(self) -> bool:
        """Whether nothing ever ended the reply."""
        return self.stop_reason is None


@dataclass(frozen=True, slots=True)
class StoredTurn:
    """A turn of a stored session."""

    id: int
    turn: Turn
    created_at: str
    """ISO 8601, UTC."""
    generation: Generation | None
    """None for a user's turn."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A message that has not been sent."""

    text: str = ""
    images: tuple[Image, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.text or self.images)
