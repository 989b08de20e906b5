"""What a transcript is: a conversation with where its replies came from, apart from any file or database."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from chat.conversation import Image, Role, Turn
from chat.errors import InvalidTurnError
from chat.generation import CheckpointFacts, GenerationSettings, StopReason
from chat.records import Choice, Generation, LeftOut, StoredTurn

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

NOTHING_LEFT_OUT: Final = LeftOut()


@dataclass(frozen=True, slots=True)
class PlacedTurn:
    """A turn, and where it stands in the tree of all turns."""

    after: int | None
    """The number of the turn it follows; None for one that the session begins with."""
    stored: StoredTurn
    """Its id is its number."""


@dataclass(frozen=True, slots=True)
class Transcript:
    """A session that can be written to a file and read back: the branch that is shown, and the others beside it.

    All its turns together are numbered from 1 by their ids, each after the one it follows; a plain conversation is its
    shown branch alone. A reply follows a message; a message may follow any turn.
    """

    title: str = ""
    system: str = ""
    """Instructions that stand before the first turn; empty when there are none."""
    turns: tuple[StoredTurn, ...] = ()
    """Those of the branch that is shown, the first one first. A reply's token ids stand in its generation alone."""
    choices: tuple[Choice, ...] = ()
    """Labels that were ranked beside it; the turn that each follows is named by its number."""
    others: tuple[PlacedTurn, ...] = ()
    """The turns that are in other branches alone."""
    left_out: LeftOut = NOTHING_LEFT_OUT
    """What the model is not shown, by the numbers of turns."""
    session_id: str = ""
    """By which the program that it comes from knows it; empty where that is not said."""
    title_is_own: bool | None = None
    """Whether the user gave the title; None: if there is one, and otherwise the first message makes one."""
    is_pinned: bool = False
    created_at: str = ""
    """ISO 8601, UTC; empty where it is not known."""
    updated_at: str = ""
    """ISO 8601, UTC; empty where it is not known."""
    missing: tuple[Image, ...] = field(default=(), compare=False)
    """The pictures whose bytes are gone: reading one raises ImageError."""

    def __post_init__(self) -> None:
        tree = self.tree
        _check_places(tree)
        for placed in tree:
            _check_role(placed, tree)
        for choice in self.choices:
            if choice.turn_id is not None and not 1 <= choice.turn_id <= len(tree):
                raise InvalidTurnError(f"labels were ranked after turn {choice.turn_id}, which is not there")
        _check_left_out(self.left_out, {placed.stored.id: placed.stored.turn for placed in tree})

    @property
    def tree(self) -> tuple[PlacedTurn, ...]:
        """Every turn of every branch, by number."""
        before = [None, *(stored.id for stored in self.turns[:-1])]
        shown = (PlacedTurn(after, stored) for after, stored in zip(before, self.turns, strict=False))
        return tuple(sorted((*shown, *self.others), key=lambda placed: placed.stored.id))

    @property
    def last(self) -> int | None:
        """The number of the last turn that is shown; None where none is."""
        return self.turns[-1].id if self.turns else None

    @property
    def images(self) -> tuple[Image, ...]:
        """Every picture in order, each once; those of other branches come later, and those of choices last."""
        said = [image for stored in self.turns for image in stored.turn.images]
        elsewhere = [image for placed in self.others for image in placed.stored.turn.images]
        chosen = [image for choice in self.choices for image in choice.images]
        return tuple(dict.fromkeys([*said, *elsewhere, *chosen]))

    @property
    def present(self) -> tuple[Image, ...]:
        """The pictures that are not missing."""
        missing = set(self.missing)
        return tuple(image for image in self.images if image not in missing)

    def branch(self, last: int) -> tuple[StoredTurn, ...]:
        """The turns from the first to the one with this number; raises InvalidTurnError where there is none."""
        turns, _ = divided(self.tree, last)
        return turns


def divided(tree: Sequence[PlacedTurn], last: int | None) -> tuple[tuple[StoredTurn, ...], tuple[PlacedTurn, ...]]:
    """The branch that ends with a turn, and all turns that are not in it.

    Args:
        tree: Every turn, by number from 1.
        last: The number of the turn; None for the branch without any.

    Raises:
        InvalidTurnError: There is no such turn, or one follows a turn that does not come before it.
    """
    _check_places(tree)
    if last is not None and not 1 <= last <= len(tree):
        raise InvalidTurnError(f"there is no turn {last}")
    branch: list[StoredTurn] = []
    place = last
    while place is not None:
        placed = tree[place - 1]
        branch.append(placed.stored)
        place = placed.after
    in_branch = {stored.id for stored in branch}
    return tuple(reversed(branch)), tuple(placed for placed in tree if placed.stored.id not in in_branch)


def _check_places(tree: Iterable[PlacedTurn]) -> None:
    for number, placed in enumerate(tree, start=1):
        if placed.stored.id != number:
            raise InvalidTurnError(f"turn {number} has the number {placed.stored.id}")
        if placed.after is not None and not 1 <= placed.after < number:
            raise InvalidTurnError(f"turn {number} follows turn {placed.after}, which does not come before it")


def _check_role(placed: PlacedTurn, tree: Sequence[PlacedTurn]) -> None:
    stored = placed.stored
    if stored.turn.role is Role.USER:
        if stored.generation is not None:
            raise InvalidTurnError(f"turn {stored.id} is the user's and cannot have a generation")
        return
    if placed.after is None or tree[placed.after - 1].stored.turn.role is Role.ASSISTANT:
        raise InvalidTurnError(f"turn {stored.id} is the assistant's, but it is the user's turn to speak")
    if stored.is_example:
        raise InvalidTurnError(f"turn {stored.id} is the assistant's: mark the message before it as the example")


def _check_left_out(left: LeftOut, turns: Mapping[int, Turn]) -> None:
    for number in (*left.messages, *(number for number, _ in left.pictures)):
        if number not in turns or turns[number].role is not Role.USER:
            raise InvalidTurnError(f"turn {number} is no message: only messages can be left out")
    for number, place in left.pictures:
        if not 0 <= place < len(turns[number].images):
            raise InvalidTurnError(f"turn {number} has no picture {place} to leave out: they count from 0")
