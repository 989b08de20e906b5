"""`idefics-chat few-shot`: new pictures answered in the manner of a few examples."""

import contextlib
from pathlib import Path
from typing import Any

import click

from chat.cli.answering import defaults, print_answers, task_pictures, task_settings
from chat.cli.compose import open_session_store
from chat.cli.options import db_option, json_option, model_options
from chat.errors import InputError, UsageError
from chat.tasks.few_shots import FEW_SHOT_TOKENS, few_shots_asked
from chat.tasks.recipes import Recipe, read_recipe, recipe_of


@defaults(max_new_tokens=FEW_SHOT_TOKENS)
@click.command("few-shot")
@click.argument("names", nargs=-1, required=True, metavar="[RECIPE] IMAGE...")
@click.option("--from-session", "session_id", metavar="ID", help="Take the examples marked in this session; no RECIPE.")
@click.option("--turns", is_flag=True, help="Write the examples as turns of a conversation; IDEFICS takes lines else.")
@model_options
@db_option
@json_option
def few_shot(names: tuple[str, ...], session_id: str | None, turns: bool, **options: Any) -> None:
    """Answer for each picture as the examples of a recipe do.

    RECIPE is a TOML file: `text`, asked of every picture, and [[examples]] tables with `image` or `images`, `answer`
    and, where it differs, `text`.
    """
    chosen = task_settings(options)
    images = names if session_id is not None else names[1:]
    if session_id is not None and names[0].lower().endswith(".toml"):
        raise UsageError("a recipe and --from-session were both given: choose one")
    if not images:
        raise click.UsageError("Missing argument 'IMAGE...'.")
    recipe = read_recipe(names[0]) if session_id is None else _recipe_of_session(session_id, options["db"])
    pictures = task_pictures(images)
    print_answers(
        options,
        lambda model: few_shots_asked(recipe, pictures, model.dialect, turns=turns or None, settings=chosen),
    )


def _recipe_of_session(session_id: str, db: Path | None) -> Recipe:
    with contextlib.closing(open_session_store(db, must_exist=True)) as store:
        found = store.find_session(session_id).id
        turns = store.examples(found)
        if not turns:
            raise InputError(f"session {found} has no examples: mark exchanges with /example in the chat")
        return recipe_of(turns)
