"""Checkpoints that can be chosen, with what each takes of this machine, in values and in words.

Who finds that out is given from outside: it takes what only the models know.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final, Protocol

from chat.generation import CheckpointFacts
from chat.loading import Loader
from chat.talk.wording import size_in_words

AUTO: Final = "auto"
"""The precision that is the best of those that fit."""
DTYPES: Final = {"fp32": "float32", "bf16": "bfloat16", "fp16": "float16"}
"""What torch calls the precisions that are not quantized."""
PRECISIONS: Final = (AUTO, "fp32", "bf16", "fp16", "8bit", "4bit")
QUANTIZED: Final = ("8bit", "4bit")
NOTHING_SAID: Final[Mapping[str, str]] = MappingProxyType({})
"""Of how a checkpoint is to be loaded."""


class Place(StrEnum):
    """Where a checkpoint's files are."""

    BUNDLED = "bundled"
    CACHED = "in cache"
    FOLDER = "a folder"
    REMOTE = "not downloaded"


class Fit(StrEnum):
    """Whether a checkpoint can be loaded."""

    YES = "yes"
    WITH_LIMITS = "with limits"
    NO = "no"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Way:
    """A precision that a checkpoint can be loaded in, and what it takes."""

    precision: str
    weights: int
    """Bytes, as everything else that is counted."""
    state: int
    """What is computed of a conversation of `tokens` tokens."""
    pictures: int
    working: int
    tokens: int
    """The longest conversation that the checkpoint was made for."""
    device: str
    """Where it would compute; empty where it does not fit."""
    room: int
    """Tokens of conversation that there is memory for."""
    is_spread: bool
    """Whether some of the weights would stay in main memory or on the disk."""
    short: int
    """Bytes that are missing where it does not fit."""
    fits_beside: bool
    """Whether it fits with the checkpoint that is loaded, and not in its place alone."""

    @property
    def memory(self) -> int:
        """All that is counted."""
        return self.weights + self.state + self.pictures + self.working

    @property
    def fit(self) -> Fit:
        """Whether it fits."""
        if not self.device:
            return Fit.NO
        is_slow = self.is_spread or (self.device == "cpu" and self.precision in QUANTIZED)
        return Fit.WITH_LIMITS if is_slow or self.room < self.tokens else Fit.YES

    @property
    def fit_in_words(self) -> str:
        """Whether it fits, in a few words."""
        if not self.device:
            return f"{size_in_words(self.short)} short"
        if self.is_spread:
            return "yes, very slow"
        if self.room < self.tokens:
            return f"{self.room:,} tokens"
        return "yes" if self.fit is Fit.YES else "yes, slow"

    @property
    def counted_in_words(self) -> str:
        """What is counted, part by part."""
        parts = (
            (self.weights, "weights"),
            (self.state, f"a conversation of {self.tokens:,} tokens"),
            (self.pictures, "pictures"),
            (self.working, "the work itself"),
        )
        counted = " · ".join(f"{size_in_words(size)} {what}" for size, what in parts)
        return f"{self.precision}: {counted}; Python and torch come on top"


_SHARES: Final = {"bf16": 1.1, "8bit": 0.65, "4bit": 0.4}
"""Memory that a checkpoint takes for each byte of its files, which have two bytes a weight."""


@dataclass(frozen=True, slots=True)
class Guess:
    """What a checkpoint is likely to take, of which no more than the size is known."""

    precision: str
    """The best that is likely to fit, or the one that takes least."""
    memory: int
    """Bytes."""
    fit: Fit
    short: int
    """Bytes that are likely to be missing."""

    @property
    def fit_in_words(self) -> str:
        """Whether it is likely to fit."""
        if self.fit is Fit.NO:
            return f"~{size_in_words(self.short)} short"
        return "likely" if self.fit is Fit.YES else "likely, slow"


def guess(size: int, free: int, *, is_accelerated: bool) -> Guess:
    """What a checkpoint takes whose files have so many bytes.

    Args:
        size: Of its files.
        free: Bytes of memory that are free where it would compute.
        is_accelerated: Whether that is no processor, on which fewer bits make it slower.
    """
    needs = {precision: int(size * share) for precision, share in _SHARES.items()}
    precision = next((one for one, need in needs.items() if need <= free), QUANTIZED[-1])
    short = max(0, needs[precision] - free)
    is_slow = precision in QUANTIZED and not is_accelerated
    return Guess(precision, needs[precision], Fit.NO if short else Fit.WITH_LIMITS if is_slow else Fit.YES, short)


@dataclass(frozen=True, slots=True)
class Offer:
    """A checkpoint that can be chosen."""

    name: str
    place: Place
    size: int = 0
    """Bytes of its weights' files; 0 where that is not known."""
    is_about: bool = False
    """Whether the size is what is told of it, and not what its files say."""
    ways: tuple[Way, ...] = ()
    """None where its files are not here to be asked."""
    best: str = ""
    """The precision to begin with, where one fits."""
    problem: str = ""
    """Why it cannot be loaded."""
    guess: Guess | None = None
    """What it is likely to take, where its files are not here to be asked."""

    @property
    def is_demonstration(self) -> bool:
        """Whether it is the bundled checkpoint."""
        return self.place is Place.BUNDLED

    @property
    def is_here(self) -> bool:
        """Whether nothing need be fetched for it."""
        return self.place is not Place.REMOTE

    def way(self, precision: str) -> Way | None:
        """What it takes in a precision; where nothing fits, the least that it takes."""
        if precision != AUTO:
            return next((way for way in self.ways if way.precision == precision), None)
        if self.best:
            return self.way(self.best)
        return min(self.ways, key=lambda way: way.memory, default=None)

    @property
    def size_in_words(self) -> str:
        """The size, with a sign where it is a round number."""
        return f"{'~' if self.is_about else ''}{size_in_words(self.size)}" if self.size else "?"


def asked_checkpoint(argument: str) -> tuple[str, str]:
    """The checkpoint and the precision that somebody typed: `NAME`, or `NAME 4bit`."""
    name, _, last = argument.rpartition(" ")
    return (name.strip(), last) if name and last in PRECISIONS else (argument, AUTO)


class Catalogue(Protocol):
    """Knows checkpoints and this machine. Most methods take a while: no thread that answers keys may call them."""

    def machine(self) -> str:
        """What this machine has, in a line."""

    def offers(self, loaded: CheckpointFacts | None) -> Sequence[Offer]:
        """The bundled checkpoint, those that are on this machine, and well-known ones; nothing is asked of the hub.

        Args:
            loaded: What takes memory now, and would be let go of.
        """

    def examine(
        self,
        name: str,
        loaded: CheckpointFacts | None,
        *,
        asks_hub: bool,
        options: Mapping[str, str] = NOTHING_SAID,
    ) -> Offer:
        """What one checkpoint takes, by its hub name or its folder.

        Args:
            name: The checkpoint's.
            loaded: What takes memory now, and would be let go of.
            asks_hub: Fetch its config and the beginnings of its files where they are not here.
            options: What it alone is to be loaded with, by the names of `CheckpointRequest`.

        Raises:
            ChatError: There is no such checkpoint, or it cannot be loaded.
        """

    def recorded_loader(self, recorded: CheckpointFacts, *, is_of_file: bool) -> Loader:
        """What loads the checkpoint that gave a reply, as it was loaded then.

        Args:
            recorded: What gave the reply.
            is_of_file: A file tells so, which may be from anywhere: nothing is fetched or opened because of that.

        Raises:
            ChatError: There is no such checkpoint here, or a file alone asks for it.
        """

    def loader(self, name: str, precision: str, options: Mapping[str, str] = NOTHING_SAID) -> Loader:
        """What loads a checkpoint, or finds it on a server; this takes no while, on whichever thread.

        Args:
            name: The checkpoint's.
            precision: It is loaded in.
            options: What else it alone is to be loaded with, by the names of `CheckpointRequest`.

        Raises:
            UsageError: An option cannot be what it is.
        """
