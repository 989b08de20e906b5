"""What a report tells of: everything that was compared."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from chat.conversation import Role
from chat.generation import CheckpointFacts
from chat.replay.candidates import CandidateResult
from chat.replay.compare import ComparedTurn, History
from chat.replay.differences import Difference, differences
from chat.replay.recording import Recording

SIMILARITY: Final = "chrF2: the F-score of character n-grams of 1 to 6, recall weighted twice (Popović, WMT 2015)"
"""How likeness is measured, in words."""


@dataclass(frozen=True, slots=True)
class Report:
    """A comparison as far as it has come."""

    recordings: Sequence[Recording]
    results: Sequence[CandidateResult]
    """In the order that the candidates were asked."""
    history: History = History.RECORDED
    overrides: Mapping[str, Any] = field(default_factory=dict)
    """Settings that held in the place of the recorded ones."""
    is_whole: bool = True
    """Whether nobody stopped it."""

    def answers(self, place: int) -> "Answers":
        """What the candidates answered to one of the recordings: those that came to it."""
        return [
            (result.label, {turn.position: turn for turn in result.recordings[place].turns})
            for result in self.results
            if place < len(result.recordings)
        ]


Answers = Sequence[tuple[str, Mapping[int, ComparedTurn]]]
"""What each candidate is called, and its answers by the positions of the messages."""


def recorded_facts(recordings: Sequence[Recording]) -> list[CheckpointFacts]:
    """What the recorded replies were computed with, each once, those that nobody knows of left out."""
    found: list[CheckpointFacts] = []
    for recording in recordings:
        for stored in recording.turns:
            if stored.turn.role is Role.ASSISTANT and stored.generation is not None and stored.generation.facts.name:
                facts = stored.generation.facts
                if facts not in found:
                    found.append(facts)
    return found


def differs_from_recorded(recordings: Sequence[Recording], facts: CheckpointFacts) -> list[Difference]:
    """In what a checkpoint differs from those of the recorded replies, each once.

    Files are not told of where it is another checkpoint altogether.
    """
    found: dict[Difference, None] = {}
    for recorded in recorded_facts(recordings):
        for one in differences(recorded, facts):
            if recorded.name == facts.name or not one.what.startswith("file "):
                found[one] = None
    return list(found)
