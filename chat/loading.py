"""The port to the loading of a checkpoint: how far it is, what it ends in, and how its model may be lost again."""

import threading
from collections.abc import Callable
from typing import NamedTuple, Protocol, runtime_checkable

from chat.errors import ModelLostError
from chat.generation import TextGenerator


@runtime_checkable
class CanBeLost(Protocol):
    """What a generator has besides where its model may go at any time, such as one in a process of its own."""

    def when_lost(self, tell: Callable[[ModelLostError], object]) -> None:
        """Have it told, once and from another thread, that the model is gone though nobody closed it."""

    def close(self) -> None:
        """Let go of the model at once; whatever is asked of it now or later raises ModelLostError."""


class LoadProgress(NamedTuple):
    """How far the loading of a checkpoint has come."""

    stage: str
    """What is being done, in words: "importing torch", "reading weights"."""
    fraction: float | None = None
    """From 0 to 1 over the whole loading, where it can be told."""
    done_bytes: int | None = None
    """How much of this stage is done, where it goes through a known number of bytes."""
    total_bytes: int | None = None
    """That number."""
    notice: str = ""
    """One line that the person should know of for as long as the model is used, such as that it will be slow."""


Loader = Callable[[Callable[[LoadProgress], None], threading.Event], TextGenerator]
"""Loads a checkpoint: takes what to tell progress to and an event that cancels; raises CheckpointError."""
