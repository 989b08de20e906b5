"""Pictures put under one of several labels: by what the model says, or by which label it finds likeliest."""

import re
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from chat.conversation import Image
from chat.errors import InputError, UsageError
from chat.files import read_file
from chat.generation import GenerationSettings, Reply, TextGenerator
from chat.prompt import continuation
from chat.ranking import Ranking, check_labels
from chat.safe_text import short_line
from chat.tasks.answers import Asked, Picturable, answers, pictures
from chat.tasks.prompts import classification_prompt

LABEL_TOKENS: Final = 6
"""New tokens of an answer, unless a label has more."""

_MOST_BYTES: Final = 2**20
"""Of a file of labels."""


@dataclass(frozen=True, slots=True)
class Classification:
    """The label of a picture, and what it was told from."""

    image: Image
    label: str | None
    """None where the model named none of them."""
    reply: Reply | None = None
    """What the model said; None where labels were ranked."""
    ranking: Ranking | None = None
    """The labels' scores; None where the model was let speak."""

    @property
    def text(self) -> str:
        """What the model said, or the likeliest label."""
        return self.label or "" if self.reply is None else self.reply.text


def classify(
    generator: TextGenerator,
    images: Sequence[Picturable] | Picturable,
    labels: Sequence[str],
    *,
    rank: bool = False,
    per_token: bool = False,
    settings: GenerationSettings | None = None,
    stop: threading.Event | None = None,
) -> list[Classification]:
    """Which of the labels each picture has.

    Args:
        generator: A loaded checkpoint.
        images: Pictures or their files.
        labels: Two or more.
        rank: Compare how likely the model finds each label, and generate nothing.
        per_token: In a ranking, compare the labels' log-likelihoods for each of their tokens.
        settings: Of what is generated: greedy, and as many new tokens as the longest label needs, 6 at least, if not
            given.
        stop: Ends it early when set; pictures not classified by then are missing.

    Raises:
        UsageError: There are fewer than two labels, or one is blank or stands twice.
    """
    return list(
        classifications(
            generator, pictures(images), labels, rank=rank, per_token=per_token, settings=settings, stop=stop
        )
    )


def classifications(
    generator: TextGenerator,
    images: Sequence[Picturable],
    labels: Sequence[str],
    *,
    rank: bool = False,
    per_token: bool = False,
    settings: GenerationSettings | None = None,
    stop: threading.Event | None = None,
) -> Iterator[Classification]:
    """Yield what `classify` gives, one after the other."""
    checked, opened = check_labels(labels), pictures(images)
    stop = stop or threading.Event()
    if rank:
        yield from _ranked(generator, opened, checked, per_token, stop)
        return
    settings = settings or GenerationSettings(max_new_tokens=tokens_of(checked, generator))
    asked = [Asked((image,), classification_prompt(checked, image, generator.dialect), settings) for image in opened]
    for answer in answers(generator, asked, stop):
        yield Classification(answer.image, named_label(answer.reply.text, checked), answer.reply)


def named_label(text: str, labels: Sequence[str]) -> str | None:
    """The label that a text names: the one it begins with, the longest of several, or else the only one in it.

    Upper and lower case are the same, unless two labels differ in nothing else.
    """
    longest_first = sorted(labels, key=len, reverse=True)
    pattern = "|".join(f"({re.escape(label)})" for label in longest_first)
    found = list(re.finditer(rf"(?<!\w)(?:{pattern})(?!\w)", text, re.IGNORECASE))
    if not found:
        return None
    is_first = not re.search(r"\w", text[: found[0].start()])
    names = {
        match[0] if match[0] in labels else longest_first[(match.lastindex or 1) - 1]
        for match in (found[:1] if is_first else found)
    }
    return names.pop() if len(names) == 1 else None


def tokens_of(labels: Sequence[str], generator: TextGenerator) -> int:
    """How many new tokens let the model say any of the labels and end its reply."""

    def count(*parts: str) -> int:
        return generator.count_tokens(continuation(parts, generator.dialect))

    nothing = count()
    return max(LABEL_TOKENS, *(count(label) - nothing + 1 for label in labels))


def read_labels(path: str | Path) -> tuple[tuple[str, int], ...]:
    """The labels in a file, one a line, each with its line; blank lines and those that begin with `#` are left out.

    Raises:
        InputError: The file cannot be read, or holds no label.
    """
    shown = short_line(str(path))
    try:
        lines = read_file(path, most_bytes=_MOST_BYTES, error=InputError).decode("utf-8-sig").split("\n")
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise InputError(f"{shown}: line {line} is no text in UTF-8: save it as that") from error
    found = [(line.strip(), number) for number, line in enumerate(lines, start=1)]
    labels = tuple((label, number) for label, number in found if label and not label.startswith("#"))
    if not labels:
        raise InputError(f"{shown}: holds no label: write one a line")
    return labels


def all_labels(given: Sequence[str], path: str | Path | None = None) -> tuple[str, ...]:
    """The labels that were given and those of a file.

    Raises:
        InputError: The file cannot be read.
        UsageError: There are fewer than two labels, or one is blank or stands twice; one of the file is told with its
            line.
    """
    labels = check_labels(given) if len(given) > 1 or path is None else tuple(label.strip() for label in given)
    for label, number in read_labels(path) if path is not None else ():
        if label in labels:
            place = f"{short_line(str(path))}: line {number}"
            raise UsageError(f"{place}: the label “{short_line(label, 60)}” was given before: give each once")
        labels = (*labels, label)
    return check_labels(labels, short_line(str(path)) if path is not None else "")


def _ranked(
    generator: TextGenerator, images: Sequence[Image], labels: tuple[str, ...], per_token: bool, stop: threading.Event
) -> Iterator[Classification]:
    for image in images:
        scores = generator.score(classification_prompt(labels, image, generator.dialect), labels, stop)
        if scores is None:
            return
        ranking = Ranking(labels, scores, per_token)
        yield Classification(image, ranking.best, ranking=ranking)
