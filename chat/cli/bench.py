"""`idefics-chat bench`: the engine beside the recipe of the guides, on any checkpoint or on random weights."""

import contextlib
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click
from click.core import ParameterSource

from chat.cli.options import checkpoint_options, checkpoint_request, is_of_config, json_option
from chat.errors import UsageError
from chat.safe_text import json_line, printable

if TYPE_CHECKING:
    from chat.bench.talk import TurnFigures

DIFFERENT: Final = 1
"""Exit code where the two sides gave different ids."""

_SIZE: Final = re.compile(r"(\d+(?:\.\d+)?)([kmb])", re.IGNORECASE)
_UNITS: Final = {"k": 1e3, "m": 1e6, "b": 1e9}
_HEADER: Final = (
    "| turn | pictures | new picture | prompt | recipe: first token | ours | sooner | read ahead "
    "| recipe: tokens/s | ours | faster | behind | same ids |\n"
    "|---|---|---|---|---|---|---|---|---|---|---|---|---|"
)


@click.command()
@checkpoint_options
@click.option(
    "--random", "random_size", metavar="SIZE", help="Random weights of about this size, such as 90M; 12M at least."
)
@click.option("--turns", type=click.IntRange(2, 1000), default=40, show_default=True, help="Of the user.")
@click.option("--repeats", type=click.IntRange(1, 99), default=3, show_default=True, help="Runs; medians are told.")
@click.option("--threads", type=click.IntRange(1, 1024), help="Of torch, for both; its own choice when left out.")
@json_option
def bench(random_size: str | None, turns: int, repeats: int, threads: int | None, **options: Any) -> None:
    """Measure how soon and how fast replies come, beside the recipe that the guides show.

    The recipe runs the processor and `generate` over the whole conversation at every turn. Both sides have the same
    weights and answer by turns: questions of 30 tokens, replies of 16, a new picture with every fourth turn. What the
    engine does for the next question as soon as a reply has ended is told apart, as "behind"; "read ahead" is its
    first token where the question was read before it was sent, as in a pause of its writer.
    """
    with _request(random_size, options) as request:
        import torch

        from chat.bench.comparison import compare, fitting_turns, load_both

        if threads is not None:
            torch.set_num_threads(threads)
        tell = _Line()
        try:
            generator, recipe, parameters = load_both(request, lambda progress: tell(progress.stage))
            fitting = fitting_turns(generator, turns)
            figures = list(compare(generator, recipe, fitting, repeats, tell))
        finally:
            tell("")
        if fitting < turns:
            room = f"{generator.facts.context_length:,} tokens"
            click.echo(f"idefics-chat: {fitting} turns in place of {turns}: the context holds {room}", err=True)
        facts = generator.facts
        report = {
            "checkpoint": facts.name,
            "parameters": parameters,
            "device": facts.device,
            "dtype": facts.dtype,
            "quantization": facts.quantization,
            "threads": torch.get_num_threads(),
            "repeats": repeats,
            "turns": [_reported(turn) for turn in figures],
        }
    click.echo(json_line(report) if options["as_json"] else "\n".join(_lines(report, figures)))
    if not all(turn.same_token_ids for turn in figures):
        sys.exit(DIFFERENT)


@contextlib.contextmanager
def _request(random_size: str | None, options: dict[str, Any]) -> Iterator[Any]:
    """What to load; a random checkpoint lies in a folder that is gone afterwards."""
    if options["base_url"]:
        raise UsageError("--base-url names a server, and what is measured is this machine: leave it out")
    source = click.get_current_context().get_parameter_source("checkpoint")
    is_named = source not in (ParameterSource.DEFAULT, ParameterSource.DEFAULT_MAP)
    if random_size is not None and is_named:
        raise UsageError("--random and --checkpoint were both given: choose one")
    if random_size is None:
        yield checkpoint_request(options)
        return
    parameters = _size(random_size)
    from tempfile import TemporaryDirectory

    from chat.bench.random_checkpoint import check_size, write_random_checkpoint

    check_size(random_size, parameters)
    with TemporaryDirectory(prefix="idefics-chat-") as folder:
        write_random_checkpoint(Path(folder), parameters)
        asked = checkpoint_request(options)
        yield replace(
            asked,
            name=f"random {random_size}",
            folder=Path(folder),
            is_demonstration=False,
            revision=None if is_of_config("revision") else asked.revision,
        )


def _size(words: str) -> int:
    """The number that `90M` stands for."""
    match = _SIZE.fullmatch(words)
    if match is None:
        raise UsageError(f"--random is {words!r}: give a size such as 90M or 1.5B")
    return int(float(match[1]) * _UNITS[match[2].lower()])


class _Line:
    """One line on a terminal's stderr that says what is being done; nothing where nobody sees it."""

    def __init__(self) -> None:
        # A closed stderr is None.
        self._is_seen = sys.stderr is not None and sys.stderr.isatty()

    def __call__(self, words: str) -> None:
        if self._is_seen:
            click.echo(f"\r\x1b[K{printable(words, multiline=False)}", err=True, nl=False)


def _reported(turn: "TurnFigures") -> dict[str, Any]:
    return {
        "turn": turn.turn,
        "images": turn.images,
        "has_new_image": turn.has_new_image,
        "prompt_tokens": turn.prompt_tokens,
        "recipe_first_token_s": round(turn.recipe_first_token_s, 4),
        "engine_first_token_s": round(turn.engine_first_token_s, 4),
        "engine_prefilled_first_token_s": round(turn.engine_prefilled_first_token_s, 4),
        "recipe_tokens_per_s": round(turn.recipe_tokens_per_s, 2),
        "engine_tokens_per_s": round(turn.engine_tokens_per_s, 2),
        "engine_afterwards_s": round(turn.engine_afterwards_s, 4),
        "same_token_ids": turn.same_token_ids,
    }


def _lines(report: dict[str, Any], figures: Sequence["TurnFigures"]) -> list[str]:
    """A Markdown table, and what the checkpoint and the machine were."""
    threads = f", {report['threads']} threads" if report["device"] == "cpu" else ""
    lines = [
        f"{printable(report['checkpoint'], multiline=False)}: {report['parameters'] / 1e6:,.1f} million parameters, "
        f"{report['dtype']} on {report['device']}{threads}, medians of {report['repeats']}",
        "",
        _HEADER,
    ]
    for turn in figures:
        same = "yes" if turn.same_token_ids else "**no**"
        lines.append(
            f"| {turn.turn} | {turn.images} | {'yes' if turn.has_new_image else 'no'} | {turn.prompt_tokens:,} tokens "
            f"| {turn.recipe_first_token_s * 1000:,.0f} ms | {turn.engine_first_token_s * 1000:,.0f} ms "
            f"| {turn.sooner:.1f}x | {turn.engine_prefilled_first_token_s * 1000:,.0f} ms "
            f"| {turn.recipe_tokens_per_s:.1f} | {turn.engine_tokens_per_s:.1f} "
            f"| {turn.faster:.2f}x | {turn.engine_afterwards_s * 1000:,.0f} ms | {same} |"
        )
    return lines
