"""What a model is given, and how sure it was of what it said: values that can be shown, sent and stored.

Knows no tokenizer: whoever does hands over ids and their texts, and gets them in order.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, assert_never

from chat.conversation import Role
from chat.prompt import FENCE, Control, Label, Picture, Prompt, Said, Segment, Words

_SPACE: Final = Label(" ")
_ROLES: Final = {f"{role.capitalize()}:": role for role in Role}


class SegmentKind(StrEnum):
    """What a segment of a prompt is."""

    CONTROL = "control"
    LABEL = "label"
    """Words of the template itself, such as `User:`."""
    WORDS = "words"
    """What somebody wrote."""
    SAID = "said"
    """A reply of the model, in the ids it gave it in."""
    PICTURE = "picture"


@dataclass(frozen=True, slots=True)
class SeenSegment:
    """A segment of a prompt and its tokens."""

    kind: SegmentKind
    start: int
    """Of its tokens the first one's place among those of the prompt."""
    end: int
    turn: int
    """The number of its turn in the prompt, from 1; 0 before the first."""
    picture: int
    """The number, in the prompt and from 1, of the picture that it stands for or fences; 0 for none."""
    newest: int
    """The number of the newest picture up to here; 0 before the first."""


@dataclass(frozen=True, slots=True)
class TokenCount:
    """Tokens by what they are for."""

    text: int = 0
    """Of labels and words, said or written."""
    pictures: int = 0
    """Of pictures, their fences included."""
    control: int = 0
    """Other control tokens."""

    @property
    def total(self) -> int:
        """All of them."""
        return self.text + self.pictures + self.control


@dataclass(frozen=True, slots=True)
class SeenPrompt:
    """A prompt as the model gets it, token by token."""

    token_ids: tuple[int, ...]
    texts: tuple[str, ...]
    """Of every token the text; joined they are the prompt's whole string.

    A token can hold part of a character: then the last one of the character has it, and the others are empty.
    """
    segments: tuple[SeenSegment, ...]
    roles: tuple[Role, ...]
    """Of every turn, in order, the one that the model is to give included."""
    looks_at_newest: bool
    """Whether text looks at the newest picture before it alone; otherwise it sees every picture before it."""

    @property
    def text(self) -> str:
        """The prompt as one string: what its tokens stand for, and nothing else."""
        return "".join(self.texts)

    @property
    def picture_count(self) -> int:
        """How many pictures there are, repeats included."""
        return max((segment.picture for segment in self.segments), default=0)

    def looked_at(self, segment: SeenSegment) -> range:
        """The numbers of the pictures that a segment's tokens take something from."""
        if not self.looks_at_newest:
            return range(1, segment.newest + 1)
        return range(segment.newest, segment.newest + 1) if segment.newest else range(0)

    def count(self, turn: int | None = None) -> TokenCount:
        """The tokens of a turn, 0 for what stands before the first; of the whole prompt for None."""
        text = pictures = control = 0
        for segment in self.segments:
            if turn is not None and segment.turn != turn:
                continue
            tokens = segment.end - segment.start
            if segment.picture:
                pictures += tokens
            elif segment.kind is SegmentKind.CONTROL:
                control += tokens
            else:
                text += tokens
        return TokenCount(text, pictures, control)

    def tokens_of_picture(self, number: int) -> int:
        """How many tokens a picture takes, its fences included; a fence between two belongs to the first."""
        return sum(segment.end - segment.start for segment in self.segments if segment.picture == number)


@dataclass(frozen=True, slots=True)
class View:
    """One view of a picture, as the part of the model that sees gets it, in RGB."""

    png: bytes
    """A PNG file."""
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class SeenPicture:
    """What a model gets of a picture: the whole of it, and where it is seen closely, its tiles as well."""

    whole: View
    tiles: tuple[View, ...] = ()
    """Row by row."""
    rows: int = 0
    columns: int = 0


@dataclass(frozen=True, slots=True)
class Alternative:
    """A token that could have stood in a place."""

    token_id: int
    text: str
    log_probability: float


@dataclass(frozen=True, slots=True)
class WeighedToken:
    """A token of a reply, and how likely it was after all that stands before it."""

    token_id: int
    text: str
    """The texts, joined, are the reply's; a token that closes it has its name."""
    log_probability: float
    """By the model itself, before temperature and other settings change it."""
    rank: int
    """1 for the likeliest of all tokens."""
    alternatives: tuple[Alternative, ...]
    """The likeliest tokens in this place, the likeliest first; the token itself may be among them."""


def seen(
    prompt: Prompt,
    token_ids: Sequence[int],
    texts: Sequence[str],
    spans: Sequence[tuple[int, int]],
    *,
    looks_at_newest: bool,
) -> SeenPrompt:
    """A prompt with its tokens in their places.

    Args:
        prompt: The segments.
        token_ids: Of the whole prompt.
        texts: Of every token.
        spans: Start and end in `token_ids` of every segment.
        looks_at_newest: Whether text looks at the newest picture before it alone.
    """
    segments: list[SeenSegment] = []
    roles: list[Role] = []
    newest = 0
    begun: int | None = None
    for place, (segment, (start, end)) in enumerate(zip(prompt.segments, spans, strict=True)):
        if begun is not None:
            start, begun = begun, None
        if segment == _SPACE and start < end and texts[start] != _SPACE.text:
            # The space is the beginning of the first word's token, which is a word and no part of the template.
            begun, end = start, start
        if isinstance(segment, Label) and (role := _ROLES.get(segment.text.strip())):
            roles.append(role)
        newest += isinstance(segment, Picture)
        picture = _picture(prompt.segments, place, newest)
        segments.append(SeenSegment(_kind(segment), start, end, len(roles), picture, newest))
    return SeenPrompt(tuple(token_ids), tuple(texts), tuple(segments), tuple(roles), looks_at_newest)


def _picture(segments: Sequence[Segment], place: int, newest: int) -> int:
    """The number of the picture that a segment stands for or fences, of which `newest` have begun."""
    if isinstance(segments[place], Picture):
        return newest
    if segments[place] != Control(FENCE):
        return 0
    return newest if place and isinstance(segments[place - 1], Picture) else newest + 1


def _kind(segment: Segment) -> SegmentKind:
    match segment:
        case Control():
            return SegmentKind.CONTROL
        case Label():
            return SegmentKind.LABEL
        case Words():
            return SegmentKind.WORDS
        case Said():
            return SegmentKind.SAID
        case Picture():
            return SegmentKind.PICTURE
        case _:
            assert_never(segment)
