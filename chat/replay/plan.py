"""Which replies of a conversation are run again, and on what: those of each checkpoint together."""

import threading
from collections.abc import Callable, Container, Iterator, Sequence
from typing import Generic, TypeVar

from chat.conversation import Role
from chat.errors import CheckpointError
from chat.generation import CheckpointFacts, TextGenerator
from chat.records import LeftOut, StoredTurn
from chat.replay.rebuilding import is_reply
from chat.replay.verified import Outcome, VerifiedTurn
from chat.replay.verify import NOTHING_LEFT_OUT, verify

Target = TypeVar("Target")
"""What a reply is run on; equal ones are loaded once."""


class Plan(Generic[Target]):
    """The replies of a branch that are to be run again, and what came of them so far."""

    def __init__(
        self,
        turns: Sequence[StoredTurn],
        why_not: Callable[[CheckpointFacts], str],
        target: Callable[[CheckpointFacts], Target],
        *,
        system: str = "",
        left_out: LeftOut = NOTHING_LEFT_OUT,
        elsewhere: Container[int] = (),
    ) -> None:
        """Plan it.

        Args:
            turns: Of the branch, from the first.
            why_not: Why a reply cannot be run, by what gave it, in words; empty where it can.
            target: What to run a reply on, by what gave it; raises CheckpointError where there is no such checkpoint.
            system: The text before the turns.
            left_out: What of the turns the model is not shown.
            elsewhere: The ids of turns that another branch shares, and which are run there.
        """
        self.open: dict[Target, list[int]] = {}
        """The places of the replies that are still to be run, by what to run them on."""
        self.problems: list[CheckpointError] = []
        """Why there is no checkpoint for some of them."""
        self._turns, self._system, self._left_out = turns, system, left_out
        self._found: dict[int, VerifiedTurn] = {}
        targets: dict[CheckpointFacts, Target | str] = {}
        for place, stored in enumerate(turns):
            if stored.turn.role is not Role.ASSISTANT or not is_reply(stored) or stored.id in elsewhere:
                continue
            if stored.generation is None:
                self._leave(place, "nothing tells what gave it")
                continue
            loaded = as_loaded(stored.generation.facts)
            if loaded not in targets:
                targets[loaded] = why_not(loaded) or self._target(target, loaded)
            found = targets[loaded]
            if isinstance(found, str):
                self._leave(place, found)
            else:
                self.open.setdefault(found, []).append(place)

    def _target(self, target: Callable[[CheckpointFacts], Target], loaded: CheckpointFacts) -> Target | str:
        try:
            return target(loaded)
        except CheckpointError as error:
            self.problems.append(error)
            return str(error)

    def _leave(self, place: int, note: str) -> VerifiedTurn:
        """Say of a reply that it cannot be run."""
        self._found[place] = VerifiedTurn(place, self._turns[place], Outcome.NOT_VERIFIABLE, note=note)
        return self._found[place]

    @property
    def turns(self) -> list[VerifiedTurn]:
        """What came of the replies so far, in order."""
        return [self._found[place] for place in sorted(self._found)]

    @property
    def count(self) -> int:
        """How many replies there are, those that are still to be run included."""
        return len(self._found.keys() | {place for places in self.open.values() for place in places})

    def recorded(self, target: Target) -> list[CheckpointFacts]:
        """What gave the replies that are still to be run on something."""
        generations = (self._turns[place].generation for place in self.open.get(target, ()))
        return [generation.facts for generation in generations if generation is not None]

    def give_up(self, target: Target, note: str) -> list[VerifiedTurn]:
        """Say of the replies that were to be run on something that it could not be loaded."""
        return [self._leave(place, note) for place in self.open.pop(target, ())]

    def run(
        self, target: Target, generator: TextGenerator, stop: threading.Event, tolerance: float = 0.0
    ) -> Iterator[VerifiedTurn]:
        """Run the replies that are to be run on something, which is loaded.

        Raises:
            ModelLostError: The model is gone.
        """
        for turn in verify(
            self._turns,
            generator,
            stop,
            system=self._system,
            left_out=self._left_out,
            tolerance=tolerance,
            places=self.open[target],
        ):
            self._found[turn.place] = turn
            yield turn
        if not stop.is_set():
            del self.open[target]


def as_loaded(facts: CheckpointFacts) -> CheckpointFacts:
    """What is told of a checkpoint that says how to load it, and nothing besides."""
    return CheckpointFacts(
        name=facts.name,
        revision=facts.revision,
        device=facts.device,
        dtype=facts.dtype,
        quantization=facts.quantization,
        image_detail=facts.image_detail,
    )
