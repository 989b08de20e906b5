"""Captions, as the model finds them or from the first words on that a person gives."""

import threading
from collections.abc import Sequence
from typing import Final

from chat.generation import GenerationSettings, TextGenerator
from chat.prompt import Dialect
from chat.tasks.answers import Answer, Asked, Picturable, answers, pictures
from chat.tasks.prompts import caption_prompt

CAPTION_TOKENS: Final = 40
"""New tokens of a caption, unless more are asked for."""


def caption(
    generator: TextGenerator,
    images: Sequence[Picturable] | Picturable,
    *,
    prefix: str = "",
    raw: bool = False,
    settings: GenerationSettings | None = None,
    stop: threading.Event | None = None,
) -> list[Answer]:
    """A caption for each picture.

    Args:
        generator: A loaded checkpoint.
        images: Pictures or their files.
        prefix: What every caption begins with, such as `This is an image of `.
        raw: Let an instruct checkpoint go on from the picture alone, as a base checkpoint does, and not be asked.
        settings: Greedy and 40 new tokens, if not given.
        stop: Ends it early when set; answers not begun by then are missing.
    """
    asked = captions_asked(pictures(images), generator.dialect, prefix=prefix, raw=raw, settings=settings)
    return list(answers(generator, asked, stop))


def captions_asked(
    images: Sequence[Picturable],
    dialect: Dialect,
    *,
    prefix: str = "",
    raw: bool = False,
    settings: GenerationSettings | None = None,
) -> list[Asked]:
    """What `caption` asks, picture by picture."""
    settings = settings or GenerationSettings(max_new_tokens=CAPTION_TOKENS)
    return [
        Asked((image,), caption_prompt(image, dialect, prefix=prefix, raw=raw), settings, prefix=prefix)
        for image in pictures(images)
    ]
