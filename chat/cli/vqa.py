"""`idefics-chat vqa`: one question about each of several pictures."""

from typing import Any

import click

from chat.cli.answering import defaults, print_answers
from chat.cli.compose import opened
from chat.cli.options import json_option, model_options, settings
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
    chosen, pictures = settings(options), opened(images)
    print_answers(
        options,
        lambda model: questions_asked(question, pictures, model.dialect, raw=raw, priming=priming, settings=chosen),
    )
