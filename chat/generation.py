"""The port to a model: what a generator takes and gives.

Nothing here knows torch; the generators that do live in `chat.models`.
"""

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

from chat.environment import UNKNOWN_ENVIRONMENT, Environment
from chat.errors import UsageError

if TYPE_CHECKING:
    from chat.conversation import Image
    from chat.prompt import Dialect, Prompt
    from chat.seen import SeenPicture, SeenPrompt, WeighedToken

ALTERNATIVES: Final = 3
"""Likeliest tokens that are told for each token of a reply, unless more are asked for."""
MOST_NEW_TOKENS: Final = 100_000
REMOTE: Final = "remote"
"""The device of a checkpoint that a server has."""
NO_REPLY: Final = "the model ended without a reply: try again"
"""Told where a generator does not end with a `Reply`, as it promises."""


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
    """Commit of a hub checkpoint where known, a digest of the weights for one from a folder, the host of a server."""
    family: str = "idefics"
    device: str = "cpu"
    dtype: str = "float32"
    quantization: str = "none"
    """Empty where only a server knows."""
    context_length: int = 2048
    """Tokens the checkpoint was made for, prompt and reply together; 0 where only a server knows."""
    image_size: int = 224
    """Side of the square that a picture is squashed to, in pixels; 0 where only a server knows."""
    image_detail: str = "low"
    """`low` where a picture is seen as a whole alone, `high` where it is seen in parts as well."""
    is_demonstration: bool = False
    """Whether this is the bundled checkpoint, which knows coloured shapes and nothing else."""
    environment: Environment = UNKNOWN_ENVIRONMENT

    @property
    def is_remote(self) -> bool:
        """Whether a server has it."""
        return self.device == REMOTE

    @property
    def is_quantized(self) -> bool:
        """Whether it is known to be quantized."""
        return self.quantization not in ("", "none")

    def is_of_machine(self, name: str) -> bool:
        """Whether it is the checkpoint that this machine knows by a name; a server's may be called the same."""
        return self.name == name and not self.is_remote

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
    """How many of the prompt's tokens needed no computation, because it had been done before."""
    seed: int | None
    """What the sampling was seeded with; None for greedy decoding."""
    first_token_s: float
    """Seconds from the call to the first token."""
    total_s: float
    """Seconds from the call to the end."""
    prompt_ids: tuple[int, ...] = ()
    """Of the prompt it was given to; empty where nobody tells."""
    told_tokens: int = 0
    """How many tokens a server says that the reply has, where it does not tell their ids."""
    begun_tokens: int = field(default=0, compare=False)
    """How many of its first tokens were there before, where it was cut and went on: the times are of the others."""

    @property
    def spoken_ids(self) -> tuple[int, ...]:
        """The ids that are the text: without the token that closed it."""
        return self.token_ids[:-1] if self.stop_reason.has_closing_token else self.token_ids

    @property
    def new_tokens(self) -> int:
        """How many tokens it has, as far as that is known."""
        return len(self.token_ids) or self.told_tokens

    @property
    def tokens_per_s(self) -> float:
        """Tokens per second after the first; 0 for a reply of one token or none."""
        seconds, timed = self.total_s - self.first_token_s, self.new_tokens - self.begun_tokens
        return (timed - 1) / seconds if seconds > 0 and timed > 1 else 0.0


class Chunk(NamedTuple):
    """One streamed piece of a reply."""

    text: str
    """May be empty: a token can hold part of a character, or close the reply."""
    token_id: int | None
    """None for text that was held back until the reply had ended."""


class ReadProgress(NamedTuple):
    """How far the reading of a prompt has come, in tokens that nothing earlier had read."""

    done: int
    total: int


class Score(NamedTuple):
    """How likely a model finds a text as what comes next."""

    log_likelihood: float
    """Natural logarithm of the probability of all its tokens, one after the other."""
    token_count: int

    @property
    def per_token(self) -> float:
        """The log-likelihood of a token on average, by which texts of different lengths can be compared."""
        return self.log_likelihood / self.token_count


class TextGenerator(Protocol):
    """A loaded model. Used from one thread at a time, for one reply at a time.

    What can be stopped takes long; what cannot is quick, and safe from any thread, also during `generate`.
    """

    @property
    def facts(self) -> CheckpointFacts:
        """What is loaded."""

    @property
    def dialect(self) -> "Dialect":
        """How prompts for this checkpoint are written."""

    def count_tokens(self, prompt: "Prompt") -> int:
        """How many tokens a prompt takes."""

    def generate(
        self, prompt: "Prompt", settings: GenerationSettings, stop: threading.Event
    ) -> "Iterator[ReadProgress | Chunk | Reply]":
        """Yield the reply piece by piece, and last of all the whole `Reply`.

        Before its first piece comes how far the prompt has been read, as long as that takes several steps. The texts
        of the chunks, joined, are the reply's text. Setting `stop` from any thread ends the reply after the token at
        hand, with what was said so far and the reason `CANCELLED`. Whoever asks for more after the `Reply` gets
        nothing, but lets the generator prepare for the next question.

        Raises:
            GenerationError: The model failed; the chunks yielded so far are all there is.
        """

    def prefill(self, prompt: "Prompt", stop: threading.Event) -> None:
        """Compute a prompt before its reply is asked for, as far as one comes until `stop` is set.

        What the prompt that is asked at last begins with need not be computed again. A reply differs for it by rounding
        alone, as it does for whatever was kept before. What fails here fails again, and is told, when the reply is
        asked for.
        """

    def score(self, prompt: "Prompt", texts: "Sequence[str]", stop: threading.Event) -> "tuple[Score, ...] | None":
        """How likely each of several texts is as what follows a prompt, a space before it.

        Of the prompt nothing is computed twice, and of the texts each token once. Nothing is added to the
        conversation. None when `stop` was set on the way.

        Raises:
            GenerationError: The model failed, or a text has no token.
        """

    def describe(self, prompt: "Prompt") -> "SeenPrompt":
        """A prompt token by token, with the ids that `generate` begins with. Safe from any thread, also meanwhile."""

    def preprocess(self, image: "Image") -> "SeenPicture":
        """What the model gets of a picture. Safe from any thread, also during `generate`.

        Raises:
            ImageError: The picture's bytes are gone or damaged.
        """

    def weigh(
        self, prompt: "Prompt", token_ids: "Sequence[int]", stop: threading.Event, alternatives: int = ALTERNATIVES
    ) -> "tuple[WeighedToken, ...] | None":
        """How likely each token of a reply to a prompt was, and what else could have stood there.

        What is kept of conversations stays as it is. None when `stop` was set on the way.

        Raises:
            GenerationError: The model failed, or knows no such token.
        """

    def generate_batch(
        self, requests: "Sequence[tuple[Prompt, GenerationSettings]]", stop: threading.Event
    ) -> "Iterator[tuple[int, Reply]]":
        """Yield the replies to several prompts computed together, each with its place among them, as they end.

        In full precision a reply is that of `generate`. Setting `stop` ends every reply after the token at hand, with
        the reason `CANCELLED`.

        Raises:
            MemoryFullError: Memory does not suffice for so many at once.
            GenerationError: The model failed; the replies yielded so far are whole.
        """

    def most_at_once(self, tokens: int, images: int) -> int:
        """How many prompts the free memory holds side by side, at least 1.

        Args:
            tokens: Of the longest of them, its reply included.
            images: The most that one of them has.
        """
