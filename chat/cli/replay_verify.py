"""`idefics-chat replay --verify`: recorded replies run again, each on the checkpoint that gave it."""

import gc
import sys
import threading
from collections.abc import Sequence
from functools import partial
from typing import Final

import click

from chat.cli.progress import ProgressLine
from chat.cli.replay_lines import VerifiedLines
from chat.cli.replay_objects import verified_report
from chat.cli.replay_sources import Source
from chat.cli.replay_wishes import Wishes
from chat.cli.running import running
from chat.errors import CheckpointError, GenerationError
from chat.models.request import CheckpointRequest
from chat.replay.plan import Plan
from chat.safe_text import json_line, short_line

DIFFERENT: Final = 1
"""Exit code where a reply differs from the recorded one, or cannot be run."""


Conversations = Sequence[tuple[Source, Plan[CheckpointRequest]]]
"""Those that are being run again."""


def verify(sources: Sequence[Source], wishes: Wishes, tolerance: float, *, is_folder: bool, as_json: bool) -> None:
    """Run the replies of saved conversations again and print what comes of each; exits with 1 where one differs.

    A checkpoint is loaded once, whichever conversations need it, and no two are loaded at the same time.

    Args:
        sources: The conversations.
        wishes: What to run them on, where not on what gave them.
        tolerance: See `chat.replay.verify`.
        is_folder: Whether they are told as those of a folder, also where it has one alone.
        as_json: Print one document in place of lines.

    Raises:
        CheckpointError: No checkpoint that is needed can be loaded.
        GenerationError: A model failed.
    """
    conversations = [(source, _plan(source, wishes)) for source in sources]
    requests = list(dict.fromkeys(request for _, plan in conversations for request in plan.open))
    problems = [problem for _, plan in conversations for problem in plan.problems]
    lines = None if as_json else VerifiedLines()
    stop = threading.Event()
    told: list[str] = []
    failed = 0
    for request in requests:
        concerned = [(source, plan) for source, plan in conversations if request in plan.open]
        try:
            told += _run(request, concerned, tolerance, lines, stop)
        except CheckpointError as error:
            failed += 1
            problems.append(error)
            for _, plan in concerned:
                plan.give_up(request, str(error))
        # What a checkpoint took is free before the next one is loaded.
        gc.collect()
    if problems and failed == len(requests):
        raise problems[0]
    results = [(source, plan.turns) for source, plan in conversations]
    if lines is None:
        click.echo(json_line(verified_report(results, is_folder=is_folder)))
    else:
        for source, turns in results:
            if source.name not in told:
                lines.conversation(source, turns)
        lines.sum_up([turn for _, turns in results for turn in turns], len(results))
    if not all(turn.outcome.is_same for _, turns in results for turn in turns):
        sys.exit(DIFFERENT)


def _plan(source: Source, wishes: Wishes) -> Plan[CheckpointRequest]:
    transcript = source.transcript
    return Plan(
        transcript.turns,
        wishes.why_not,
        partial(wishes.request, is_of_file=source.is_file),
        system=transcript.system,
        left_out=transcript.left_out,
    )


def _run(
    request: CheckpointRequest,
    conversations: Conversations,
    tolerance: float,
    lines: VerifiedLines | None,
    stop: threading.Event,
) -> list[str]:
    """Load a checkpoint and run on it what is to be run on it; ends the program where the user stops it.

    Gives the names of the conversations of which everything is told.
    """
    line = ProgressLine()
    told: list[str] = []
    with running(request, stop) as generator:
        if lines is not None:
            lines.differences(generator.facts, [facts for _, plan in conversations for facts in plan.recorded(request)])
        for number, (source, plan) in enumerate(conversations, start=1):
            try:
                for turn in plan.run(request, generator, stop, tolerance):
                    line.show(f"{source.name} ({number} of {len(conversations)}): turn {turn.reply.id} is run")
            except GenerationError as error:
                raise GenerationError(f"{short_line(source.name, 60)}: {error}") from error
            line.clear()
            if lines is not None and not plan.open:
                lines.conversation(source, plan.turns)
                told.append(source.name)
    return told
