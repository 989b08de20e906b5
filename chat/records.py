"""What a store keeps and gives back: frozen values, without a word on how they are kept."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Self

from chat.conversation import Image, Role, Turn
from chat.generation import CheckpointFacts, GenerationSettings, Reply, StopReason
from chat.prompt_ids import PromptIds
from chat.ranking import Ranking


@dataclass(frozen=True, slots=True)
class Imported:
    """What became of a conversation that was brought in."""

    session_id: str
    """Of the session that holds it."""
    is_new: bool
    """False where it was there already: then nothing was made twice."""
    added_turns: int = 0
    """How many turns an earlier import of it has been given."""
    was_deleted: bool = False
    """Whether the session had been deleted, and was brought back."""
    title: str = field(default="", compare=False)
    """The session's."""


@dataclass(frozen=True, slots=True)
class Generation:
    """Where a reply came from."""

    facts: CheckpointFacts
    settings: GenerationSettings
    stop_reason: StopReason | None
    """None while the reply is being written, and for good when the program died in the middle of it."""
    seed: int | None
    token_ids: Sequence[int]
    prompt_tokens: int
    cached_tokens: int
    first_token_s: float
    total_s: float
    prompt: PromptIds | None = None
    """None where the prompt's ids are not known."""
    started_at: str = field(default="", compare=False)
    """ISO 8601, UTC; empty where it is not known."""
    finished_at: str = field(default="", compare=False)
    """ISO 8601, UTC; empty where it is not known, and where nothing ended the reply."""

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
            prompt=PromptIds(0, reply.prompt_ids) if reply.prompt_ids else None,
        )

    def reply(self, text: str) -> Reply | None:
        """The whole reply with this text, its prompt's ids aside; None where nothing ever ended it."""
        if self.stop_reason is None:
            return None
        return Reply(
            text=text,
            token_ids=tuple(self.token_ids),
            stop_reason=self.stop_reason,
            prompt_tokens=self.prompt_tokens,
            cached_tokens=self.cached_tokens,
            seed=self.seed,
            first_token_s=self.first_token_s,
            total_s=self.total_s,
            begun_tokens=self.begun_tokens,
        )

    @property
    def begun_tokens(self) -> int:
        """How many of its first ids were said before the reply was cut, and are the end of the prompt it went on from.

        0 too where the prompt's ids are not known.
        """
        prompt, ids = self.prompt.token_ids if self.prompt is not None else (), self.token_ids
        counts = (count for count in range(min(len(prompt), len(ids)), 0, -1) if prompt[-count] == ids[0])
        return next((count for count in counts if tuple(prompt[-count:]) == tuple(ids[:count])), 0)

    @property
    def spoken_ids(self) -> tuple[int, ...]:
        """The ids that are the text: without the token that closed it."""
        is_closed = self.stop_reason is not None and self.stop_reason.has_closing_token
        return tuple(self.token_ids)[:-1] if is_closed else tuple(self.token_ids)

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
    is_example: bool = False
    """Whether this message of the user's, with the reply to it, is an example of how to reply."""


def exchanges_of(turns: Iterable[StoredTurn]) -> list[tuple[StoredTurn, StoredTurn | None]]:
    """The messages of stored turns, each with its reply; None where it got none."""
    exchanges: list[tuple[StoredTurn, StoredTurn | None]] = []
    for stored in turns:
        if stored.turn.role is Role.USER:
            exchanges.append((stored, None))
        else:
            exchanges[-1] = (exchanges[-1][0], stored)
    return exchanges


def examples_of(turns: Iterable[StoredTurn]) -> list[StoredTurn]:
    """The marked exchanges that have a reply, message and reply in turn."""
    return [
        stored
        for message, reply in exchanges_of(turns)
        if message.is_example and reply is not None and reply.turn.text.strip()
        for stored in (message, reply)
    ]


@dataclass(frozen=True, slots=True)
class TreeTurn:
    """A turn as it is shown in the tree of a session's branches."""

    id: int
    parent_id: int | None
    """The turn before it; None for one that the session begins with."""
    role: Role
    words: str
    """The beginning of its text."""
    image_count: int
    created_at: str
    """ISO 8601, UTC."""
    checkpoint: str
    """That gave it; empty for a user's turn."""
    seed: int | None
    """What the sampling was seeded with; None for greedy decoding and for a user's turn."""
    stop_reason: StopReason | None
    """None for a user's turn, and for a reply that nothing ever ended."""
    is_shown: bool
    """Whether it is in the branch that the session shows."""


@dataclass(frozen=True, slots=True)
class Choice:
    """Labels that a model ranked as the reply to a question of ours. It stands beside the conversation.

    The model sees neither the question nor the labels later.
    """

    turn_id: int | None
    """The turn it follows; None before the first."""
    ranking: Ranking
    facts: CheckpointFacts
    """Of the checkpoint that ranked."""
    created_at: str = ""
    """ISO 8601, UTC."""
    images: tuple[Image, ...] = ()
    """Pictures that came with the question, attached to a message that was not sent."""
    number: int = 0
    """The first one's number in the conversation, or without any that of the newest picture the model saw; 0: none."""
    left_out: int = 0
    """How many of the oldest messages the model was not shown."""


@dataclass(frozen=True, slots=True)
class LeftOut:
    """What of a session the model is not shown, because somebody decided so. The session keeps all of it."""

    messages: frozenset[int] = frozenset()
    """Ids of user's turns that are left out with the replies to them."""
    pictures: frozenset[tuple[int, int]] = frozenset()
    """Pictures that are left out alone: the id of their turn, and which of its pictures it is, from 0."""

    def __bool__(self) -> bool:
        return bool(self.messages or self.pictures)

    def places(self, turn_id: int) -> frozenset[int]:
        """Which of a turn's pictures are left out alone, from 0."""
        return frozenset(place for turn, place in self.pictures if turn == turn_id)
