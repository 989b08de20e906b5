"""`idefics-chat classify`: each picture put under one of several labels."""

import sys
import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, Final
from unicodedata import east_asian_width

import click
from click.core import ParameterSource

from chat.cli.answering import defaults, in_a_line, named, task_pictures, task_settings
from chat.cli.compose import check_request
from chat.cli.options import checkpoint_request, json_option, model_options
from chat.cli.running import notice, running, terminal_columns
from chat.errors import UsageError
from chat.ranking import Ranking
from chat.safe_text import json_line, short_line
from chat.tasks.classification import LABEL_TOKENS, Classification, all_labels, classifications, tokens_of

_CELLS: Final = 32
"""Width of a bar."""
_LONGEST_LABEL: Final = 40
_LEAST_LABEL: Final = 12
"""Columns of a label for which its bar is given up."""
_GLYPHS: Final = ("━", "─", "✓")
_ASCII_GLYPHS: Final = ("=", "-", "*")


@defaults(max_new_tokens=LABEL_TOKENS)
@click.command()
@click.argument("images", nargs=-1, required=True, metavar="IMAGE...")
@click.option(
    "--label", "labels", multiple=True, metavar="TEXT", help="One of the labels to choose from; give several."
)
@click.option(
    "--labels", "labels_file", metavar="FILE", help="Labels in a file, one a line; lines with # are left out."
)
@click.option("--rank", is_flag=True, help="Compare how likely the model finds each label, and generate nothing.")
@click.option("--normalize", is_flag=True, help="With --rank: compare labels by the likelihood of one token.")
@model_options
@json_option
def classify(
    images: tuple[str, ...],
    labels: tuple[str, ...],
    labels_file: str | None,
    rank: bool,
    normalize: bool,
    **options: Any,
) -> None:
    """Tell which of several labels each picture has.

    Where a label has more than --max-new-tokens, as many are generated as it needs, unless you give the option.
    """
    if normalize and not rank:
        raise UsageError("--normalize compares likelihoods: give --rank, too")
    chosen, wanted, pictures = task_settings(options), all_labels(labels, labels_file), task_pictures(images)
    is_chosen = click.get_current_context().get_parameter_source("max_new_tokens") is not ParameterSource.DEFAULT
    request = checkpoint_request(options)
    check_request(request)
    stop = threading.Event()
    with running(request, stop) as generator:
        if not is_chosen:
            chosen = replace(chosen, max_new_tokens=tokens_of(wanted, generator))
        found = classifications(generator, pictures, wanted, rank=rank, per_token=normalize, settings=chosen, stop=stop)
        if options["as_json"]:
            reports: list[dict[str, Any]] = []
            try:
                reports.extend(_report(one) for one in found)
            finally:
                # What was found before one failed is worth as much as without that.
                click.echo(json_line(reports))
            return
        for one in found:
            _print(one, is_alone=len(pictures) == 1)


def _report(found: Classification) -> dict[str, Any]:
    """A classification as `--json` prints it."""
    report: dict[str, Any] = {"image": found.image.name, "digest": found.image.digest, "label": found.label}
    ranking = found.ranking
    if ranking is None:
        return {**report, "text": found.text}
    return {
        **report,
        "scores": {label: score.log_likelihood for label, score in zip(ranking.labels, ranking.scores, strict=True)},
        "probabilities": dict(zip(ranking.labels, ranking.probabilities, strict=True)),
        "per_token_scores": {
            label: score.per_token for label, score in zip(ranking.labels, ranking.scores, strict=True)
        },
    }


def _print(found: Classification, *, is_alone: bool) -> None:
    name = named(found.image)
    if found.ranking is not None:
        click.echo("\n".join([f"{name}: {in_a_line(found.text)}", *bars(found.ranking, terminal_columns(sys.stdout))]))
        return
    text = in_a_line(found.text if found.label is None else found.label)
    click.echo(text if is_alone else f"{name}: {text}")
    if found.label is None:
        notice("the model named none of the labels" if is_alone else f"{name}: the model named none of the labels")


def bars(ranking: Ranking, columns: int | None = None) -> Iterator[str]:
    """A line for each label, the likeliest first: its share as a bar and a number, and what it is compared by.

    Args:
        ranking: Of the labels.
        columns: That a line may have; any number, if not given. Labels are cut short for it, and bars given up.
    """
    full, empty, mark = _glyphs()
    # What is rounded to nothing is not shown as less than nothing.
    values = [f"{round(value, 2) + 0.0:.2f}" for value in ranking.values]
    shares, value_width = ranking.probabilities, max(map(len, values))
    room = _LONGEST_LABEL if columns is None else columns - len("  x   100.0 %  ") - value_width
    cells = 0 if columns is not None and room - _CELLS - 2 < _LEAST_LABEL else _CELLS
    room = max(1, min(_LONGEST_LABEL, room - (cells + 2 if cells and columns is not None else 0)))
    shown = [_fitted(label, room) for label in ranking.labels]
    width = max(map(_cells, shown))
    for rank, place in enumerate(ranking.order):
        filled = round(shares[place] * cells)
        label = shown[place] + " " * (width - _cells(shown[place]))
        bar = f"{full * filled}{empty * (cells - filled)}  " if cells else ""
        numbers = f"{100 * shares[place]:5.1f} %  {values[place].rjust(value_width)}"
        line = f"  {label} {mark if rank == 0 else ' '}  {bar}{numbers}"
        # Where the output is no terminal, click leaves the style out.
        yield click.style(line, bold=True) if rank == 0 else line


def _glyphs() -> Sequence[str]:
    try:
        "".join(_GLYPHS).encode(getattr(sys.stdout, "encoding", None) or "ascii")
    except (UnicodeEncodeError, LookupError):
        return _ASCII_GLYPHS
    return _GLYPHS


def _fitted(label: str, most: int) -> str:
    """A label as one line of so many columns at the most."""
    text = short_line(label, most)
    while _cells(text) > most and len(text) > 1:
        text = short_line(label, len(text) - 1)
    return text


def _cells(text: str) -> int:
    """How many columns of a terminal a text takes."""
    return sum(2 if east_asian_width(character) in "WF" else 1 for character in text)
