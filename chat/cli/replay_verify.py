"""`idefics-chat replay --verify`: recorded replies run again, each on the checkpoint that gave it."""

import gc
import sys
import threading
from collections.abc import Iterator, Sequence
from typing import Final

import click

from chat.cli.compose import check_request
from chat.cli.progress import ProgressLine
from chat.cli.replay_lines import VerifiedLines
from chat.cli.replay_objects import verified_report
from chat.cli.replay_sources import Source
from chat.cli.replay_wishes import Wishes
from chat.cli.running import running
from chat.conversation import Role
from chat.errors import GenerationError
from chat.generation import CheckpointFacts, TextGenerator
from chat.models.request import CheckpointRequest
from chat.records import StoredTurn
from chat.replay.rebuilding import is_reply
from chat.replay.verified import Outcome, VerifiedTurn
from chat.replay.verify import verify as verified_turns
from chat.safe_text import json_line, short_line

DIFFERENT: Final = 1
"""Exit code where a reply differs from the recorded one, or cannot be run."""


class Verification:
    """A conversation that is being run again."""

    def __init__(self, source: Source, wishes: Wishes) -> None:
        """Plan it.

        Args:
            source: The conversation.
            wishes: What to run it on, where not on what gave its replies.

        Raises:
            CheckpointError: There is no checkpoint of a recorded name.
            UsageError: A wish cannot be met.
        """
        self.source = source
        self.open: dict[CheckpointRequest, list[int]] = {}
        """The places of the replies that are still to be run, by what to run them on."""
        self._found: dict[int, VerifiedTurn] = {}
        for place, stored in enumerate(source.transcript.turns):
            if stored.turn.role is Role.ASSISTANT and is_reply(stored):
                self._plan(place, stored, wishes)

    def _plan(self, place: int, stored: StoredTurn, wishes: Wishes) -> None:
        generation = stored.generation
        problem = wishes.why_not(generation.facts) if generation else "nothing tells what gave it"
        if generation is None or problem:
            self._found[place] = VerifiedTurn(place, stored, Outcome.NOT_VERIFIABLE, note=problem)
        else:
            self.open.setdefault(wishes.request(generation.facts), []).append(place)

    @property
    def turns(self) -> list[VerifiedTurn]:
        """What came of its replies so far, in order."""
        return [self._found[place] for place in sorted(self._found)]

    def recorded(self, request: CheckpointRequest) -> list[CheckpointFacts]:
        """What gave the replies that are still to be run on a checkpoint."""
        generations = (self.source.transcript.turns[place].generation for place in self.open.get(request, ()))
        return [generation.facts for generation in generations if generation is not None]

    def run(
        self, request: CheckpointRequest, generator: TextGenerator, tolerance: float, stop: threading.Event
    ) -> Iterator[VerifiedTurn]:
        """Run the replies that are to be run on a checkpoint, which is loaded.

        Raises:
            GenerationError: The model failed; says where.
        """
        transcript, places = self.source.transcript, self.open[request]
        try:
            for turn in verified_turns(
                transcript.turns,
                generator,
                stop,
                system=transcript.system,
                left_out=transcript.left_out,
                tolerance=tolerance,
                places=places,
            ):
                self._found[turn.place] = turn
                yield turn
        except GenerationError as error:
            raise GenerationError(f"{short_line(self.source.name, 60)}: {error}") from error
        if not stop.is_set():
            del self.open[request]


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
        CheckpointError: A checkpoint cannot be loaded.
        GenerationError: A model failed.
    """
    conversations = [Verification(source, wishes) for source in sources]
    requests = list(dict.fromkeys(request for one in conversations for request in one.open))
    for request in requests:
        check_request(request)
    lines = None if as_json else VerifiedLines()
    if lines is not None:
        for one in conversations:
            if not one.open:
                lines.conversation(one.source, one.turns)
    stop = threading.Event()
    for request in requests:
        _run(request, [one for one in conversations if request in one.open], tolerance, lines, stop)
        # What a checkpoint took is free before the next one is loaded.
        gc.collect()
    results = [(one.source, one.turns) for one in conversations]
    if lines is None:
        click.echo(json_line(verified_report(results, is_folder=is_folder)))
    else:
        lines.sum_up([turn for _, turns in results for turn in turns], len(results))
    if not all(turn.outcome.is_same for _, turns in results for turn in turns):
        sys.exit(DIFFERENT)


def _run(
    request: CheckpointRequest,
    conversations: Sequence[Verification],
    tolerance: float,
    lines: VerifiedLines | None,
    stop: threading.Event,
) -> None:
    """Load a checkpoint and run on it what is to be run on it; ends the program where the user stops it."""
    line = ProgressLine()
    with running(request, stop) as generator:
        if lines is not None:
            lines.differences(generator.facts, [facts for one in conversations for facts in one.recorded(request)])
        for number, one in enumerate(conversations, start=1):
            for turn in one.run(request, generator, tolerance, stop):
                line.show(f"{one.source.name} ({number} of {len(conversations)}): turn {turn.reply.id} is run")
            line.clear()
            if lines is not None and not one.open:
                lines.conversation(one.source, one.turns)
