"""How much memory this machine has and has free, for main memory and for accelerators.

A container or a service may be allowed less than the machine has; what it is allowed counts. Torch is imported for
accelerators only.
"""

import ctypes
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import psutil

from chat.files import byte_size

_C_LIBRARY: Final = ctypes.CDLL(None) if sys.platform == "linux" else None
_MAPPED_FROM: Final = -3
_TRIMMED_FROM: Final = -1
"""The GNU library's `M_MMAP_THRESHOLD` and `M_TRIM_THRESHOLD`, in bytes."""
_KEPT_SHARE: Final = 0.5
"""The rest is for the work itself and for other programs."""
_PROCESS_GROUPS: Final = Path("/proc/self/cgroup")
_GROUPS: Final = Path("/sys/fs/cgroup")


def free_memory(device: str) -> int:
    """Bytes that can still be taken of a device's memory, by a name such as `cpu` or `cuda:0`."""
    if memory := _accelerator(device):
        return memory[0]
    return max(0, min([int(psutil.virtual_memory().available), *(limit - used for limit, used in _limits())]))


def total_memory(device: str) -> int:
    """Bytes of a device's memory, or of what this process may have of it."""
    if memory := _accelerator(device):
        return memory[1]
    return min([int(psutil.virtual_memory().total), *(limit for limit, _ in _limits())])


def cache_budget(free: int) -> int:
    """Bytes that states of conversations may take, of so many that are free once the checkpoint is loaded."""
    return int(free * _KEPT_SHARE)


def out_of_memory_words(device: str) -> str:
    """What to say, in one line, when a device's memory did not suffice for a reply."""
    free, total = byte_size(free_memory(device)), byte_size(total_memory(device))
    return (
        f"out of memory: {free} of {total} are free on {device}; "
        "use fewer pictures, a shorter conversation, fewer beams or --quantize 4bit"
    )


def release_at_once() -> None:
    """Let every large piece of memory go back to the system as soon as it is freed.

    The C library keeps what it thinks will be wanted again. While weights are converted or quantized, or dequantized
    layer by layer, that is pieces of many sizes, and what is kept of those is soon as much as the weights.
    """
    _configure(_MAPPED_FROM, 2**20)


def keep_for_later() -> None:
    """Let pieces of usual size be kept again for the next one who needs them, which is faster."""
    _configure(_MAPPED_FROM, 2**25)
    _configure(_TRIMMED_FROM, 2**26)


def _configure(setting: int, value: int) -> None:
    # Of the GNU library alone.
    if configure := getattr(_C_LIBRARY, "mallopt", None):
        configure(setting, value)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether this is what Python, torch or its allocator for main memory raise when memory does not suffice."""
    if isinstance(error, RuntimeError):
        told = ("DefaultCPUAllocator", "Cannot allocate memory")
        return type(error).__name__ == "OutOfMemoryError" or any(words in str(error) for words in told)
    return isinstance(error, MemoryError)


def _accelerator(device: str) -> tuple[int, int] | None:
    """Free and total bytes of an accelerator that has a memory of its own; None where main memory is what counts."""
    kind = device.partition(":")[0]
    if kind not in ("cuda", "xpu"):
        return None
    import torch

    free, total = (torch.cuda if kind == "cuda" else torch.xpu).mem_get_info(torch.device(device))
    if kind == "cuda":
        # What torch holds and does not use is given out again without asking the driver.
        free += torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    return int(free), int(total)


def _limits() -> Iterator[tuple[int, int]]:
    """What this process is allowed and how much of that is used, in bytes."""
    yield from _group_limits(_PROCESS_GROUPS, _GROUPS)
    if sys.platform != "win32":
        import resource

        # `ulimit -v` of the shell that began it.
        limit, _ = resource.getrlimit(resource.RLIMIT_AS)
        if limit != resource.RLIM_INFINITY:
            yield limit, int(psutil.Process().memory_info().vms)


def _group_limits(process_groups: Path, groups: Path) -> Iterator[tuple[int, int]]:
    """What the control groups of this process allow and how much of that is used, in bytes, both versions.

    A group is bound by its parents' limits, too. Inside a container the names are often those of the host and are not
    to be found: the group mounted at the top is then the container's own.
    """
    try:
        lines = process_groups.read_text(encoding="utf-8").splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, name = line.split(":", 2)
        if "memory" in controllers.split(","):
            root, files = groups / "memory", ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
        elif not controllers:
            root, files = groups, ("memory.max", "memory.current", "inactive_file")
        else:
            continue
        path = Path(name.lstrip("/"))
        for relative in (path, *path.parents):
            if figures := _limit_and_use(root / relative, *files):
                yield figures


def _limit_and_use(group: Path, limit_file: str, use_file: str, reclaimable: str) -> tuple[int, int] | None:
    try:
        limit = int((group / limit_file).read_text(encoding="ascii"))
        used = int((group / use_file).read_text(encoding="ascii"))
        statistics = (group / "memory.stat").read_text(encoding="ascii").split()
        # Files that were read and can be forgotten count as used until somebody needs the room.
        cached = int(statistics[statistics.index(reclaimable) + 1]) if reclaimable in statistics else 0
    except (OSError, ValueError):
        # No such group, or "max": no limit.
        return None
    return limit, max(0, used - cached)
