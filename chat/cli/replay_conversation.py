"""A conversation whose recorded replies are run again: those of one branch, or of every branch, each of them once."""

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Self

from chat.cli.replay_sources import Source
from chat.cli.replay_wishes import Wishes
from chat.errors import CheckpointError
from chat.generation import CheckpointFacts, TextGenerator
from chat.models.request import CheckpointRequest
from chat.records import StoredTurn
from chat.replay.branch import every_branch
from chat.replay.plan import Plan
from chat.replay.verified import VerifiedTurn


@dataclass(frozen=True, slots=True)
class PlannedBranch:
    """A branch, and what comes of the replies that are run in it."""

    turns: Sequence[StoredTurn]
    """From the first to the last."""
    own: Sequence[StoredTurn]
    """Those that are in no branch before it."""
    plan: Plan[CheckpointRequest]


@dataclass(frozen=True, slots=True)
class Conversation:
    """A saved conversation, and what is to be run of it on which checkpoint."""

    source: Source
    branches: tuple[PlannedBranch, ...]
    """In the order of the tree; a reply that several of them share is run in the first one."""

    @classmethod
    def planned(cls, source: Source, wishes: Wishes, *, has_every_branch: bool) -> Self:
        """Plan it.

        Args:
            source: The conversation.
            wishes: What to run it on, where not on what gave it.
            has_every_branch: Run every branch, and not the shown one alone.
        """
        shown = source.branch
        seen: set[int] = set()
        branches: list[PlannedBranch] = []
        for turns in every_branch(shown) if has_every_branch else [shown.turns]:
            own = [stored for stored in turns if stored.id not in seen]
            plan = Plan(
                turns,
                wishes.why_not,
                partial(wishes.request, is_of_file=source.is_file),
                system=shown.system,
                left_out=shown.left_out,
                elsewhere=frozenset(seen),
            )
            branches.append(PlannedBranch(turns, own, plan))
            seen.update(stored.id for stored in own)
        return cls(source, tuple(branches))

    @property
    def turns(self) -> list[VerifiedTurn]:
        """What came of the replies so far."""
        return [turn for branch in self.branches for turn in branch.plan.turns]

    @property
    def count(self) -> int:
        """How many replies there are, those that are still to be run included."""
        return sum(branch.plan.count for branch in self.branches)

    @property
    def requests(self) -> list[CheckpointRequest]:
        """What replies are still to be run on, each once."""
        return list(dict.fromkeys(request for branch in self.branches for request in branch.plan.open))

    @property
    def problems(self) -> list[CheckpointError]:
        """Why there is no checkpoint for some of the replies."""
        return [problem for branch in self.branches for problem in branch.plan.problems]

    @property
    def is_whole(self) -> bool:
        """Whether it is known of every reply what came of it."""
        return not self.requests

    @property
    def is_same(self) -> bool:
        """Whether every reply came again."""
        return self.is_whole and all(turn.outcome.is_same for turn in self.turns)

    def recorded(self, request: CheckpointRequest) -> list[CheckpointFacts]:
        """What gave the replies that are still to be run on a checkpoint."""
        return [facts for branch in self.branches for facts in branch.plan.recorded(request)]

    def give_up(self, request: CheckpointRequest, note: str) -> None:
        """Say of the replies that were to be run on a checkpoint why they are not."""
        for branch in self.branches:
            branch.plan.give_up(request, note)

    def run(
        self, request: CheckpointRequest, generator: TextGenerator, stop: threading.Event, tolerance: float
    ) -> Iterator[VerifiedTurn]:
        """Run the replies that are to be run on a checkpoint, which is loaded; see `Plan.run`."""
        for branch in self.branches:
            if request in branch.plan.open and not stop.is_set():
                yield from branch.plan.run(request, generator, stop, tolerance)
