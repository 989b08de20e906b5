"""Conversations to compare, and what is compared of them, without a model."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace

from chat.conversation import Image, assistant_turn, user_turn
from chat.errors import CheckpointError
from chat.generation import CheckpointFacts, GenerationSettings, TextGenerator
from chat.loading import LoadProgress
from chat.records import StoredTurn
from chat.replay.candidates import Candidate, CandidateResult, compared
from chat.replay.recording import Recording
from chat.scripted import ScriptedGenerator
from chat.transcript import UNKNOWN_GENERATION

FACTS = CheckpointFacts("recorded/model", "abc", device="cuda", dtype="bfloat16")


def talk(*said: str | tuple[Image | str, ...], settings: GenerationSettings | None = None) -> Recording:
    """Messages and replies in turn."""
    generation = replace(UNKNOWN_GENERATION, facts=FACTS, settings=settings or GenerationSettings())
    turns = []
    for number, one in enumerate(said, start=1):
        parts = (one,) if isinstance(one, str) else one
        if number % 2:
            turns.append(StoredTurn(number, user_turn(*parts), "", None))
        else:
            turns.append(StoredTurn(number, assistant_turn(str(parts[0])), "", generation))
    return Recording("talk.json", turns, title="A talk")


def candidate(label: str, *replies: str | Exception, facts: CheckpointFacts | None = None) -> Candidate:
    """One that says this."""

    def load(progress: Callable[[LoadProgress], None], stop: threading.Event) -> TextGenerator:
        return ScriptedGenerator(replies, facts=facts)

    return Candidate(label, load)


def unloadable(label: str, problem: str = "there is no such checkpoint") -> Candidate:
    """One that cannot be loaded."""

    def load(progress: Callable[[LoadProgress], None], stop: threading.Event) -> TextGenerator:
        raise CheckpointError(problem)

    return Candidate(label, load)


def results(
    candidates: Sequence[Candidate], recordings: Sequence[Recording], stop: threading.Event | None = None
) -> list[CandidateResult]:
    """What comes of a comparison at last."""
    steps = compared(candidates, recordings, stop=stop or threading.Event())
    return [step for step in steps if isinstance(step, CandidateResult)]
