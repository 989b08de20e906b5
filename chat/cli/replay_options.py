"""Options of `replay` for playing back, and for comparing checkpoints; what is left out stays as it was recorded."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any, Final, TypeVar

import click
from click.core import ParameterSource

from chat.errors import UsageError
from chat.generation import GenerationSettings
from chat.models.request import CheckpointRequest
from chat.safe_text import short_line

Command = TypeVar("Command", bound=Callable[..., Any])

LOADING: Final = tuple(field.name for field in fields(CheckpointRequest))
SETTINGS: Final = tuple(field.name for field in fields(GenerationSettings))
_PLAYING: Final = ("speed", "plain")
_COMPARING: Final = ("feed_forward", "report", "overwrite", *SETTINGS)

_OPTIONS: Final = (
    click.option("--feed-forward", is_flag=True, help="Show each checkpoint its own answers in place of the recorded."),
    click.option(
        "--report",
        type=click.Path(path_type=Path),
        metavar="FILE",
        help="Write all of a comparison: FILE.html for a page to read, FILE.json for programs.",
    ),
    click.option("--overwrite", is_flag=True, help="Replace the report where it is there already."),
    click.option("--max-new-tokens", type=int, help="Longest answer; it and what follows: as recorded when left out."),
    click.option("--temperature", type=float, help="0 is greedy; above, sampled."),
    click.option("--top-p", type=float, help="Sample from this share of likelihood."),
    click.option("--top-k", type=int, help="Sample from so many tokens; 0 from all."),
    click.option("--num-beams", type=int, help="Beam search."),
    click.option("--repetition-penalty", type=float, help="1 is none."),
    click.option("--seed", type=int, help="Of the sampling."),
)


ALL: Final = "all"
"""In the place of a turn: every branch."""


def _branch(_context: click.Context, _option: click.Parameter, value: str | None) -> str | int | None:
    """The number of a turn, or `ALL`; None where neither is given."""
    if value is None or value == ALL:
        return value
    try:
        return int(value)
    except ValueError as error:
        raise click.BadParameter(f"{short_line(value, 40)!r} is neither the number of a turn nor {ALL}") from error


_PLAYING_OPTIONS: Final = (
    click.option(
        "--speed", type=float, default=1.0, show_default=True, help="Play back at this speed; 1 is the recorded one."
    ),
    click.option(
        "--branch",
        callback=_branch,
        metavar="TURN",
        help="Take the branch that this turn is in, named by what --json tells of it (of a session as `ask` and "
        "`sessions show` do); with --verify, `all` takes every branch.",
    ),
    click.option("--plain", is_flag=True, help="Play back as text: for screen readers and slow links."),
)


def play_options(command: Command) -> Command:
    """Gives a command the options for playing back."""
    for option in reversed(_PLAYING_OPTIONS):
        command = option(command)
    return command


def compare_options(command: Command) -> Command:
    """Gives a command the options for comparing."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def given(options: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    """Those of the running command's options that stand on its command line: what the config sets is for talking."""
    context = click.get_current_context()
    return {
        name: value
        for name, value in options.items()
        if name in names and context.get_parameter_source(name) is ParameterSource.COMMANDLINE
    }


def refuse_playing(options: Mapping[str, Any]) -> None:
    """Raise UsageError for an option that means something to playing back alone."""
    for name in given(options, _PLAYING):
        raise UsageError(f"--{name} is for playing back: leave --verify and --checkpoint out")


def refuse_all_branches(*, is_compared: bool) -> None:
    """Raise UsageError: what shows a conversation from its beginning to its end shows one branch."""
    shown = "what is compared is one branch" if is_compared else "what is played back is one branch"
    raise UsageError(f"--branch {ALL} is for --verify: {shown}: give the number of a turn in it")


def refuse_comparing(options: Mapping[str, Any]) -> None:
    """Raise UsageError for an option that means something to a comparison alone."""
    for name in given(options, _COMPARING):
        raise UsageError(f"--{name.replace('_', '-')} is for comparing: give --checkpoint, and not --verify")
