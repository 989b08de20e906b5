"""What there is to see, put into words."""

import textwrap
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from chat.conversation import Image, Role, Text, Turn
from chat.errors import ChatError
from chat.records import Choice, StoredTurn
from chat.safe_text import short_line
from chat.talk.commands import Command
from chat.talk.labels import speaker_label
from chat.talk.wording import basis_in_words, ending_in_words, label_of, shown_part, size_in_words

WIDTH: Final = 80
"""Columns that a line of help may take."""
_INDENT: Final = "  "
LONGEST_LABEL: Final = 40


def picture_in_words(image: Image, number: int) -> str:
    """A picture as it is announced: `[1] cat.jpg, 1024 by 768 pixels, 212 kB`."""
    words = f"[{number}] {short_line(image.name, 100)}, {image.width} by {image.height} pixels"
    try:
        return f"{words}, {size_in_words(len(image.read()))}"
    except ChatError:
        # Its bytes are not needed to tell of it.
        return words


def message_in_words(turn: Turn, number: int) -> str:
    """A message of the user's: its text with a mark where each picture stands."""
    parts: list[str] = []
    for part in turn.parts:
        if isinstance(part, Text):
            parts.append(shown_part(part.text))
        else:
            parts.append(f"[{number}]")
            number += 1
    return " ".join(part.strip() for part in parts)


def said_in_words(stored: StoredTurn, number: int) -> tuple[str, str]:
    """A turn as it is shown later: who said it, and what; pictures are numbered from there on."""
    if stored.turn.role is Role.USER:
        return "You", message_in_words(stored.turn, number) + (" (an example)" if stored.is_example else "")
    text = shown_part(stored.turn.text).rstrip()
    if ending := ending_of(stored):
        return speaker_of(stored), f"{text}\n({ending})" if text else f"({ending})"
    return speaker_of(stored), text or "(no words)"


def speaker_of(stored: StoredTurn) -> str:
    """Who replied."""
    return named(stored.generation.facts.name) if stored.generation else "model"


def named(checkpoint: str) -> str:
    """The label of a checkpoint's replies."""
    return speaker_label(label_of(checkpoint))


def ending_of(stored: StoredTurn) -> str:
    """Why a reply was cut; empty where the model had finished it."""
    generation = stored.generation
    if generation is None:
        return ""
    token_count = len(generation.token_ids) or int(bool(stored.turn.text))
    return ending_in_words(generation.stop_reason, generation.settings, token_count)


def choice_in_words(choice: Choice) -> tuple[str, str]:
    """Labels that were ranked as an answer: who ranked them; and the likeliest, with a line for each below."""
    best = f"most likely {short_line(choice.ranking.best)}"
    return named(choice.facts.name), "\n".join([best, *_choice_lines(choice)])


def _choice_lines(choice: Choice) -> Iterator[str]:
    """A line for each label, the likeliest first, and what they were ranked by."""
    ranking = choice.ranking
    names = [short_line(label, LONGEST_LABEL) for label in ranking.labels]
    shares = _aligned([f"{100 * share:.1f} %" for share in ranking.probabilities])
    values = _aligned([f"{value:.2f}" for value in ranking.values])
    width = max(len(name) for name in names)
    for place in ranking.order:
        yield f"{names[place]:<{width}}  {shares[place]}  {values[place]}"
    yield f"({basis_in_words(choice).replace(' · ', ', ')})"


def _aligned(numbers: Sequence[str]) -> list[str]:
    width = max(len(number) for number in numbers)
    return [number.rjust(width) for number in numbers]


def help_lines(commands: Iterable[Command], steps: Iterable[str]) -> Iterator[str]:
    """The commands, each with what it does, and how to begin; no line is wider than a terminal as a rule is."""
    listed = list(commands)
    column = max(len(command.usage) for command in listed) + 2
    yield "Commands:"
    for command in listed:
        told = textwrap.wrap(command.description, WIDTH - len(_INDENT) - column)
        yield f"{_INDENT}{command.usage:<{column}}{told[0]}"
        yield from (f"{_INDENT}{'':<{column}}{line}" for line in told[1:])
    yield ""
    for step in steps:
        yield from textwrap.wrap(step, WIDTH)


def quoted(text: str, most: int = 60) -> str:
    """The beginning of a text, in quotes."""
    return f"“{short_line(text, most)}”"
