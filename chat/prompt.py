r"""From a conversation to the prompt a checkpoint was tuned on, as segments.

Control tokens are values of their own type, `Control` and `Picture`; what a person or a model wrote is a value of
another type, so no text can become a control token, whatever it holds. Pure: no tokenizer, no files, no bytes.

The IDEFICS format is the one its processor builds from the model card's list of strings and pictures:
`<s>User:<fake_token_around_image><image><fake_token_around_image>TEXT<end_of_utterance>\nAssistant:`.
That of its successors is their chat template's: `<|im_start|>User:<image>TEXT<end_of_utterance>\nAssistant:`.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Final

from chat.conversation import Conversation, Image, Part, Role, Text, Turn

BEGIN_OF_SEQUENCE: Final = "<s>"
END_OF_SEQUENCE: Final = "</s>"
END_OF_UTTERANCE: Final = "<end_of_utterance>"
"""Closes every turn, where the checkpoint was trained with it; the model emits it when its reply is complete."""

FENCE: Final = "<fake_token_around_image>"
"""Stands before and after every run of pictures; neighbouring pictures share the one between them."""

IMAGE: Final = "<image>"
"""Stands for one picture, or for a part of one where a family spreads a picture over several tokens."""

GLOBAL_IMAGE: Final = "<global-img>"
"""Announces, in families that can cut a picture into tiles, a picture seen as a whole."""

_BROKEN: Final = "\ufffd"
"""What a decoder makes of bytes that are no whole character."""

USER_MARKER: Final = "\nUser:"
"""What a model writes when it forgets to end its utterance and speaks for the user."""


@dataclass(frozen=True, slots=True)
class Control:
    """A control token of the template."""

    token: str


@dataclass(frozen=True, slots=True)
class Label:
    """Words of the template itself: role names, spaces and line ends."""

    text: str


@dataclass(frozen=True, slots=True)
class Words:
    """What somebody wrote. Never a control token, whatever it says."""

    text: str


@dataclass(frozen=True, slots=True)
class Picture:
    """The place of one picture."""

    image: Image


@dataclass(frozen=True, slots=True)
class Said:
    """A reply the model gave, with the ids it gave it in."""

    text: str
    token_ids: tuple[int, ...]

    def with_more(self, text: str, token_ids: tuple[int, ...] = ()) -> "Said":
        """The reply with what was said from its end on."""
        return Said(f"{whole_characters(self.text)}{text}", (*self.token_ids, *token_ids))


Segment = Control | Label | Words | Picture | Said


@dataclass(frozen=True, slots=True)
class Dialect:
    """How one family of checkpoints writes a conversation."""

    begin: str
    """The control token every prompt begins with."""
    closes_turns: bool = True
    """Whether a turn ends with `<end_of_utterance>`, or with nothing but the line end before the next."""
    has_fences: bool = False
    """Whether the template itself fences pictures; other families' fences belong to what a picture expands to."""
    parts_words: bool = False
    """Whether a space parts a picture from words that touch it, as the reference processor of Idefics2 puts it."""
    system_is_turn: bool = True
    """Whether a system text is a closed turn of its own, or stands bare before the first turn."""
    strips_texts: bool = False
    """Whether the spaces around a user's text are left out, as the reference processor of IDEFICS does."""
    goes_on: bool = True
    """Whether a reply can be gone on with from the middle of it."""
    looks_at_newest: bool = False
    """Whether a text looks at the newest picture before it alone, and not at every picture before it."""


IDEFICS: Final = Dialect(
    BEGIN_OF_SEQUENCE, has_fences=True, system_is_turn=False, strips_texts=True, looks_at_newest=True
)
"""IDEFICS 9b and 80b instruct; a system text stands as in the IDEFICS playground, bare before the turns."""

IDEFICS_BASE: Final = replace(IDEFICS, closes_turns=False)
"""IDEFICS 9b and 80b before their tuning: a turn is a line, as in the examples of their guide."""

IDEFICS2: Final = Dialect(BEGIN_OF_SEQUENCE, has_fences=True, parts_words=True)
"""Idefics2, whose language model is a Mistral."""

IDEFICS3: Final = Dialect("<|begin_of_text|>")
"""Idefics3, whose language model is a Llama 3."""

SMOLVLM: Final = Dialect("<|im_start|>")
"""SmolVLM and SmolVLM2, whose language model is a SmolLM2."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """What is handed to the model: segments in order."""

    segments: tuple[Segment, ...]

    @property
    def text(self) -> str:
        """The prompt as one string, as the reference processor would build it."""
        return "".join(written(segment) for segment in self.segments)

    @property
    def images(self) -> tuple[Image, ...]:
        """The prompt's pictures in order, repeats included."""
        return tuple(segment.image for segment in self.segments if isinstance(segment, Picture))


def written(segment: Segment) -> str:
    """How a segment is written in the prompt's string."""
    match segment:
        case Control(token):
            return token
        case Picture():
            return IMAGE
        case Said(text):
            return f" {text}"
        case Label(text) | Words(text):
            return text


def whole_characters(text: str) -> str:
    """A reply's text without a character that it was cut in the middle of; what follows begins with all of it."""
    return text.rstrip(_BROKEN)


def serialize(conversation: Conversation, dialect: Dialect = IDEFICS, *, open_reply: bool = True) -> Prompt:
    """The prompt of a conversation.

    Args:
        conversation: What has been said.
        dialect: Of the checkpoint the prompt is for.
        open_reply: End with `Assistant:`, so that the model speaks next. Needs the last turn to be the user's.
    """
    segments: list[Segment] = [Control(dialect.begin)]
    ending = [Control(END_OF_UTTERANCE)] if dialect.closes_turns else []
    line_end = ""
    if system := conversation.system.strip():
        if dialect.system_is_turn:
            segments += [Label("System: "), Words(system), *ending]
        else:
            segments.append(Words(system))
        line_end = "\n"
    for turn in conversation.turns:
        segments.append(Label(f"{line_end}{turn.role.capitalize()}:"))
        segments.extend(_user_segments(turn, dialect) if turn.role is Role.USER else _assistant_segments(turn))
        segments += ending
        line_end = "\n"
    if open_reply:
        segments.append(Label("\nAssistant:"))
    return Prompt(tuple(segments))


def continuation(parts: Iterable[Image | str], dialect: Dialect = IDEFICS) -> Prompt:
    """A prompt without turns, which the model goes on with: strings and pictures as the reference processor joins them.

    The spaces around a string are left out where the processor does so; those that end the prompt always are, since the
    tokens of the words to come begin with their own.

    Args:
        parts: In order; a prompt of pictures alone asks for a caption.
        dialect: Of the checkpoint the prompt is for.
    """
    listed = list(parts)
    if listed and isinstance(listed[-1], str):
        listed[-1] = listed[-1].rstrip(" ")
    written_parts = [Text(part) if isinstance(part, str) else part for part in listed if part != ""]
    return Prompt((Control(dialect.begin), *_joined(written_parts, dialect)))


def begun(prompt: Prompt, words: str | Said) -> Prompt:
    """An open prompt whose reply has begun: the model goes on from there.

    Args:
        prompt: Ends with `Assistant:`.
        words: What the reply begins with. Of a reply that was cut, `Said` has the model go on from exactly its ids, in
            the middle of a word too, and the pieces of the reply are what follows its text; where the ids are not known
            or do not say the text, from its words.
    """
    if isinstance(words, str):
        return Prompt((*prompt.segments, Label(" "), Words(words))) if words else prompt
    return Prompt((*prompt.segments, words)) if words.text else prompt


def before_next(prompt: Prompt, dialect: Dialect, text: str, token_ids: tuple[int, ...]) -> Prompt:
    """What the next prompt begins with, whatever the user says in it, unless they change what was said.

    Args:
        prompt: That a reply was given to.
        dialect: Of the checkpoint it is for.
        text: The reply's.
        token_ids: The ids that are this text.
    """
    ending = [Control(END_OF_UTTERANCE)] if dialect.closes_turns else []
    *others, last = prompt.segments
    if isinstance(last, Said):
        before: tuple[Segment, ...] = (*others, last.with_more(text, token_ids))
    else:
        before = (*prompt.segments, Said(text, token_ids)) if token_ids else prompt.segments
    return Prompt((*before, *ending, Label(USER_MARKER)))


def before_last(prompt: Prompt) -> Prompt:
    """What stands in a prompt before the last thing that the user said."""
    labels = [place for place, segment in enumerate(prompt.segments) if segment in (Label(USER_MARKER), Label("User:"))]
    return Prompt(prompt.segments[: max(labels, default=0)])


def _assistant_segments(turn: Turn) -> Iterator[Segment]:
    if turn.token_ids:
        yield Said(turn.text, turn.token_ids)
    elif turn.text:
        yield Label(" ")
        yield Words(turn.text)


def _user_segments(turn: Turn, dialect: Dialect) -> Iterator[Segment]:
    """One space between the label and a text, none before a picture."""
    first = turn.parts[0]
    if isinstance(first, Text) and (first.text.strip(" ") or not dialect.strips_texts):
        yield Label(" ")
    yield from _joined(turn.parts, dialect)


def _joined(parts: Iterable[Part], dialect: Dialect) -> Iterator[Segment]:
    """Texts and pictures, with fences around every run of pictures."""
    in_pictures = False
    for part in parts:
        match part:
            case Image():
                if dialect.has_fences and not in_pictures:
                    yield Control(FENCE)
                yield Picture(part)
                if dialect.has_fences:
                    yield Control(FENCE)
                in_pictures = True
            case Text(text):
                # The reference processor strips the spaces, and only the spaces, around every text it is given.
                words = text.strip(" ") if dialect.strips_texts else text
                if words:
                    if in_pictures and dialect.parts_words and _touches(words):
                        yield Label(" ")
                    yield Words(words)
                    in_pictures = False


def _touches(words: str) -> bool:
    """Whether words begin neither with a space nor with what a control token begins with."""
    return not words[0].isspace() and words[0] != "<"
