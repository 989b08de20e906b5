"""`idefics-chat caption`: captions, as the model finds them or from given words on."""

from typing import Any

import click

from chat.cli.answering import defaults, print_answers, task_pictures, task_settings
from chat.cli.options import json_option, model_options
from chat.tasks.captioning import CAPTION_TOKENS, captions_asked


@defaults(max_new_tokens=CAPTION_TOKENS)
@click.command()
@click.argument("images", nargs=-1, required=True, metavar="IMAGE...")
@click.option("--prefix", metavar="TEXT", default="", help="What every caption begins with.")
@click.option("--raw", is_flag=True, help="Let an instruct checkpoint go on from the picture alone, and not be asked.")
@model_options
@json_option
def caption(images: tuple[str, ...], prefix: str, raw: bool, **options: Any) -> None:
    """Write a caption for each picture."""
    chosen, pictures = task_settings(options), task_pictures(images)
    print_answers(
        options, lambda model: captions_asked(pictures, model.dialect, prefix=prefix, raw=raw, settings=chosen)
    )
