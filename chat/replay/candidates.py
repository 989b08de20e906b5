"""Several models asked the same recorded conversations, one model after the other: never are two in memory.

Knows checkpoints by what loads them alone.
"""

import gc
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from chat.errors import ChatError
from chat.generation import CheckpointFacts, TextGenerator
from chat.loading import CanBeLost, Loader, LoadProgress
from chat.replay.compare import AnswerPiece, ComparedTurn, History, compared_turns
from chat.replay.recording import Recording


@dataclass(frozen=True, slots=True)
class Candidate:
    """A model that is to be compared."""

    label: str
    """What it is called, as it was asked for: `shapes, 8bit`. No two have the same."""
    load: Loader


@dataclass(frozen=True, slots=True)
class ComparedRecording:
    """A recording, and what a model answered to its messages."""

    recording: Recording
    turns: tuple[ComparedTurn, ...] = ()
    """Fewer than the recording has messages, where it was stopped."""

    @property
    def is_whole(self) -> bool:
        """Whether every message was tried."""
        return len(self.turns) == self.recording.exchange_count


@dataclass(frozen=True, slots=True)
class CandidateResult:
    """What a model answered to every recording."""

    label: str
    facts: CheckpointFacts | None = None
    """None where it was not loaded."""
    problem: str = ""
    """Why it was not loaded, in one line."""
    load_s: float = 0.0
    recordings: tuple[ComparedRecording, ...] = ()
    """In the order asked; fewer where it was stopped."""

    @property
    def named_problem(self) -> str:
        """Why it was not loaded, with what it is called."""
        return self.problem if self.problem.startswith(self.label) else f"{self.label}: {self.problem}"

    @property
    def turns(self) -> tuple[ComparedTurn, ...]:
        """Those of all recordings."""
        return tuple(turn for one in self.recordings for turn in one.turns)


@dataclass(frozen=True, slots=True)
class Loaded:
    """A model is there, and will be asked."""

    candidate: Candidate
    facts: CheckpointFacts
    load_s: float


@dataclass(frozen=True, slots=True)
class Answered:
    """A piece of an answer, or an answer with all that is compared of it."""

    candidate: Candidate
    recording: Recording
    what: AnswerPiece | ComparedTurn


Step = Loaded | Answered | CandidateResult
"""What a comparison yields: of every candidate, last of all its result."""


def compared(
    candidates: Sequence[Candidate],
    recordings: Sequence[Recording],
    *,
    stop: threading.Event,
    history: History = History.RECORDED,
    overrides: Mapping[str, Any] | None = None,
    tell: Callable[[Candidate, LoadProgress], None] = lambda _candidate, _progress: None,
) -> Iterator[Step]:
    """Load every candidate once, ask it all recordings, and let go of it before the next one is loaded.

    One that cannot be loaded has a result that says so, and the others are asked all the same. What was done of the
    candidate at hand when `stop` was set is its result; there are none after it.

    Args:
        candidates: In the order they are asked.
        recordings: What they are asked; see `compared_turns` for the rest.
        stop: Ends it when set.
        history: What a model is shown of earlier replies.
        overrides: Names and values of `GenerationSettings` that hold in the place of the recorded ones.
        tell: Told how far a candidate is loaded.
    """
    asking = partial(compared_turns, stop=stop, history=history, overrides=overrides)
    for candidate in candidates:
        if stop.is_set():
            return
        yield from _steps(candidate, recordings, asking, stop, tell)
        # What a model took is free before the next one is loaded.
        gc.collect()


def _steps(
    candidate: Candidate,
    recordings: Sequence[Recording],
    asking: Callable[[TextGenerator, Recording], Iterator[AnswerPiece | ComparedTurn]],
    stop: threading.Event,
    tell: Callable[[Candidate, LoadProgress], None],
) -> Iterator[Step]:
    started = time.monotonic()
    try:
        generator = candidate.load(lambda progress: tell(candidate, progress), stop)
    except ChatError as error:
        if not stop.is_set():
            yield CandidateResult(candidate.label, problem=str(error))
        return
    result = CandidateResult(candidate.label, generator.facts, load_s=time.monotonic() - started)
    try:
        yield Loaded(candidate, generator.facts, result.load_s)
        for recording in recordings:
            turns: list[ComparedTurn] = []
            for what in asking(generator, recording):
                if isinstance(what, ComparedTurn):
                    turns.append(what)
                yield Answered(candidate, recording, what)
            done = ComparedRecording(recording, tuple(turns))
            result = replace(result, recordings=(*result.recordings, done))
            if stop.is_set():
                break
        yield result
    finally:
        if isinstance(generator, CanBeLost):
            generator.close()
