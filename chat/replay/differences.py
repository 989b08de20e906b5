"""What tells two runs of a checkpoint apart beforehand: its files, the libraries, and how it is loaded."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from chat.generation import CheckpointFacts

ABSENT: Final = "none"
"""Stands for a file or a library that one of two runs has not."""
_DIGITS: Final = 12
"""Of a file's digest, as many as are shown."""


@dataclass(frozen=True, slots=True)
class Difference:
    """Something in which a run differs from the recorded one."""

    what: str
    recorded: str
    present: str


def differences(recorded: CheckpointFacts, present: CheckpointFacts) -> tuple[Difference, ...]:
    """In what two runs differ, as far as it is known of both.

    Args:
        recorded: What the recorded reply was computed with.
        present: What it is computed with this time.
    """
    pairs = (
        ("checkpoint", recorded.name, present.name),
        ("revision", recorded.revision, present.revision),
        *_pairs("file ", _files(recorded), _files(present)),
        *_pairs("", _libraries(recorded), _libraries(present)),
        ("dtype", recorded.dtype, present.dtype),
        ("device", recorded.device, present.device),
        ("quantization", recorded.quantization, present.quantization),
        ("image detail", recorded.image_detail, present.image_detail),
    )
    return tuple(Difference(what, one, other) for what, one, other in pairs if one and other and one != other)


def _files(facts: CheckpointFacts) -> dict[str, str]:
    return {file.name: file.sha256[:_DIGITS] for file in facts.environment.files}


def _libraries(facts: CheckpointFacts) -> dict[str, str]:
    return {library.name: library.version for library in facts.environment.libraries}


def _pairs(prefix: str, recorded: Mapping[str, str], present: Mapping[str, str]) -> Iterator[tuple[str, str, str]]:
    """What each run has of each name; nothing where one of them tells of none at all."""
    if recorded and present:
        for name in sorted({*recorded, *present}):
            yield f"{prefix}{name}", recorded.get(name, ABSENT), present.get(name, ABSENT)
