"""What a reply is computed with besides the checkpoint's name: the content of its files, and the libraries."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CheckpointFile:
    """A file of a checkpoint."""

    name: str
    sha256: str
    """Of its content, hexadecimal."""


@dataclass(frozen=True, slots=True)
class Library:
    """An installed package that has a part in what a reply says."""

    name: str
    version: str


@dataclass(frozen=True, slots=True)
class Environment:
    """By which two runs of one checkpoint can be told apart. Empty where nothing is known."""

    files: tuple[CheckpointFile, ...] = ()
    """Those whose digests are known, by name."""
    libraries: tuple[Library, ...] = ()
    """By name."""

    def __bool__(self) -> bool:
        return bool(self.files or self.libraries)


UNKNOWN_ENVIRONMENT = Environment()
