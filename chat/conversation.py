"""What a conversation is: frozen values that cannot be wrong.

Nothing here knows of prompts, models, files or screens.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import pairwise

from chat.errors import InvalidTurnError

_DIGEST = re.compile(r"[0-9a-f]{64}")


class Role(StrEnum):
    """Who speaks."""

    USER = "user"
    ASSISTANT = "assistant"

    @property
    def other(self) -> "Role":
        """Who speaks next."""
        return Role.ASSISTANT if self is Role.USER else Role.USER


@dataclass(frozen=True, slots=True)
class Text:
    """Words, exactly as they were written."""

    text: str

    def __post_init__(self) -> None:
        if not self.text:
            raise InvalidTurnError("a text part is empty: leave it out")


@dataclass(frozen=True, slots=True)
class Image:
    """A picture, known by what it holds and not by where it lies. Two images with one digest are equal."""

    digest: str
    """sha256 of the picture's bytes as stored, 64 hexadecimal digits."""
    width: int = field(compare=False)
    """In pixels, after the orientation its file asks for."""
    height: int = field(compare=False)
    """In pixels, after the orientation its file asks for."""
    name: str = field(compare=False)
    """What a person would call it, a file name as a rule; for display alone, never opened."""
    read: Callable[[], bytes] = field(compare=False, repr=False)
    """Gives the picture's bytes, those that `digest` was taken of."""

    def __post_init__(self) -> None:
        if not _DIGEST.fullmatch(self.digest):
            raise InvalidTurnError(f"{self.digest!r} is not a sha256 digest")
        if self.width < 1 or self.height < 1:
            raise InvalidTurnError(f"picture {self.digest[:8]} has no area ({self.width}x{self.height})")


Part = Text | Image


@dataclass(frozen=True, slots=True)
class Turn:
    """What one role said: texts and pictures in the order given.

    A user's turn holds a picture or a text that is not blank. An assistant's turn is one text, or nothing where the
    model ended its utterance at once or was stopped before its first word.
    """

    role: Role
    parts: tuple[Part, ...] = ()
    token_ids: tuple[int, ...] = field(default=(), compare=False)
    """The ids the model generated for this turn, where they are known for the checkpoint in use.

    They are handed back to the model unchanged: tokenizing the text again need not give the same ids.
    """

    def __post_init__(self) -> None:
        # Most turns are one text, and a long session has thousands.
        if len(self.parts) > 1:
            for first, second in pairwise(self.parts):
                if isinstance(first, Text) and isinstance(second, Text):
                    raise InvalidTurnError("two text parts stand next to each other: join them")
        if self.role is Role.USER:
            if not any(isinstance(part, Image) or part.text.strip() for part in self.parts):
                raise InvalidTurnError("the message is empty: write something or attach a picture")
            if self.token_ids:
                raise InvalidTurnError("a user's turn has no generated token ids")
        elif len(self.parts) > 1 or (self.parts and not isinstance(self.parts[0], Text)):
            raise InvalidTurnError("an assistant's turn is one text")

    @property
    def images(self) -> tuple[Image, ...]:
        """The turn's pictures in order."""
        return tuple(part for part in self.parts if isinstance(part, Image))

    @property
    def text(self) -> str:
        """The turn's texts, one line apart, without its pictures."""
        return "\n".join(part.text for part in self.parts if isinstance(part, Text))


def user_turn(*parts: Part | str) -> Turn:
    """A user's turn; a plain string stands for a `Text`."""
    return Turn(Role.USER, tuple(Text(part) if isinstance(part, str) else part for part in parts))


def assistant_turn(text: str, token_ids: tuple[int, ...] = ()) -> Turn:
    """An assistant's turn; an empty text gives a turn without parts."""
    return Turn(Role.ASSISTANT, (Text(text),) if text else (), token_ids)


@dataclass(frozen=True, slots=True)
class Conversation:
    """Turns that alternate, the user's first, and an optional system text before them."""

    turns: tuple[Turn, ...] = ()
    system: str = ""
    """Instructions that stand before the first turn; empty when there are none."""

    def __post_init__(self) -> None:
        expected = Role.USER
        for number, turn in enumerate(self.turns, start=1):
            if turn.role is not expected:
                raise InvalidTurnError(f"turn {number} is the {turn.role}'s, but it is the {expected}'s turn to speak")
            expected = expected.other

    @property
    def images(self) -> tuple[Image, ...]:
        """Every picture of the conversation in order, repeats included."""
        return tuple(image for turn in self.turns for image in turn.images)

    def with_turn(self, turn: Turn) -> "Conversation":
        """This conversation and one turn more."""
        return Conversation((*self.turns, turn), self.system)
