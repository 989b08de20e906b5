"""`idefics-chat vqa`: one question about each of several pictures."""

import os
from typing import Any

import click

from chat.cli.answering import defaults, print_answers, task_pictures, task_settings
from chat.cli.options import json_option, model_options
from chat.errors import UsageError
from chat.safe_text import short_line
from chat.tasks.question_answering import ANSWER_TOKENS, check_question, questions_asked


@defaults(max_new_tokens=ANSWER_TOKENS)
@click.command()
@click.argument("question")
@click.argument("images", nargs=-1, required=True, metavar="IMAGE...")
@click.option("--raw", is_flag=True, help="Ask an instruct checkpoint in the guide's words, too, and not in a turn.")
@click.option("--priming", is_flag=True, help="Show two questions with short answers, without pictures, before it.")
@model_options
@json_option
def vqa(question: str, images: tuple[str, ...], raw: bool, priming: bool, **options: Any) -> None:
    """Answer a question about each picture, in a line."""
    check_question(question)
    if os.path.isfile(os.path.expanduser(question)):
        raise UsageError(f"{short_line(question)} is a file: the question comes first, then the pictures")
    chosen, pictures = task_settings(options), task_pictures(images)
    print_answers(
        options,
        lambda model: questions_asked(question, pictures, model.dialect, raw=raw, priming=priming, settings=chosen),
    )
