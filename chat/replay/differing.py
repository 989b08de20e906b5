"""In what two runs of a checkpoint differ before either has said a word: its files, the libraries, the machine."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from chat.generation import CheckpointFacts

NOT_THERE: Final = "none"
"""Stands for a file or a library that one of the two runs does not have."""


@dataclass(frozen=True, slots=True)
class Difference:
    """Something that was one thing when a reply was recorded and is another."""

    what: str
    """`dtype`, `torch`, `model.safetensors`..."""
    recorded: str
    now: str


def differences(recorded: CheckpointFacts, now: CheckpointFacts) -> Iterator[Difference]:
    """In what a recorded reply's origin differs from another; what was not recorded of it is passed over.

    Files are told by the first digits of their digests, and not at all where the checkpoint is another one.
    """
    for what, before, after in (
        ("checkpoint", recorded.name, now.name),
        ("revision", recorded.revision, now.revision),
        ("dtype", recorded.dtype, now.dtype),
        ("quantization", recorded.quantization, now.quantization),
        ("device", recorded.device, now.device),
        ("image detail", recorded.image_detail, now.image_detail),
    ):
        if recorded.name and before and before != after:
            yield Difference(what, before, after or NOT_THERE)
    if recorded.name == now.name:
        files = {one.name: one.sha256[:12] for one in recorded.environment.files}
        yield from _changed(files, {one.name: one.sha256[:12] for one in now.environment.files})
    libraries = {one.name: one.version for one in recorded.environment.libraries}
    yield from _changed(libraries, {one.name: one.version for one in now.environment.libraries})


def _changed(recorded: dict[str, str], now: dict[str, str]) -> Iterator[Difference]:
    # Nothing to compare with, on either side: then nobody knows, which is no difference.
    if recorded and now:
        for name in sorted(recorded | now):
            before, after = recorded.get(name, NOT_THERE), now.get(name, NOT_THERE)
            if before != after:
                yield Difference(name, before, after)
