"""Which checkpoint a recorded reply is run on: the one that gave it, loaded as it was, but for what options say."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, Self

from chat.checkpoints import check, request
from chat.cli.replay_options import given
from chat.errors import CheckpointError, UsageError
from chat.generation import CheckpointFacts
from chat.models.request import DTYPES, IMAGE_DETAILS, QUANTIZATIONS, CheckpointRequest
from chat.safe_text import short_line
from chat.talk.checkpoint_words import asked_in_words, loading_options

_OPTIONS: Final = ("revision", "dtype", "quantize", "device", "image_detail")
NO_SERVER: Final = "--verify compares tokens, which no server tells: leave base-url and api out"
_HERE_ALWAYS: Final = "cpu"
"""The device that every machine has."""


class NotAskedForError(CheckpointError):
    """A checkpoint that a file names, which may be from anywhere, and nobody else."""


@dataclass(frozen=True, slots=True)
class Wishes:
    """What was asked for on the command line; the rest is as it was recorded."""

    checkpoint: str | None = None
    options: Mapping[str, str] = field(default_factory=dict)
    """Fields of `CheckpointRequest`."""

    @classmethod
    def of(cls, checkpoint: str | None, options: Mapping[str, Any]) -> Self:
        """The wishes among a command's options. What the config sets is meant for talking, and is none.

        Args:
            checkpoint: A name, perhaps with options behind commas, which come before the others.
            options: The command's.

        Raises:
            UsageError: An option is unknown, or asks for a server.
        """
        if checkpoint is None:
            return cls(None, given(options, _OPTIONS))
        asked = asked_in_words(checkpoint, option="--checkpoint")
        if asked.is_on_server:
            raise UsageError(NO_SERVER)
        return cls(asked.name, loading_options(asked.options, given(options, _OPTIONS)))

    def why_not(self, recorded: CheckpointFacts) -> str:
        """Why a reply cannot be run without another wish, in words; empty where it can."""
        if self.checkpoint is not None:
            return ""
        if not recorded.name.strip():
            return "it is not known which checkpoint gave it: --checkpoint names one to run it on"
        if not _is_device(recorded.device):
            name, device = short_line(recorded.name, 60), short_line(recorded.device, 20)
            return f"{name} gave it, on no device of this machine ({device}): --checkpoint names one to run it on"
        return ""

    def request(self, recorded: CheckpointFacts, *, is_of_file: bool = False) -> CheckpointRequest:
        """What asks for the checkpoint to run a reply on, which `why_not` says nothing against.

        Args:
            recorded: What gave the reply.
            is_of_file: See `as_recorded`.

        Raises:
            CheckpointError: There is no such checkpoint, or it is not whole.
            UsageError: A wish cannot be met.
        """
        if self.checkpoint is None:
            try:
                return as_recorded(recorded, is_of_file=is_of_file, **self.options)
            except NotAskedForError as error:
                raise CheckpointError(f"{error}: --checkpoint {short_line(recorded.name, 60)} does") from error
            except CheckpointError as error:
                raise CheckpointError(
                    f"{error} (it gave a reply; --checkpoint names another one to run it on)"
                ) from error
        asked = request(self.checkpoint, **{**_loaded_as(recorded), **self.options})
        check(asked)
        return asked


def as_recorded(recorded: CheckpointFacts, *, is_of_file: bool, **options: str) -> CheckpointRequest:
    """What asks for the checkpoint that gave a reply, loaded as it was.

    Args:
        recorded: What gave the reply.
        is_of_file: A file tells so, which may be from anywhere: what it names is not fetched, and no folder is opened
            for it.
        options: Fields of `CheckpointRequest` that are to be other ones.

    Raises:
        NotAskedForError: Nobody but a file asks for it.
        CheckpointError: There is no such checkpoint, or it is not whole.
        UsageError: An option cannot be had.
    """
    from chat.models.hub import folder_here, is_cached

    asked, name = request(recorded.name, **{**_loaded_as(recorded), **options}), short_line(recorded.name, 60)
    if asked.folder is None:
        if folder_here(asked) is None:
            # A digest of its weights is all the revision that a folder has.
            asked = asked if asked.revision else replace(asked, revision=recorded.revision)
            if is_of_file and not is_cached(asked):
                raise NotAskedForError(f"{name} is not on this machine, and no file has it fetched")
        elif is_of_file:
            raise NotAskedForError(f"{name} is a folder, and no file has it opened")
    check(asked)
    return asked


def _loaded_as(recorded: CheckpointFacts) -> dict[str, str]:
    """How a checkpoint is loaded as it was, as far as that is known and can be had here."""
    # What a server told of itself says nothing of what is loaded here.
    if not recorded.name or recorded.is_remote:
        return {}
    return {
        "dtype": recorded.dtype if recorded.dtype in DTYPES else DTYPES[0],
        "quantize": recorded.quantization if recorded.quantization in QUANTIZATIONS else QUANTIZATIONS[0],
        "image_detail": recorded.image_detail if recorded.image_detail in IMAGE_DETAILS else IMAGE_DETAILS[0],
        "device": recorded.device if _is_here(recorded.device) else "auto",
    }


def _is_device(name: str) -> bool:
    """Whether a device can be asked for by this name."""
    try:
        request(device=name)
    except UsageError:
        return False
    return True


def _is_here(device: str) -> bool:
    if device == _HERE_ALWAYS:
        return True
    from chat.models.devices import devices_here

    return device in devices_here()
