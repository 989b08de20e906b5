"""What this machine can run: its devices, and what a checkpoint would take of them, choice by choice.

Torch is imported only where the installed one can use an accelerator.
"""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Final

from chat.errors import CheckpointError
from chat.models.estimate import Estimate, context_length, estimate
from chat.models.headers import TensorHeader
from chat.models.memory import free_memory, total_memory
from chat.models.placement import LEAST_TOKENS, plan

PACKAGES: Final = (
    "torch",
    "transformers",
    "accelerate",
    "bitsandbytes",
    "tokenizers",
    "safetensors",
    "textual",
    "pillow",
)
"""Those whose versions decide what works."""

CHOICES: Final = (
    ("float32", "none"),
    ("bfloat16", "none"),
    ("float16", "none"),
    ("bfloat16", "8bit"),
    ("bfloat16", "4bit"),
)
"""Precision of what is not quantized, and how the rest is quantized; the most exact first."""


@dataclass(frozen=True, slots=True)
class Device:
    """Something to compute on."""

    name: str
    """As `--device` takes it."""
    words: str
    total: int
    """Bytes of memory."""
    free: int


@dataclass(frozen=True, slots=True)
class Choice:
    """One way to load a checkpoint."""

    dtype: str
    quantize: str
    need: Estimate
    device: str
    """Where it would compute; empty where it does not fit at all."""
    tokens: int
    """How long a conversation there is memory for."""
    is_spread: bool
    """Whether some of its weights would stay in main memory or on the disk."""


def packages() -> dict[str, str]:
    """Versions of the packages that matter; an empty text for one that is not installed."""
    found = {"python": ".".join(map(str, sys.version_info[:3]))}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = ""
    return found


def may_have_accelerators() -> bool:
    """Whether the installed torch can use any; which there are takes an import of it, of a second or more."""
    return not packages()["torch"].endswith("+cpu")


def devices() -> list[Device]:
    """Everything that this machine can compute on, accelerators first."""
    import platform

    import psutil

    words = f"{platform.machine()}, {psutil.cpu_count(logical=True)} processors"
    main = Device("cpu", words, total_memory("cpu"), free_memory("cpu"))
    if not may_have_accelerators():
        return [main]
    import torch

    from chat.models.devices import devices_here

    found = []
    for name in devices_here():
        kind = name.partition(":")[0]
        if kind != "cpu":
            words = "" if kind == "mps" else getattr(torch, kind).get_device_name(name)
            found.append(Device(name, words, total_memory(name), free_memory(name)))
    return [*found, main]


def choices(
    config: Mapping[str, Any], tensors: Mapping[str, TensorHeader], there: Sequence[Device], *, name: str
) -> list[Choice]:
    """Every way to load a checkpoint, and whether there is memory for it."""
    return [_choice(config, tensors, there, dtype, quantize, name) for dtype, quantize in CHOICES]


def _choice(
    config: Mapping[str, Any],
    tensors: Mapping[str, TensorHeader],
    there: Sequence[Device],
    dtype: str,
    quantize: str,
    name: str,
) -> Choice:
    longest = context_length(config)
    need = estimate(config, tensors, dtype=dtype, quantize=quantize)
    least = estimate(config, tensors, dtype=dtype, quantize=quantize, tokens=min(longest, LEAST_TOKENS))
    free = {device.name: device.free for device in there}
    for device in there:
        if need.total <= device.free:
            return Choice(dtype, quantize, need, device.name, longest, is_spread=False)
    for device in there:
        if least.total <= device.free:
            token = (need.total - least.total) / max(1, longest - least.tokens)
            tokens = least.tokens + int((device.free - least.total) / token)
            return Choice(dtype, quantize, need, device.name, tokens, is_spread=False)
    try:
        placement = plan(least, there[0].name, free, name=name, is_quantized=quantize != "none")
    except CheckpointError:
        return Choice(dtype, quantize, need, "", 0, is_spread=False)
    return Choice(dtype, quantize, need, placement.device, least.tokens, is_spread=True)


def recommended(found: Sequence[Choice]) -> Choice | None:
    """The choice to begin with: on an accelerator in half precision, then whole, exact and with the longest room."""
    usable = [choice for choice in found if choice.device]

    def worth(choice: Choice) -> tuple[bool, bool, bool, bool, int]:
        is_cpu = choice.device == "cpu"
        half_first = choice.dtype == "bfloat16" if not is_cpu else choice.dtype == "float32"
        is_whole = choice.quantize == "none"
        return (not choice.is_spread, not is_cpu, is_whole, half_first, -found.index(choice))

    return max(usable, key=worth, default=None)
