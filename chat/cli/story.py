"""`idefics-chat story`: one text that all pictures lead to."""

from typing import Any

import click

from chat.cli.answering import defaults, print_answers, task_pictures, task_settings
from chat.cli.options import json_option, model_options
from chat.tasks.stories import STORY_BEAMS, STORY_TOKENS, story_asked


@defaults(max_new_tokens=STORY_TOKENS, num_beams=STORY_BEAMS)
@click.command()
@click.argument("images", nargs=-1, required=True, metavar="IMAGE...")
@model_options
@json_option
def story(images: tuple[str, ...], **options: Any) -> None:
    """Write a story, one about all pictures together; with --num-beams 1 it comes word by word."""
    chosen, pictures = task_settings(options), task_pictures(images)
    print_answers(options, lambda model: [story_asked(pictures, model.dialect, settings=chosen)])
