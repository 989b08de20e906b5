"""Which device and which precision a checkpoint is loaded with, on the machine as it is."""

from typing import Any

import torch

from chat.errors import CheckpointError
from chat.models.request import CheckpointRequest


def find_device(wanted: str) -> str:
    """The device to compute on, such as `cpu` or `cuda:0`.

    Args:
        wanted: As `--device` takes it; `auto` takes the accelerator with the most free memory, if there is one.

    Raises:
        CheckpointError: This machine has no such device; says which it has.
    """
    if wanted == "auto":
        return _best_device()
    device = f"{wanted}:0" if wanted in ("cuda", "xpu") else wanted
    there = devices_here()
    if device not in there:
        raise CheckpointError(f"this machine has no device {wanted}: it has {' and '.join(there)}; leave --device out")
    try:
        # To the device and back: one that only pretends to compute gives nothing back.
        torch.zeros(1, device=device).cpu()
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise CheckpointError(f"the device {wanted} cannot be used: {reason}; leave --device out") from error
    return device


def devices_here() -> list[str]:
    """Every device of this machine that torch can compute on, the CPU first."""
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    found = ["cpu", *(f"cuda:{index}" for index in range(count))]
    if torch.backends.mps.is_available():
        found.append("mps")
    if torch.xpu.is_available():
        found += [f"xpu:{index}" for index in range(torch.xpu.device_count())]
    return found


def _best_device() -> str:
    from chat.models.memory import free_memory

    accelerators = [device for device in devices_here() if device != "cpu"]
    return max(accelerators, key=free_memory) if accelerators else "cpu"


def find_dtype(request: CheckpointRequest, device: str) -> Any:
    """The precision of the weights that are not quantized, which is also what quantized ones are computed in.

    Half precision where there is hardware for it; on a CPU, full precision is faster and what was trained.
    """
    if request.dtype != "auto":
        return getattr(torch, request.dtype)
    if device == "cpu" and request.quantize == "none":
        return torch.float32
    if device.startswith("cuda") and not torch.cuda.is_bf16_supported(including_emulation=False):
        return torch.float16
    return torch.bfloat16
