"""Playing a conversation back: what is shown at which moment, as it was recorded. No model is needed.

Knows no screen and no clock: whoever plays tells how many seconds have gone by.
"""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import accumulate
from typing import Final

from chat.conversation import Role
from chat.records import StoredTurn

LEAST_PAUSE_S: Final = 0.8
"""Seconds between a reply and the next message, at least: what was said is to be seen."""
MOST_PAUSE_S: Final = 3.0
"""The same at most: nobody waits while a recorded user thinks."""
CHARACTERS_PER_S: Final = 60.0
"""How fast a reply is said whose times are not known."""
ROUNDING_S: Final = 1e-6
"""Seconds that a sum of times may be off."""
SPEEDS: Final = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0)
"""That can be chosen while it plays; 1 is the recorded one."""
MOST_SPEED: Final = 100.0
"""That can be asked for."""


@dataclass(frozen=True, slots=True)
class Step:
    """One turn, and the seconds that it takes."""

    stored: StoredTurn
    number: int
    """Of its first picture."""
    pause_s: float
    """Before anything of it is shown."""
    first_s: float
    """From then until its first word; 0 for a message."""
    total_s: float
    """From then until its last word."""

    @property
    def duration_s(self) -> float:
        """Of all of it."""
        return self.pause_s + self.total_s


@dataclass(frozen=True, slots=True)
class Moment:
    """What is shown at a time."""

    shown: int
    """Turns of which something is shown, the last of them perhaps in part."""
    text: str | None
    """What the last of these says so far; None where all of it is shown."""


class Playback:
    """A conversation laid out in time."""

    def __init__(self, turns: Sequence[StoredTurn]) -> None:
        """Lay out the turns of one branch, the first one first."""
        self.steps: tuple[Step, ...] = tuple(_steps(turns))
        self._ends = list(accumulate(step.duration_s for step in self.steps))

    @property
    def duration_s(self) -> float:
        """Seconds that all of it takes at the recorded speed."""
        return self._ends[-1] if self._ends else 0.0

    def at(self, seconds: float) -> Moment:
        """What is shown so many seconds after the beginning."""
        position = bisect_right(self._ends, seconds)
        if position >= len(self.steps):
            return Moment(len(self.steps), None)
        step = self.steps[position]
        into = seconds - self.start_s(position) - step.pause_s
        if into < -ROUNDING_S:
            return Moment(position, None)
        return Moment(position + 1, _said(step, into))

    def start_s(self, position: int) -> float:
        """When the pause before a turn begins."""
        return self._ends[position - 1] if position else 0.0

    def shown_s(self, position: int) -> float:
        """The first moment at which all of a turn is shown, and nothing behind it; 0 before the first."""
        if not 0 <= position < len(self.steps):
            return 0.0
        step = self.steps[position]
        is_message = step.stored.turn.role is Role.USER
        return self.start_s(position) + step.pause_s if is_message else self._ends[position]

    def position_at(self, seconds: float) -> int:
        """The turn that is shown last at a time; -1 before the first."""
        return self.at(seconds).shown - 1


def faster(speed: float) -> float:
    """The next speed above this one; the same where that is the highest, or above it."""
    return next((one for one in SPEEDS if one > speed), speed)


def slower(speed: float) -> float:
    """The next speed below this one; the same where that is the lowest, or below it."""
    return next((one for one in reversed(SPEEDS) if one < speed), speed)


def _said(step: Step, into: float) -> str | None:
    """What a turn says so many seconds after its pause; None for all of it."""
    text = step.stored.turn.text
    if step.stored.turn.role is Role.USER or into >= step.total_s:
        return None
    share = (into - step.first_s) / max(step.total_s - step.first_s, 1e-9)
    return text[: round(len(text) * min(max(share, 0.0), 1.0))]


def _steps(turns: Sequence[StoredTurn]) -> list[Step]:
    steps: list[Step] = []
    number = 1
    before: StoredTurn | None = None
    for stored in turns:
        is_message = stored.turn.role is Role.USER
        pause = _pause(before, stored) if is_message and before is not None else 0.0
        first, total = (0.0, LEAST_PAUSE_S) if is_message else _times(stored)
        steps.append(Step(stored, number, pause, first, total))
        number += len(stored.turn.images)
        before = stored
    return steps


def _times(reply: StoredTurn) -> tuple[float, float]:
    """Seconds to the first word of a reply and to its last."""
    generation = reply.generation
    if generation is None or generation.total_s <= 0:
        return 0.0, len(reply.turn.text) / CHARACTERS_PER_S
    return min(generation.first_token_s, generation.total_s), generation.total_s


def _pause(before: StoredTurn, message: StoredTurn) -> float:
    """Seconds that the user took for a message, as far as anybody would wait for them."""
    took = before.generation.total_s if before.generation else 0.0
    try:
        between = datetime.fromisoformat(message.created_at) - datetime.fromisoformat(before.created_at)
        gap = between.total_seconds() - took
    except (ValueError, TypeError):
        # Times of an imported file may be missing, or of two kinds.
        gap = LEAST_PAUSE_S
    return min(max(gap, LEAST_PAUSE_S), MOST_PAUSE_S)
