"""What a transcript is: a conversation with where its replies came from, apart from any file or database."""

from dataclasses import dataclass
from typing import Final

from chat.conversation import Conversation, Image, Role
from chat.errors import InvalidTurnError
from chat.generation import CheckpointFacts, GenerationSettings, StopReason
from chat.records import Choice, Generation, StoredTurn

UNKNOWN_GENERATION: Final = Generation(
    facts=CheckpointFacts(""),
    settings=GenerationSettings(),
    stop_reason=StopReason.END_OF_UTTERANCE,
    seed=None,
    token_ids=(),
    prompt_tokens=0,
    cached_tokens=0,
    first_token_s=0.0,
    total_s=0.0,
)
"""Stands in for what a file does not say of a reply; the checkpoint without a name is the one nobody knows."""


@dataclass(frozen=True, slots=True)
class Transcript:
    """A conversation that can be written to a file and read back."""

    title: str = ""
    system: str = ""
    """Instructions that stand before the first turn; empty when there are none."""
    turns: tuple[StoredTurn, ...] = ()
    """In alternation, the user's first; their ids count from 1. A reply's token ids stand in its generation alone."""
    choices: tuple[Choice, ...] = ()
    """Labels that were ranked beside it; the turn that each follows is named by its number."""

    def __post_init__(self) -> None:
        Conversation(tuple(stored.turn for stored in self.turns), self.system)
        for number, stored in enumerate(self.turns, start=1):
            if stored.generation is not None and stored.turn.role is Role.USER:
                raise InvalidTurnError(f"turn {number} is the user's and cannot have a generation")
            if stored.is_example and stored.turn.role is Role.ASSISTANT:
                raise InvalidTurnError(f"turn {number} is the assistant's: mark the message before it as the example")
        for choice in self.choices:
            if choice.turn_id is not None and not 1 <= choice.turn_id <= len(self.turns):
                raise InvalidTurnError(f"labels were ranked after turn {choice.turn_id}, which is not there")

    @property
    def images(self) -> tuple[Image, ...]:
        """Every picture in order, each once; those of choices come last."""
        said = [image for stored in self.turns for image in stored.turn.images]
        return tuple(dict.fromkeys([*said, *(image for choice in self.choices for image in choice.images)]))
