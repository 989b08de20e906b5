"""Turns as a document holds them, and the tree that they are."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from chat.conversation import Image, Part, Role, Text, Turn
from chat.environment import Environment
from chat.errors import ChatError, TranscriptError
from chat.records import LeftOut, StoredTurn
from chat.transcript.pictures import PictureNames, PictureObject, written_picture
from chat.transcript.replies import Environments, GenerationObject
from chat.transcript.times import as_utc
from chat.transcript.values import PlacedTurn


@dataclass(frozen=True, slots=True)
class PartObject:
    """A part of a turn: one of its fields."""

    text: str | None = None
    image: PictureObject | None = None

    def __post_init__(self) -> None:
        if (self.text is None) == (self.image is None):
            raise TranscriptError('a part holds either "text" or "image"')


@dataclass(frozen=True, slots=True)
class TurnObject:
    """A turn as a document holds it."""

    role: Role
    parts: tuple[PartObject, ...]
    after: int | None = None
    """The number of the turn it follows, from 1; 0 for none. Without it, it follows the one that stands before it."""
    created_at: str = ""
    generation: GenerationObject | None = None
    is_example: bool = False
    is_left_out: bool = False
    """Whether the model is not shown this message and the reply to it."""
    left_out_pictures: tuple[int, ...] = ()
    """Which of its pictures alone the model is not shown, from 0."""

    def __post_init__(self) -> None:
        as_utc(self.created_at)

    @property
    def says_nothing(self) -> bool:
        """Whether it stands, as in earlier versions, for the reply that a message never got."""
        return self.role is Role.ASSISTANT and not self.parts and self.generation is None


def written_turn(
    placed: PlacedTurn, left_out: LeftOut, pictures: PictureNames, environments: Environments
) -> dict[str, object]:
    """A turn as JSON has it; what goes without saying is left out.

    Args:
        placed: The turn.
        left_out: Of the whole transcript.
        pictures: How the document names them.
        environments: Of the document; that of the reply comes to them.
    """
    stored = placed.stored
    number = stored.id
    written: dict[str, object] = {"role": stored.turn.role}
    if (placed.after or 0) != number - 1:
        written["after"] = placed.after or 0
    written |= {"created_at": stored.created_at, "parts": [_written_part(part, pictures) for part in stored.turn.parts]}
    if stored.generation is not None:
        written["generation"] = GenerationObject.of(stored.generation, environments).written()
    if stored.is_example:
        written["is_example"] = True
    if number in left_out.messages:
        written["is_left_out"] = True
    if places := sorted(left_out.places(number)) if left_out.pictures else ():
        written["left_out_pictures"] = list(places)
    return written


def placed_turns(
    turns: Sequence[TurnObject], picture: Callable[[PictureObject], Image], environments: Sequence[Environment]
) -> tuple[PlacedTurn, ...]:
    """The tree that the turns of a document are.

    Args:
        turns: Those.
        picture: Gives the picture that the document names.
        environments: Of the document.

    Raises:
        TranscriptError: One may not exist; the message names it.
    """
    placed: list[PlacedTurn] = []
    for number, turn in enumerate(turns, start=1):
        try:
            parts = tuple(_part(part, picture) for part in turn.parts)
            generation = None if turn.generation is None else turn.generation.generation(environments)
            after = number - 1 if turn.after is None else turn.after
            stored = StoredTurn(number, Turn(turn.role, parts), as_utc(turn.created_at), generation, turn.is_example)
        except ChatError as error:
            raise TranscriptError(f"turn {number}: {error}") from error
        placed.append(PlacedTurn(after or None, stored))
    return tuple(placed)


def left_out_of(turns: Sequence[TurnObject]) -> LeftOut:
    """What the model is not shown of the turns of a document."""
    numbered = list(enumerate(turns, start=1))
    return LeftOut(
        frozenset(number for number, turn in numbered if turn.is_left_out),
        frozenset((number, place) for number, turn in numbered for place in turn.left_out_pictures),
    )


def _written_part(part: Part, pictures: PictureNames) -> dict[str, object]:
    return {"text": part.text} if isinstance(part, Text) else {"image": written_picture(pictures.object_of(part))}


def _part(part: PartObject, picture: Callable[[PictureObject], Image]) -> Part:
    return Text(part.text or "") if part.image is None else picture(part.image)
