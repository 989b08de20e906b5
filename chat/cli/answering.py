"""How the commands for tasks run a model and print what it answers: bare, with names, or as JSON."""

import threading
from collections.abc import Callable, Sequence
from typing import Any

import click

from chat.cli.compose import check_request
from chat.cli.options import checkpoint_request, settings
from chat.cli.running import notice, running, say
from chat.cli.stdin import check_read_once, picture_of_stdin
from chat.conversation import Image
from chat.generation import GenerationSettings, StopReason, TextGenerator
from chat.safe_text import PrintablePieces, json_line, printable
from chat.tasks.answers import Answer, Asked, answers, pictures


def defaults(
    seed: str = "Of the sampling; drawn when left out, and told.", **values: Any
) -> Callable[[click.Command], click.Command]:
    """Gives options that a command shares with others defaults of its own, and words of its own to that of the seed."""

    def decorate(command: click.Command) -> click.Command:
        for parameter in command.params:
            if parameter.name in values:
                parameter.default = values[parameter.name]
            if parameter.name == "seed" and isinstance(parameter, click.Option):
                parameter.help = seed
        return command

    return decorate


def task_settings(options: dict[str, Any]) -> GenerationSettings:
    """The settings among a task's option values; a seed that is drawn is one for all pictures, and is told."""
    chosen: GenerationSettings = settings(options)
    if chosen.temperature and chosen.seed is None:
        chosen = chosen.seeded()
        notice(f"sampled with --seed {chosen.seed}")
    return chosen


def task_pictures(names: Sequence[str]) -> list[Image]:
    """The pictures that arguments name; `-` is that of stdin.

    Raises:
        ImageError: One cannot be read.
        UsageError: More than one is to come from stdin.
    """
    check_read_once(names)
    return pictures([picture_of_stdin() if name == "-" else name for name in names])


def print_answers(options: dict[str, Any], asked: Callable[[TextGenerator], Sequence[Asked]]) -> None:
    """Load the checkpoint, ask it, and print its answers as they come.

    Args:
        options: The command's.
        asked: What is asked of the loaded checkpoint; what can be wrong with it was told before.
    """
    request = checkpoint_request(options)
    check_request(request)
    stop = threading.Event()
    with running(request, stop) as generator:
        wanted = asked(generator)
        is_alone, as_json = len(wanted) == 1, options["as_json"]
        given: list[Answer] = []
        pieces = PrintablePieces()

        def tell(piece: str) -> None:
            say(pieces.of(piece))

        try:
            for answer in answers(generator, wanted, stop, tell if is_alone and not as_json else None):
                given.append(answer)
                if not as_json:
                    say("\n" if is_alone else f"{named(answer.image)}: {in_a_line(answer.text)}\n")
        finally:
            # What was answered before one failed is worth as much as without that.
            if as_json:
                click.echo(json_line([_report(answer) for answer in given]))
        _tell_cut([answer for answer in given if answer.is_cut], len(wanted), options["max_new_tokens"])


def named(image: Image) -> str:
    """What a picture is called in a line of output."""
    return printable(image.name, multiline=False)


def in_a_line(text: str) -> str:
    """A text as one line."""
    return printable(" ".join(text.split()), multiline=False)


def _report(answer: Answer) -> dict[str, Any]:
    """An answer as `--json` prints it; the pictures of one that has several stand in a list."""
    return {
        **(picture(answer.image) if len(answer.images) == 1 else {"images": [picture(one) for one in answer.images]}),
        "text": answer.text,
        "stop_reason": str(answer.reply.stop_reason),
        "seed": answer.reply.seed,
        "prompt_tokens": answer.reply.prompt_tokens,
        "new_tokens": answer.reply.new_tokens,
    }


def picture(image: Image) -> dict[str, Any]:
    """A picture as `--json` prints it."""
    return {"image": image.name, "digest": image.digest, "width": image.width, "height": image.height}


def _tell_cut(cut: Sequence[Answer], asked: int, most: int) -> None:
    """Tell of answers that a limit ended: by themselves they look finished."""
    for reason, why in (
        (StopReason.MAX_NEW_TOKENS, f"cut at {most:,} tokens (--max-new-tokens)"),
        (StopReason.CONTEXT_FULL, "cut: the context is full"),
    ):
        count = sum(answer.reply.stop_reason is reason for answer in cut)
        if count:
            notice(f"{'the reply was' if asked == 1 else f'{count:,} of {asked:,} replies were'} {why}")
