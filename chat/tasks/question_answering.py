"""One question about each of several pictures, answered in a line."""

import threading
from collections.abc import Sequence
from typing import Final

from chat.errors import UsageError
from chat.generation import GenerationSettings, TextGenerator
from chat.prompt import Dialect
from chat.tasks.answers import Answer, Asked, Picturable, answers, pictures
from chat.tasks.prompts import question_prompt

ANSWER_TOKENS: Final = 20
"""New tokens of an answer, unless more are asked for."""


def vqa(
    generator: TextGenerator,
    question: str,
    images: Sequence[Picturable] | Picturable,
    *,
    raw: bool = False,
    priming: bool = False,
    settings: GenerationSettings | None = None,
    stop: threading.Event | None = None,
) -> list[Answer]:
    """The answer to a question, for each picture.

    Args:
        generator: A loaded checkpoint.
        question: In words.
        images: Pictures or their files.
        raw: Ask an instruct checkpoint in the guide's words, too, and not in a turn.
        priming: Show two questions with short answers before it, which keeps base checkpoints from rambling.
        settings: Greedy and 20 new tokens, if not given.
        stop: Ends it early when set; answers not begun by then are missing.
    """
    asked = questions_asked(question, pictures(images), generator.dialect, raw=raw, priming=priming, settings=settings)
    return list(answers(generator, asked, stop))


def questions_asked(
    question: str,
    images: Sequence[Picturable],
    dialect: Dialect,
    *,
    raw: bool = False,
    priming: bool = False,
    settings: GenerationSettings | None = None,
) -> list[Asked]:
    """What `vqa` asks, picture by picture.

    Raises:
        UsageError: The question is blank.
    """
    check_question(question)
    settings = settings or GenerationSettings(max_new_tokens=ANSWER_TOKENS)
    return [
        Asked((image,), question_prompt(question, image, dialect, raw=raw, priming=priming), settings, is_line=True)
        for image in pictures(images)
    ]


def check_question(question: str) -> None:
    """Raise UsageError for a question that asks nothing."""
    if not question.strip():
        raise UsageError("the question is empty: write one")
