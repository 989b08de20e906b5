"""Reads what a safetensors file says of its tensors: names, kinds, shapes and places; the numbers stay on the disk."""

import json
import os
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any, Final

from chat.errors import CheckpointError

_LARGEST_HEADER: Final = 100_000_000
_BITS: Final = {
    "F64": 64,
    "I64": 64,
    "U64": 64,
    "F32": 32,
    "I32": 32,
    "U32": 32,
    "F16": 16,
    "BF16": 16,
    "I16": 16,
    "U16": 16,
    "F8_E4M3": 8,
    "F8_E5M2": 8,
    "I8": 8,
    "U8": 8,
    "BOOL": 8,
}
_WHOLE_NUMBERS: Final = frozenset(("I64", "I32", "I16", "BOOL"))
_FLOATS: Final = frozenset(("F64", "F32", "F16", "BF16"))


@dataclass(frozen=True, slots=True)
class TensorHeader:
    """One tensor of a file."""

    kind: str
    """As the format calls it, such as `BF16`."""
    shape: tuple[int, ...]

    @property
    def count(self) -> int:
        """How many numbers it has."""
        return prod(self.shape)

    @property
    def is_float(self) -> bool:
        """Whether it is brought to the precision that a checkpoint is loaded in."""
        return self.kind in _FLOATS

    @property
    def is_quantized(self) -> bool:
        """Whether its numbers are so short that they mean nothing without scales, which are kept elsewhere."""
        return self.kind not in _WHOLE_NUMBERS and _BITS.get(self.kind, 0) <= 8

    @property
    def bytes(self) -> int:
        """How many bytes it takes in the file."""
        return self.count * _BITS.get(self.kind, 8) // 8


def read_headers(paths: Iterable[Path]) -> dict[str, TensorHeader]:
    """All tensors of a checkpoint's files, by name.

    Raises:
        CheckpointError: A file is missing, cut off, longer than it says or of another kind.
    """
    tensors: dict[str, TensorHeader] = {}
    for path in paths:
        tensors.update(_read_header(path))
    return tensors


def _read_header(path: Path) -> dict[str, TensorHeader]:
    try:
        with path.open("rb") as weights:
            size = os.fstat(weights.fileno()).st_size
            (header_size,) = struct.unpack("<Q", weights.read(8))
            if header_size > min(size, _LARGEST_HEADER):
                raise CheckpointError(f"{path} is cut off or not a safetensors file: copy the file again")
            header = json.loads(weights.read(header_size))
            tensors, promised = _tensors(header)
    except FileNotFoundError as error:
        raise CheckpointError(f"{path.parent} has no {path.name}: copy the checkpoint's files again") from error
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read: {error.strerror}") from error
    except (struct.error, ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError) as error:
        raise CheckpointError(f"{path} is cut off or not a safetensors file: copy the file again") from error
    promised += 8 + header_size
    if size != promised:
        raise CheckpointError(f"{path} has {size:,} of {promised:,} bytes: copy the file again")
    return tensors


def _tensors(header: dict[str, Any]) -> tuple[dict[str, TensorHeader], int]:
    """The tensors in a header, and how many bytes they take together."""
    tensors: dict[str, TensorHeader] = {}
    end = 0
    for name, entry in header.items():
        if name != "__metadata__":
            tensors[name] = TensorHeader(str(entry["dtype"]), tuple(int(side) for side in entry["shape"]))
            end = max(end, int(entry["data_offsets"][1]))
    return tensors, end
