"""A text that all its pictures lead to together."""

import threading
from collections.abc import Sequence
from typing import Final

from chat.generation import GenerationSettings, TextGenerator
from chat.prompt import Dialect
from chat.tasks.answers import Answer, Asked, Picturable, answers, pictures
from chat.tasks.prompts import story_prompt

STORY_TOKENS: Final = 200
"""New tokens of a story, unless more are asked for."""

STORY_BEAMS: Final = 2
"""Beams that the guide searches a story with."""


def story(
    generator: TextGenerator,
    images: Sequence[Picturable] | Picturable,
    *,
    settings: GenerationSettings | None = None,
    stop: threading.Event | None = None,
) -> Answer:
    """A story about pictures, one for all of them.

    Args:
        generator: A loaded checkpoint.
        images: Pictures or their files, in order.
        settings: Two beams and 200 new tokens, as in the guide, if not given.
        stop: Ends it early when set.
    """
    (answer,) = answers(generator, [story_asked(pictures(images), generator.dialect, settings=settings)], stop)
    return answer


def story_asked(images: Sequence[Picturable], dialect: Dialect, *, settings: GenerationSettings | None = None) -> Asked:
    """What `story` asks."""
    opened = pictures(images)
    settings = settings or GenerationSettings(max_new_tokens=STORY_TOKENS, num_beams=STORY_BEAMS)
    return Asked(tuple(opened), story_prompt(opened, dialect), settings)
