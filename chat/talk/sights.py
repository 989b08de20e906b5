"""What a model is given of a conversation, with what a person calls its parts, and which pictures its texts look at."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from chat.conversation import Conversation, Image
from chat.generation import TextGenerator
from chat.seen import SeenPrompt, SegmentKind
from chat.talk.said import numbers_of, prompt_of
from chat.talk.wording import label_of


@dataclass(frozen=True, slots=True)
class SeenTalk:
    """A conversation as a model is given it, with what a person calls its parts."""

    shown: SeenPrompt
    images: tuple[Image, ...]
    """The prompt's pictures in order."""
    numbers: tuple[int, ...]
    """Of these, the numbers that they go by in the session."""
    model: str
    """What the checkpoint's turns are labelled with."""
    context_length: int
    turns_before: int = 0
    """Turns of the session that the model is not shown, before those that it is."""
    has_draft: bool = False
    """Whether the last message is still being written."""


def seen_talk(
    generator: TextGenerator,
    conversation: Conversation,
    known: Sequence[Image],
    *,
    turns_before: int = 0,
    has_draft: bool = False,
) -> SeenTalk:
    """What a model is given of a conversation.

    Args:
        generator: The model.
        conversation: As it is shown to it.
        known: All pictures of the session in order, and those of the message being written.
        turns_before: Turns of the session that the model is not shown.
        has_draft: Whether the last message is still being written.

    Raises:
        ModelError: It cannot be told.
    """
    prompt = prompt_of(conversation, generator)
    return SeenTalk(
        generator.describe(prompt),
        prompt.images,
        numbers_of(prompt.images, known),
        label_of(generator.facts.name),
        generator.facts.context_length,
        turns_before,
        has_draft,
    )


def sight_sentences(talk: SeenTalk) -> list[str]:
    """Which picture each part of the text attends to."""
    numbers = [f"[{number}]" for number in talk.numbers]
    if not numbers:
        return ["no picture: the model reads text alone"]
    if not talk.shown.looks_at_newest:
        seen = "every picture" if len(numbers) > 1 else "the picture"
        return [f"text looks at {seen} before it: {_listed(numbers)}"]
    parts = [f"from {one} to {other}, text looks at {one} only" for one, other in pairwise(numbers)]
    parts.append(f"after {numbers[-1]}, text looks at picture {numbers[-1]} only")
    if _has_words_before_pictures(talk.shown):
        parts.insert(0, f"before {numbers[0]}, text looks at no picture")
    return parts


def _has_words_before_pictures(shown: SeenPrompt) -> bool:
    words = (SegmentKind.WORDS, SegmentKind.SAID)
    return any(one.kind in words and one.end > one.start and not one.newest for one in shown.segments)


def _listed(numbers: Sequence[str]) -> str:
    if len(numbers) > 3:
        return f"{numbers[0]} to {numbers[-1]}"
    return " and ".join(", ".join(numbers).rsplit(", ", 1))
