"""New pictures answered in the manner of a few examples."""

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from chat.generation import GenerationSettings, TextGenerator
from chat.prompt import Dialect
from chat.tasks.answers import Answer, Asked, Picturable, answers, pictures
from chat.tasks.prompts import few_shot_prompt
from chat.tasks.recipes import Recipe, read_recipe

FEW_SHOT_TOKENS: Final = 30
"""New tokens of an answer, unless more are asked for."""


def few_shot(
    generator: TextGenerator,
    recipe: Recipe | str | Path,
    images: Sequence[Picturable] | Picturable,
    *,
    turns: bool | None = None,
    settings: GenerationSettings | None = None,
    stop: threading.Event | None = None,
) -> list[Answer]:
    """An answer for each picture, after the same examples.

    Args:
        generator: A loaded checkpoint.
        recipe: The examples and what is asked, or the file that holds them.
        images: Pictures or their files.
        turns: Write the examples as turns of a conversation; left to the checkpoint's family when None.
        settings: Greedy and 30 new tokens, if not given.
        stop: Ends it early when set; answers not begun by then are missing.
    """
    asked = few_shots_asked(recipe, pictures(images), generator.dialect, turns=turns, settings=settings)
    return list(answers(generator, asked, stop))


def few_shots_asked(
    recipe: Recipe | str | Path,
    images: Sequence[Picturable],
    dialect: Dialect,
    *,
    turns: bool | None = None,
    settings: GenerationSettings | None = None,
) -> list[Asked]:
    """What `few_shot` asks, picture by picture."""
    followed = recipe if isinstance(recipe, Recipe) else read_recipe(recipe)
    settings = settings or GenerationSettings(max_new_tokens=FEW_SHOT_TOKENS)
    return [
        Asked((image,), few_shot_prompt(followed, image, dialect, turns=turns), settings) for image in pictures(images)
    ]
