"""Runs two things by turns and compares their medians, so that whatever else the machine does touches both alike."""

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

TRIES = 3
"""How often a short call is made: whatever else the machine does touches some of them only."""


@dataclass(frozen=True, slots=True)
class Ratio:
    """Ours beside what it is compared with."""

    name: str
    ours_s: float
    other_s: float
    limit: float
    """The largest ratio that keeps the promise."""

    @property
    def value(self) -> float:
        """Ours over the other."""
        return self.ours_s / self.other_s

    def row(self) -> str:
        """A line of the Markdown table."""
        verdict = "kept" if self.value <= self.limit else "**missed**"
        return (
            f"| {self.name} | {milliseconds(self.ours_s)} | {milliseconds(self.other_s)} | "
            f"{self.value:.2f}x | {self.limit:g}x | {verdict} |"
        )


HEADER = "| what | ours | compared with | ratio | at most | |\n|---|---|---|---|---|---|"


def milliseconds(seconds: float) -> str:
    """Seconds as milliseconds, with the more decimals the fewer they are."""
    decimals = 0 if seconds >= 0.01 else 1 if seconds >= 0.0001 else 3
    return f"{seconds * 1000:,.{decimals}f} ms"


def seconds(run: Callable[[], object]) -> float:
    """How long a call takes."""
    started = time.perf_counter()
    run()
    return time.perf_counter() - started


def compare_calls(
    name: str, ours: Sequence[Callable[[], object]], other: Sequence[Callable[[], object]], *, limit: float
) -> Ratio:
    """Measure pairs of calls by turns; the quickest of a few tries of each counts."""
    tries = [[(seconds(mine), seconds(its)) for _ in range(TRIES)] for mine, its in zip(ours, other, strict=True)]
    ours_s, other_s = (statistics.median(min(one[side] for one in pair) for pair in tries) for side in (0, 1))
    return Ratio(name, ours_s, other_s, limit)


def compare(name: str, ours: Callable[[], float], other: Callable[[], float], *, limit: float, runs: int) -> Ratio:
    """Measure both by turns, after one run of each that does not count.

    Args:
        name: What is compared.
        ours: Gives the seconds of one run of ours.
        other: Gives the seconds of one run of the other.
        limit: The largest ratio that keeps the promise.
        runs: How many runs of each; their medians are compared.
    """
    ours(), other()
    pairs = [(ours(), other()) for _ in range(runs)]
    return Ratio(
        name,
        statistics.median(pair[0] for pair in pairs),
        statistics.median(pair[1] for pair in pairs),
        limit,
    )
