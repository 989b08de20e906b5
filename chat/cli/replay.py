"""`idefics-chat replay`: saved conversations once more: played back, run again, or asked of other checkpoints."""

import math
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from chat.cli.options import db_option, json_option, loading_options
from chat.cli.replay_options import (
    ALL,
    LOADING,
    SETTINGS,
    compare_options,
    given,
    play_options,
    refuse_all_branches,
    refuse_comparing,
    refuse_playing,
)
from chat.errors import TranscriptError, UsageError

if TYPE_CHECKING:
    from chat.cli.replay_sources import Source


@click.command()
@click.argument("what", metavar="SESSION_OR_FILE_OR_FOLDER")
@click.option("--verify", "is_verify", is_flag=True, help="Run the recorded prompts again, and tell what differs.")
@click.option(
    "--tolerance",
    type=click.FloatRange(min=0),
    metavar="X",
    help="With --verify: a token counts as the same where its log-probability is within X of the chosen one's.",
)
@click.option(
    "--checkpoint",
    "checkpoints",
    metavar="NAME_OR_FOLDER",
    multiple=True,
    help="Ask this one the recorded messages and compare; give several, each with options of its own after commas: "
    "NAME,quantize=4bit. With --verify: run the recorded replies on this one.",
)
@play_options
@compare_options
@loading_options
@db_option
@json_option
def replay(
    what: str,
    is_verify: bool,
    tolerance: float | None,
    checkpoints: tuple[str, ...],
    db: Path | None,
    as_json: bool,
    **options: Any,
) -> None:
    """Play saved conversations back, run them again and tell what differs, or ask them of other checkpoints.

    A session is named by its id, a file by its path; of a folder every saved conversation (*.json) is taken. They are
    played back as they were recorded, without a model: on a terminal on a screen, with --plain there line by line,
    elsewhere all at once.

    With --verify each reply is asked for with the recorded prompt, settings and seed, behind the recorded replies
    before it, on the recorded checkpoint as it was loaded then, unless options say otherwise. What else differs (files
    of the checkpoint, versions of libraries, dtype, device) is named first. With --branch all the replies of every
    branch are run, each once. The exit code is 1 where a reply differs or cannot be run.

    A file of a folder that cannot be read is named in a line, and the others are taken; the exit code is 3 then, if it
    would be 0.

    With --checkpoint and without --verify, the recorded messages and pictures are asked of other checkpoints, one after
    the other, and their answers stand beside the recorded replies, with how alike they are, how fast they came, and how
    likely each checkpoint finds the recorded ones. Loading options hold for all that do not say otherwise.
    """
    _refuse_contradictions(is_verify, tolerance, checkpoints, options)
    from chat.cli.replay_sources import sources
    from chat.cli.running import notice

    found, unread = sources(what, db, missing_ok=True)
    for error in unread:
        notice(str(error))
    if is_verify:
        _verify(found, unread, checkpoints, tolerance or 0.0, is_folder=Path(what).is_dir(), as_json=as_json, **options)
    elif checkpoints:
        _compare(found, checkpoints, as_json=as_json, options=options)
    else:
        from chat.cli.replay_play import play

        play(found, speed=options["speed"], branch=options["branch"], is_plain=options["plain"], as_json=as_json)
    if unread:
        sys.exit(TranscriptError.exit_code)


def _refuse_contradictions(
    is_verify: bool, tolerance: float | None, checkpoints: Sequence[str], options: dict[str, Any]
) -> None:
    """Raise UsageError for options that do not go together."""
    if tolerance is not None and not is_verify:
        raise UsageError("--tolerance is for --verify")
    if tolerance is not None and not math.isfinite(tolerance):
        raise UsageError(f"--tolerance is {tolerance}: give a number, such as 0.01")
    if is_verify and len(checkpoints) > 1:
        raise UsageError("--verify takes one --checkpoint, or none for the recorded one")
    if is_verify and given(options, ("base_url", "api")):
        raise UsageError("--verify compares tokens, which no server tells: leave --base-url and --api out")
    if options["branch"] == ALL and not is_verify:
        refuse_all_branches(is_compared=bool(checkpoints))
    if is_verify or checkpoints:
        refuse_playing(options)
    if is_verify or not checkpoints:
        refuse_comparing(options)
    if not (is_verify or checkpoints):
        for name in given(options, LOADING):
            raise UsageError(f"--{name.replace('_', '-')} loads nothing here: give --verify or --checkpoint with it")


def _verify(
    found: "Sequence[Source]",
    unread: Sequence[TranscriptError],
    checkpoints: Sequence[str],
    tolerance: float,
    *,
    is_folder: bool,
    as_json: bool,
    **options: Any,
) -> None:
    """Run recorded replies again."""
    from chat.cli.replay_verify import verify
    from chat.cli.replay_wishes import Wishes

    has_every_branch = options["branch"] == ALL
    verify(
        found if has_every_branch else _in_branch(found, options),
        Wishes.of(checkpoints[0] if checkpoints else None, options),
        tolerance,
        has_every_branch=has_every_branch,
        is_folder=is_folder,
        unread=unread,
        as_json=as_json,
    )


def _in_branch(found: "Sequence[Source]", options: Mapping[str, Any]) -> "Sequence[Source]":
    """The conversations in the branch that was asked for, if one was."""
    from chat.cli.replay_sources import in_branch

    return found if options["branch"] is None else in_branch(found, options["branch"])


def _compare(found: "Sequence[Source]", checkpoints: Sequence[str], *, as_json: bool, options: dict[str, Any]) -> None:
    """Ask other checkpoints."""
    from chat.cli.replay_compare import compare

    compare(
        _in_branch(found, options),
        checkpoints,
        loading=given(options, LOADING),
        overrides=given(options, SETTINGS),
        feeds_forward=options["feed_forward"],
        report_to=options["report"],
        overwrite=options["overwrite"],
        as_json=as_json,
    )
