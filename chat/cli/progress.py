"""How far long work has come, on stderr: a line rewritten in place on a terminal, a line now and then elsewhere."""

import sys
import time
from typing import Final

import click

from chat.cli.running import notice, rewrite_line

_EVERY_S: Final = 30.0
"""Seconds between two lines where nobody sees them come."""
_REWRITTEN_S: Final = 0.1
"""Seconds between two looks of the line on a terminal."""


class ProgressLine:
    """The last line on a terminal's stderr, which notices are written above."""

    def __init__(self) -> None:
        # A closed stderr is None.
        self.is_seen = sys.stderr is not None and sys.stderr.isatty()
        """Whether stderr is a terminal."""
        self._shown = ""

    def show(self, words: str) -> None:
        """Show these words in place of those before; nothing where nobody sees it."""
        if self.is_seen and words != self._shown:
            self._shown = words
            rewrite_line(words)

    def clear(self) -> None:
        """Take the line away."""
        if self._shown:
            self._shown = ""
            click.echo("\r\x1b[K", err=True, nl=False)

    def notice(self, words: str) -> None:
        """Write a line that stays."""
        self.clear()
        notice(words)


class JobProgress:
    """How many jobs are done, how fast, and how long the rest will take."""

    def __init__(self, line: ProgressLine, total: int, done: int) -> None:
        """Begin to count.

        Args:
            line: Where it is shown.
            total: All jobs.
            done: Jobs that were done before.
        """
        self._line, self._total, self._before = line, total, done
        self._began = time.monotonic()
        self._told = self._began
        self.done = 0
        """Jobs done since it began."""
        self._pictures = 0
        self._at_once = 0

    @property
    def seconds(self) -> float:
        """Since it began."""
        return time.monotonic() - self._began

    @property
    def pictures_per_s(self) -> float:
        """Pictures of the jobs done, per second."""
        return self._pictures / self.seconds if self.seconds > 0 else 0.0

    @property
    def speed(self) -> str:
        """In words: of pictures, or of jobs where there are none."""
        if self._pictures:
            return f"{self.pictures_per_s:.1f} pictures/s"
        return f"{self.done / self.seconds if self.seconds > 0 else 0:.1f} jobs/s"

    def begin_check(self, left: int) -> None:
        """Tell how many earlier results are still to be looked at."""
        self._tell(f"{left:,} earlier results to check")

    def begin_batch(self, size: int) -> None:
        """Tell how many jobs are being done at once."""
        self._at_once = size
        self._tell()

    def add(self, pictures: int) -> None:
        """Count one job more, with its pictures."""
        self.done += 1
        self._pictures += pictures
        self._tell()

    def _tell(self, words: str = "") -> None:
        now = time.monotonic()
        if now - self._told < (_REWRITTEN_S if self._line.is_seen else _EVERY_S):
            return
        self._told = now
        if self._line.is_seen:
            self._line.show(words or self._words())
        else:
            self._line.notice(words or self._words())

    def _words(self) -> str:
        words = f"{self._before + self.done:,} of {self._total:,} jobs"
        if self.done:
            left = (self._total - self._before - self.done) * self.seconds / self.done
            words += f", {self.speed}, {duration(left)} left"
        return words + f", {self._at_once} at once"


def duration(seconds: float) -> str:
    """A time in words, such as `3 min` or `2 h 5 min`."""
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60:,} h {minutes % 60} min"
