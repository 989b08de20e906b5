"""What a checkpoint's files hold and which libraries compute it, by which a stored reply tells what it came from."""

import hashlib
import re
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

from chat.environment import CheckpointFile, Environment, Library

_READ_WHOLE: Final = 64 * 2**20
"""Files of no more bytes than this are read for their digest."""
_FILES: Final = frozenset({".json", ".model", ".safetensors", ".txt", ".jinja"})
"""Endings of what a checkpoint is made of."""
_LIBRARIES: Final = (
    "accelerate",
    "bitsandbytes",
    "idefics-chat",
    "numpy",
    "pillow",
    "sentencepiece",
    "tokenizers",
    "torch",
    "transformers",
)
_SHA256: Final = re.compile(r"[0-9a-f]{64}")


def environment_of(folder: Path) -> Environment:
    """What a checkpoint in a folder is computed with here.

    The hub's cache calls large files by their digests, so that they need not be read; large files from elsewhere are
    left out.
    """
    files = [CheckpointFile(path.name, digest) for path in _files(folder) if (digest := _digest(path))]
    return Environment(tuple(files), tuple(_libraries()))


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.suffix in _FILES and path.is_file())


def _digest(path: Path) -> str:
    """The sha256 of a file; empty where only reading a large file would tell."""
    blob = path.resolve()
    if blob.parent.name == "blobs" and _SHA256.fullmatch(blob.name):
        return blob.name
    if blob.stat().st_size > _READ_WHOLE:
        return ""
    with blob.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _libraries() -> Iterator[Library]:
    for name in _LIBRARIES:
        try:
            yield Library(name, version(name))
        except PackageNotFoundError:
            # Run from a folder without being installed.
            continue
