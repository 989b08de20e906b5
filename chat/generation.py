"""The port to a model: what a generator takes and gives, and a double that speaks from a script.

Nothing here knows torch; the generators that do live in `chat.models`.
"""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final, Protocol

from chat.errors import GenerationError, UsageError
from chat.prompt import IDEFICS, Dialect, Prompt

MOST_NEW_TOKENS: Final = 100_000


class StopReason(StrEnum):
    """Why a reply ended."""

    END_OF_UTTERANCE = "end_of_utterance"
    EOS = "eos"
    MAX_NEW_TOKENS = "max_new_tokens"
    CONTEXT_FULL = "context_full"
    TURN_MARKER = "turn_marker"
    CANCELLED = "cancelled"
    ERROR = "error"

    @property
    def is_cut(self) -> bool:
        """Whether the reply ended before the model had finished it."""
        return self not in (StopReason.END_OF_UTTERANCE, StopReason.EOS, StopReason.TURN_MARKER)

    @property
    def has_closing_token(self) -> bool:
        """Whether the reply's last token closed it and says nothing."""
        return self in (StopReason.END_OF_UTTERANCE, StopReason.EOS)


@dataclass(frozen=True, slots=True)
class GenerationSettings:
    """How a reply is generated. The names are those of transformers; the defaults mean greedy decoding."""

    max_new_tokens: int = 256
    temperature: float = 0.0
    """0 takes the likeliest token every time; above 0 tokens are sampled."""
    top_p: float = 1.0
    top_k: int = 0
    """0 means no limit."""
    num_beams: int = 1
    repetition_penalty: float = 1.0
    seed: int | None = None
    """Seed of the sampling; None draws one, which the reply then names."""

    def __post_init__(self) -> None:
        if not 1 <= self.max_new_tokens <= MOST_NEW_TOKENS:
            raise UsageError(f"max-new-tokens is {self.max_new_tokens}: give a number from 1 to {MOST_NEW_TOKENS:,}")
        if self.temperature != 0 and not 0.001 <= self.temperature <= 100:
            raise UsageError(
                f"temperature is {self.temperature}: give 0 for greedy decoding, or a number from 0.001 to 100"
            )
        if not 0 < self.top_p <= 1:
            raise UsageError(f"top-p is {self.top_p}: give a number above 0, up to 1")
        if self.top_k < 0:
            raise UsageError(f"top-k is {self.top_k}: give 0 for no limit, or a positive number")
        if self.num_beams < 1:
            raise UsageError(f"num-beams is {self.num_beams}: give 1 or more")
        if not 0 < self.repetition_penalty <= 100:
            raise UsageError(f"repetition-penalty is {self.repetition_penalty}: give a number above 0; 1 is none")
        if self.seed is not None and not 0 <= self.seed < 2**63:
            raise UsageError(f"seed is {self.seed}: give a number from 0 to 2**63 - 1")

    def seeded(self) -> "GenerationSettings":
        """These settings with a seed, drawn now where sampling has none: a reply that is cut keeps its seed, too."""
        if self.temperature == 0 or self.seed is not None:
            return self
        # Here, because it brings more along than the first frame of the UI has time for.
        import secrets

        return replace(self, seed=secrets.randbelow(2**31))


@dataclass(frozen=True, slots=True)
class CheckpointFacts:
    """What is known of a loaded checkpoint."""

    name: str
    """As the user gave it: `shapes`, a hub name or a folder."""
    revision: str | None = None
    """Commit of a hub checkpoint, where known."""
    family: str = "idefics"
    device: str = "cpu"
    dtype: str = "float32"
    quantization: str = "none"
    context_length: int = 2048
    """Tokens the checkpoint was made for, prompt and reply together."""
    image_size: int = 224
    """Side of the square that a picture is squashed to, in pixels."""
    is_demonstration: bool = False
    """Whether this is the bundled checkpoint, which knows coloured shapes and nothing else."""

    @property
    def short_name(self) -> str:
        """The last part of the name."""
        return self.name.rstrip("/").rpartition("/")[2]


@dataclass(frozen=True, slots=True)
class Reply:
    """A reply that has ended."""

    text: str
    token_ids: tuple[int, ...]
    """As generated, the closing token included where there is one."""
    stop_reason: StopReason
    prompt_tokens: int
    cached_tokens: int
    """How many of the prompt's tokens needed no computation, because an earlier turn had done it."""
    seed: int | None
    """What the sampling was seeded with; None for greedy decoding."""
    first_token_s: float
    """Seconds from the call to the first token."""
    total_s: float
    """Seconds from the call to the end."""

    @property
    def spoken_ids(self) -> tuple[int, ...]:
        """The ids that are the text: without the token that closed it."""
        return self.token_ids[:-1] if self.stop_reason.has_closing_token else self.token_ids

    @property
    def tokens_per_s(self) -> float:
        """Tokens per second after the first; 0 for a reply of one token or none."""
        seconds = self.total_s - self.first_token_s
        return (len(self.token_ids) - 1) / seconds if seconds > 0 and len(self.token_ids) > 1 else 0.0


@dataclass(frozen=True, slots=True)
class Chunk:
    """One streamed piece of a reply."""

    text: str
    """May be empty: a token can hold part of a character, or close the reply."""
    token_id: int | None
    """None for text that was held back until the reply had ended."""


class TextGenerator(Protocol):
    """A loaded model. Used from one thread at a time."""

    @property
    def facts(self) -> CheckpointFacts:
        """What is loaded."""

    @property
    def dialect(self) -> Dialect:
        """How prompts for this checkpoint are written."""

    def count_tokens(self, prompt: Prompt) -> int:
        """How many tokens a prompt takes. Safe from any thread, also during `generate`."""

    def generate(self, prompt: Prompt, settings: GenerationSettings, stop: threading.Event) -> Iterator[Chunk | Reply]:
        """Yield the reply piece by piece, and last of all the whole `Reply`.

        The texts of the chunks, joined, are the reply's text. Setting `stop` from any thread ends the reply after the
        token at hand, with what was said so far and the reason `CANCELLED`.

        Raises:
            GenerationError: The model failed; the chunks yielded so far are all there is.
        """


@dataclass(frozen=True, slots=True)
class LoadProgress:
    """How far the loading of a checkpoint has come."""

    stage: str
    """What is being done, in words: "importing torch", "reading weights"."""
    fraction: float | None = None
    """From 0 to 1 over the whole loading, where it can be told."""


Loader = Callable[[Callable[[LoadProgress], None], threading.Event], TextGenerator]
"""Loads a checkpoint: takes what to tell progress to and an event that cancels; raises CheckpointError."""


class ScriptedGenerator:
    """A generator that speaks from a script, word by word; for tests and for trying the UI without a model."""

    def __init__(
        self,
        replies: Sequence[str | Exception],
        *,
        facts: CheckpointFacts | None = None,
        pause_s: float = 0.0,
        context_length: int = 1024,
    ) -> None:
        """Give the replies in the order of the calls; an exception in their place fails after the first word.

        Args:
            replies: What is said, one for each call.
            facts: What the generator says it is.
            pause_s: Seconds between words.
            context_length: Used when no facts are given.
        """
        self._replies = list(replies)
        self._facts = facts or CheckpointFacts("scripted", context_length=context_length)
        self._pause_s = pause_s
        self.prompts: list[Prompt] = []
        """Every prompt it was given."""

    @property
    def facts(self) -> CheckpointFacts:
        """What it says it is."""
        return self._facts

    @property
    def dialect(self) -> Dialect:
        """That of IDEFICS."""
        return IDEFICS

    def count_tokens(self, prompt: Prompt) -> int:
        """One token a word of the prompt's string."""
        return len(prompt.text.split())

    def generate(self, prompt: Prompt, settings: GenerationSettings, stop: threading.Event) -> Iterator[Chunk | Reply]:
        """Say the next reply of the script."""
        started = time.monotonic()
        self.prompts.append(prompt)
        if not self._replies:
            raise GenerationError("the script has no more replies")
        script = self._replies.pop(0)
        failure = script if isinstance(script, Exception) else None
        words = _words("Well, " if isinstance(script, Exception) else script)[: settings.max_new_tokens]
        said: list[str] = []
        for word in words:
            if self._pause_s:
                stop.wait(self._pause_s)
            if stop.is_set():
                break
            said.append(word)
            yield Chunk(word, len(said))
        if failure:
            raise failure
        reason = StopReason.CANCELLED if stop.is_set() else StopReason.END_OF_UTTERANCE
        yield Reply(
            text="".join(said),
            token_ids=tuple(range(1, len(said) + 1)),
            stop_reason=reason,
            prompt_tokens=self.count_tokens(prompt),
            cached_tokens=0,
            seed=settings.seed,
            first_token_s=time.monotonic() - started,
            total_s=time.monotonic() - started,
        )


def _words(text: str) -> list[str]:
    """The text cut after every space, so that the pieces joined are the text."""
    pieces = text.split(" ")
    return [piece + " " for piece in pieces[:-1]] + ([pieces[-1]] if pieces[-1] else [])
