"""`idefics-chat replay --verify`: recorded replies run again, each on the checkpoint that gave it."""

import gc
import sys
import threading
from collections.abc import Sequence
from typing import Final

import click

from chat.cli.app import INTERRUPTED
from chat.cli.progress import ProgressLine
from chat.cli.replay_conversation import Conversation
from chat.cli.replay_lines import VerifiedLines
from chat.cli.replay_objects import verified_report
from chat.cli.replay_sources import Source
from chat.cli.replay_wishes import Wishes
from chat.cli.running import loaded, stopping
from chat.errors import CheckpointError, ModelLostError, TranscriptError
from chat.models.request import CheckpointRequest
from chat.safe_text import json_line, short_line

DIFFERENT: Final = 1
"""Exit code where a reply differs from the recorded one, or cannot be run."""


def verify(
    sources: Sequence[Source],
    wishes: Wishes,
    tolerance: float,
    *,
    has_every_branch: bool = False,
    is_folder: bool,
    unread: Sequence[TranscriptError] = (),
    as_json: bool,
) -> None:
    """Run the replies of saved conversations again and print what comes of each; exits with 1 where one differs.

    A checkpoint is loaded once, whichever conversations need it, and no two are loaded at the same time. What was run
    before ctrl-C, or before a model was lost, is printed all the same.

    Args:
        sources: The conversations.
        wishes: What to run them on, where not on what gave them.
        tolerance: See `chat.replay.verify`.
        has_every_branch: Run the replies of every branch, each once, and not those of the shown one alone.
        is_folder: Whether they are told as those of a folder, also where it has one alone.
        unread: What is wrong with files of the folder, of which there is nothing to run.
        as_json: Print one document in place of lines.

    Raises:
        CheckpointError: No checkpoint that is needed can be loaded.
        GenerationError: The model is gone.
    """
    conversations = [Conversation.planned(source, wishes, has_every_branch=has_every_branch) for source in sources]
    lines = None if as_json else VerifiedLines()
    stop = threading.Event()
    told: set[str] = set()
    lost: ModelLostError | None = None
    with stopping(stop):
        try:
            _run_all(conversations, tolerance, lines, stop, told)
        except ModelLostError as error:
            lost = error
    if (stop.is_set() or lost) and not any(one.turns for one in conversations):
        _end(stop, lost)
    if lines is None:
        click.echo(json_line(verified_report(conversations, unread, is_folder=is_folder)))
    else:
        for one in (one for one in conversations if one.source.name not in told and (one.turns or one.is_whole)):
            lines.conversation(one)
        lines.sum_up(conversations, unread_count=len(unread))
    _end(stop, lost)
    if not all(one.is_same for one in conversations):
        sys.exit(DIFFERENT)


def _end(stop: threading.Event, lost: ModelLostError | None) -> None:
    """End the program where it was stopped, or where the model is gone."""
    if stop.is_set():
        sys.exit(INTERRUPTED)
    if lost is not None:
        raise lost


def _run_all(
    conversations: Sequence[Conversation],
    tolerance: float,
    lines: VerifiedLines | None,
    stop: threading.Event,
    told: set[str],
) -> None:
    """Load one checkpoint after the other and run on it what is to be run on it.

    Adds to `told` the names of the conversations of which everything is told.
    """
    problems = [problem for one in conversations for problem in one.problems]
    requests = list(dict.fromkeys(request for one in conversations for request in one.requests))
    failed = 0
    for request in requests:
        concerned = [one for one in conversations if request in one.requests]
        try:
            _run(request, concerned, tolerance, lines, stop, told)
        except CheckpointError as error:
            if stop.is_set():
                break
            failed += 1
            problems.append(error)
            for one in concerned:
                one.give_up(request, str(error))
        if stop.is_set():
            break
        # What a checkpoint took is free before the next one is loaded.
        gc.collect()
    if problems and failed == len(requests):
        raise problems[0]


def _run(
    request: CheckpointRequest,
    conversations: Sequence[Conversation],
    tolerance: float,
    lines: VerifiedLines | None,
    stop: threading.Event,
    told: set[str],
) -> None:
    """Load a checkpoint and run on it what is to be run on it, until the user stops it."""
    line = ProgressLine()
    generator = loaded(request, stop)
    gc.enable()
    if lines is not None:
        lines.differences(generator.facts, [facts for one in conversations for facts in one.recorded(request)])
    for number, one in enumerate(conversations, start=1):
        try:
            for turn in one.run(request, generator, stop, tolerance):
                line.show(f"{one.source.name} ({number} of {len(conversations)}): turn {turn.reply.id} is run")
        except ModelLostError as error:
            raise ModelLostError(f"{short_line(one.source.name, 60)}: {error}") from error
        finally:
            line.clear()
        if stop.is_set():
            break
        if lines is not None and one.is_whole:
            lines.conversation(one)
            told.add(one.source.name)
