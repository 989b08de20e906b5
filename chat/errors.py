"""Every error the program raises on purpose.

::

    ChatError                      exit code
    ├── UsageError                 2   wrong options or arguments
    ├── InputError                 3   something given to the program cannot be used
    │   ├── InvalidTurnError           a turn or conversation that may not exist
    │   ├── ImageError                 a picture that cannot be read
    │   ├── StoreError                 the database cannot be opened, read or written
    │   │   ├── UnknownSessionError    no such session
    │   │   └── StoreBusyError         another program holds the database
    │   └── TranscriptError            a saved conversation that cannot be read
    └── ModelError                 4   the model could not be loaded or failed
        ├── CheckpointError            a checkpoint that cannot be loaded
        └── GenerationError            a failure while a reply was produced
            ├── ContextFullError       a conversation that leaves a reply no room
            ├── MemoryFullError        memory did not suffice
            └── ModelLostError         the model is gone

A message is one line: it names the thing and says what to do about it.
"""

from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from chat.context import Overflow


class ChatError(Exception):
    """Base of everything this program raises on purpose."""

    exit_code: ClassVar[int] = 3
    """What the command line exits with when this error ends it."""


class UsageError(ChatError):
    """Wrong options or arguments."""

    exit_code: ClassVar[int] = 2


class InputError(ChatError):
    """Something given to the program cannot be used."""


class InvalidTurnError(InputError):
    """A turn or a conversation that may not exist, such as an empty message."""


class ImageError(InputError):
    """A picture that cannot be read."""


class StoreError(InputError):
    """The database cannot be opened, read or written."""


class UnknownSessionError(StoreError):
    """No session has this id."""


class PictureGoneError(StoreError):
    """A picture's bytes are not in the database any more, or have changed."""


class StoreBusyError(StoreError):
    """Another program holds the database; the same may be tried again."""


class TranscriptError(InputError):
    """A saved conversation that cannot be read."""


class ModelError(ChatError):
    """The model could not be loaded or failed."""

    exit_code: ClassVar[int] = 4


class CheckpointError(ModelError):
    """A checkpoint that cannot be loaded."""


class GenerationError(ModelError):
    """A failure while a reply was produced."""


class ContextFullError(GenerationError):
    """A conversation that leaves a reply no room; nothing of it was left out, since nobody decided to."""

    def __init__(self, message: str, overflow: "Overflow | None" = None) -> None:
        """Say it.

        Args:
            message: In one line.
            overflow: What would have to go.
        """
        super().__init__(message)
        self.overflow = overflow


class MemoryFullError(GenerationError):
    """Memory did not suffice; less at once may fit."""


class ModelLostError(GenerationError):
    """The model is gone, and whatever is asked of it will fail: it must be loaded again."""


def in_one_line(error: Exception) -> str:
    """What a foreign error says, in the one line that a message of ours is."""
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
