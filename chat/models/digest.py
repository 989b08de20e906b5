"""A short name for the weights in a folder, by which a stored reply tells what gave it."""

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO, Final

from chat.errors import CheckpointError

_READ_WHOLE: Final = 64 * 2**20
"""Weights of no more bytes than this are read to the last one."""
_SAMPLES: Final = 256
_SAMPLE_SIZE: Final = 4096
_DIGITS: Final = 12


def weights_digest(paths: Sequence[Path]) -> str:
    """The first 12 hexadecimal digits of a sha256 over the content of weight files, in the order given.

    Large weights are not read for it: of each file its length, its beginning, which describes every tensor, and 256
    pieces of 4 KiB spread evenly to its end stand for the whole, about 1 MB. Training changes numbers everywhere, so
    that these pieces tell one state of a checkpoint from another. Names, places and times do not count: a copy of a
    folder keeps its digest.

    Raises:
        CheckpointError: A file cannot be read.
    """
    digest = hashlib.sha256()
    try:
        is_small = sum(path.stat().st_size for path in paths) <= _READ_WHOLE
        for path in paths:
            with path.open("rb") as weights:
                size = os.fstat(weights.fileno()).st_size
                digest.update(size.to_bytes(8, "little"))
                for place, length in [(0, size)] if is_small else _samples(weights, size):
                    weights.seek(place)
                    digest.update(weights.read(length))
    except OSError as error:
        raise CheckpointError(f"{error.filename or path} cannot be read: {error.strerror}") from error
    return digest.hexdigest()[:_DIGITS]


def _samples(weights: BinaryIO, size: int) -> list[tuple[int, int]]:
    """Where the pieces of a safetensors file lie that stand for all of it, and how long they are."""
    header = 8 + int.from_bytes(weights.read(8), "little")
    last = max(header, size - _SAMPLE_SIZE)
    places = [header + (last - header) * number // (_SAMPLES - 1) for number in range(_SAMPLES)]
    return [(0, header), *((place, _SAMPLE_SIZE) for place in places)]
