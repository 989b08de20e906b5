"""Decides where the weights of a checkpoint go: whole onto one device where that suffices, else spread.

Pure planning over figures; measures nothing and knows nothing of torch.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from chat.errors import CheckpointError
from chat.files import byte_size
from chat.models.estimate import Estimate

LEAST_TOKENS: Final = 2048
"""Tokens of conversation there must be memory for; a longer one may fail, in one line, when it has become longer."""
_LEAST_LAYERS: Final = 4
"""Layers that must fit where weights come and go: the one in use, the next one and what stays for good."""


@dataclass(frozen=True, slots=True)
class Placement:
    """Where the weights go."""

    device: str
    """Where the computing is done."""
    limits: tuple[tuple[int | str, int], ...] = ()
    """Bytes of weights on each device, as accelerate calls devices; empty where `device` takes all of them."""
    uses_disk: bool = False
    """Whether some weights stay in their files and are read again for every token."""
    notice: str = ""
    """What the person should know of it."""


def plan(need: Estimate, device: str, free: Mapping[str, int], *, name: str, is_quantized: bool = False) -> Placement:
    """Where a checkpoint's weights go.

    Args:
        need: What it takes.
        device: Where it is to compute.
        free: Free bytes of `device`, of the accelerators beside it that may help, and of `cpu`.
        name: The checkpoint's, for messages.
        is_quantized: Whether the weights are quantized; those cannot be spread.

    Raises:
        CheckpointError: There is not enough memory for it in any way; says what it takes, what is there and the cure.
    """
    if need.total <= free[device]:
        return Placement(device)
    if not is_quantized and device == "cpu":
        placement = _with_disk(need, free)
    elif not is_quantized and device != "mps":
        placement = _spread(need, device, free)
    else:
        placement = None
    if placement is None:
        raise CheckpointError(too_large(need, device, free[device], name=name, is_quantized=is_quantized))
    return placement


def too_large(need: Estimate, device: str, free: int, *, name: str, is_quantized: bool) -> str:
    """One line that says that a checkpoint does not fit, what it takes, what is there, and the cure."""
    cure = "a smaller checkpoint" if is_quantized else "--quantize 4bit, --dtype bfloat16 or a smaller checkpoint"
    return (
        f"{name} does not fit: it takes {byte_size(need.total)}, {byte_size(need.weights)} of it weights, "
        f"and {byte_size(free)} are free on {device}: try {cure}, or close other programs"
    )


def _with_disk(need: Estimate, free: Mapping[str, int]) -> Placement | None:
    """As much in main memory as there is room for, the rest in its files."""
    room = free["cpu"] - (need.total - need.weights)
    if room < need.resident + _LEAST_LAYERS * need.largest_layer:
        return None
    return Placement("cpu", (("cpu", room),), uses_disk=True, notice=_notice(need, need.weights - room, "on the disk"))


def _spread(need: Estimate, device: str, free: Mapping[str, int]) -> Placement | None:
    """Over all accelerators of the kind, then main memory, then the disk."""
    kind = device.partition(":")[0]
    accelerators = [device, *sorted(other for other in free if other != device and other.partition(":")[0] == kind)]
    limits: dict[int | str, int] = {}
    for place in accelerators:
        # Any of them may come to hold keys and values of its layers, so that each keeps room for the conversation.
        room = free[place] - (need.total - need.weights)
        if room >= _LEAST_LAYERS * need.largest_layer:
            limits[_index(place)] = room
    if limits.get(_index(device), 0) < need.resident:
        return None
    left = need.weights - sum(limits.values())
    if left <= 0:
        return Placement(device, tuple(limits.items()), notice=f"the weights are spread over {len(limits)} devices")
    main = max(0, free["cpu"] - need.largest_layer)
    places = (*limits.items(), ("cpu", main))
    if left <= main:
        return Placement(device, places, notice=_notice(need, left, "in main memory"))
    return Placement(device, places, uses_disk=True, notice=_notice(need, left - main, "on the disk"))


def _index(device: str) -> int:
    """The number that accelerate calls an accelerator by."""
    return int(device.partition(":")[2] or 0)


def _notice(need: Estimate, left: int, where: str) -> str:
    return (
        f"{byte_size(left)} of the {byte_size(need.weights)} of weights stay {where}: replies will be slow; "
        "--quantize 4bit or a smaller checkpoint avoids it"
    )
