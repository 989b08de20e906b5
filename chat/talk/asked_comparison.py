"""What stands behind `/compare`: which checkpoints are to answer, and whether their answers are fed forward."""

from typing import Final, NamedTuple

from chat.errors import UsageError
from chat.talk.offers import AUTO, asked_checkpoint

FEED_FORWARD: Final = "--feed-forward"
MOST: Final = 9
"""Checkpoints, each of which has a digit for its key."""


class AskedCheckpoint(NamedTuple):
    """A checkpoint that is to answer."""

    name: str
    precision: str

    @property
    def label(self) -> str:
        """What it is called."""
        return self.name if self.precision == AUTO else f"{self.name} {self.precision}"


class AskedComparison(NamedTuple):
    """What is to be compared."""

    checkpoints: tuple[AskedCheckpoint, ...]
    """None where they are to be chosen."""
    is_fed_forward: bool
    """Whether each checkpoint is shown its own earlier answers, and not the recorded ones."""


def asked_comparison(argument: str) -> AskedComparison:
    """What somebody typed: `shapes 8bit | idefics2-8b`, `--feed-forward` before it or not; raises UsageError."""
    words = argument.split()
    is_fed_forward = FEED_FORWARD in words
    rest = " ".join(word for word in words if word != FEED_FORWARD)
    checkpoints = tuple(AskedCheckpoint(*asked_checkpoint(part.strip())) for part in rest.split("|") if part.strip())
    if any(one.name.startswith("--") for one in checkpoints):
        raise UsageError(f"/compare takes names of checkpoints, | between them, and {FEED_FORWARD}")
    if len(set(checkpoints)) < len(checkpoints):
        raise UsageError("/compare names a checkpoint twice: leave one out")
    if len(checkpoints) > MOST:
        raise UsageError(f"/compare takes {MOST} checkpoints at most")
    return AskedComparison(checkpoints, is_fed_forward)
