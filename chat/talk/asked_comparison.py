"""What stands behind `/compare`: which checkpoints are to answer, and whether their answers are fed forward."""

from typing import Final, NamedTuple

from chat.errors import UsageError
from chat.talk.checkpoint_words import AskedCheckpoint, asked_in_words

FEED_FORWARD: Final = "--feed-forward"
MOST: Final = 9
"""Checkpoints, each of which has a digit for its key."""


class AskedComparison(NamedTuple):
    """What is to be compared."""

    checkpoints: tuple[AskedCheckpoint, ...]
    """None where they are to be chosen."""
    is_fed_forward: bool
    """Whether each checkpoint is shown its own earlier answers, and not the recorded ones."""


def asked_comparison(argument: str) -> AskedComparison:
    """What somebody typed: `shapes,quantize=8bit | idefics2-8b`, with `--feed-forward` or not; raises UsageError."""
    words = argument.split()
    rest = " ".join(word for word in words if word != FEED_FORWARD)
    parts = [part.strip() for part in rest.split("|") if part.strip()]
    if any(part.startswith("--") for part in parts):
        raise UsageError(f"/compare takes names of checkpoints, | between them, and {FEED_FORWARD}")
    checkpoints = tuple(asked_in_words(part, option="/compare", takes_precision=True) for part in parts)
    named = [(one.name, one.options) for one in checkpoints]
    if any(one in named[:place] for place, one in enumerate(named)):
        raise UsageError("/compare names a checkpoint twice: leave one out")
    if len(checkpoints) > MOST:
        raise UsageError(f"/compare takes {MOST} checkpoints at most")
    return AskedComparison(checkpoints, FEED_FORWARD in words)
