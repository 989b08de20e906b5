"""Generates a reply token by token, computing only what earlier turns have not, whatever the checkpoint's family."""

import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final, Protocol

import torch
from torch import Tensor
from transformers import StoppingCriteria, StoppingCriteriaList

from chat.conversation import Image
from chat.errors import ChatError, GenerationError
from chat.generation import CheckpointFacts, Chunk, GenerationSettings, Reply, StopReason
from chat.models.decoding import ReplyText
from chat.models.sampling import Sampler
from chat.models.state import KeptState
from chat.models.tokens import Key, PromptEncoder
from chat.prompt import Dialect, Prompt

PREFILL_CHUNK: Final = 256
"""Tokens computed between two looks at whether to stop; more only where a picture's tokens would be parted."""


class Engine(Protocol):
    """What a family of checkpoints must be able to do."""

    model: Any
    """The transformers model."""
    encoder: PromptEncoder
    dialect: Dialect
    utterance_id: int
    """Id of the token that closes a turn."""
    eos_ids: frozenset[int]
    """Ids of the tokens that close a text."""
    banned_ids: tuple[int, ...]
    """Ids that may never be generated."""
    image_size: int
    """Side of the square that a picture is squashed to, in pixels."""

    def compute(self, state: KeptState, keys: Sequence[Key], images: Mapping[str, Image]) -> Tensor:
        """Compute tokens after those in the state and add them to it; gives the last one's logits (vocabulary,).

        All tokens of a picture come in one call.
        """

    def generate_inputs(self, keys: Sequence[Key], images: Mapping[str, Image]) -> dict[str, Tensor]:
        """The arguments of transformers' own `generate` for a whole prompt."""


class ModelGenerator:
    """A `TextGenerator` over a loaded checkpoint. Used from one thread at a time."""

    def __init__(self, engine: Engine, facts: CheckpointFacts) -> None:
        self._engine = engine
        self._facts = facts
        self._state = KeptState(engine.model.config)

    @property
    def facts(self) -> CheckpointFacts:
        """What is loaded."""
        return self._facts

    @property
    def dialect(self) -> Dialect:
        """How prompts for this checkpoint are written."""
        return self._engine.dialect

    def count_tokens(self, prompt: Prompt) -> int:
        """How many tokens a prompt takes."""
        return len(self._engine.encoder.encode(prompt).token_ids)

    def decode(self, token_ids: Sequence[int]) -> str:
        """The text of generated ids."""
        return self._engine.encoder.decode(token_ids)

    def generate(self, prompt: Prompt, settings: GenerationSettings, stop: threading.Event) -> Iterator[Chunk | Reply]:
        """Yield the reply token by token, and last of all the whole `Reply`; see `TextGenerator.generate`."""
        with _own_errors(self._state):
            writing = _Writing(self._engine, self._facts, self._state, prompt, settings, stop)
            yield from writing.beams() if settings.num_beams > 1 else writing.tokens()


@contextmanager
def _own_errors(state: KeptState) -> Iterator[None]:
    """Whatever fails or breaks off in a forward pass leaves nothing that could change a later reply."""
    try:
        yield
    except ChatError:
        state.forget()
        raise
    except torch.OutOfMemoryError as error:
        state.forget()
        raise GenerationError("out of memory: use fewer pictures, a shorter conversation or --quantize 4bit") from error
    # Nobody lists what a forward pass may raise.
    except Exception as error:
        state.forget()
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise GenerationError(f"the model failed: {reason}") from error


class _Writing:
    """One reply while it is written."""

    def __init__(
        self,
        engine: Engine,
        facts: CheckpointFacts,
        state: KeptState,
        prompt: Prompt,
        settings: GenerationSettings,
        stop: threading.Event,
    ) -> None:
        self._started = time.monotonic()
        self._first_token_s = 0.0
        self._engine = engine
        self._state = state
        self._stop = stop
        self._settings = settings
        self._keys = engine.encoder.keys(prompt)
        self._images = {image.digest: image for image in prompt.images}
        self._room = facts.context_length - len(self._keys)
        if self._room < 1:
            raise GenerationError(
                f"the conversation takes {len(self._keys):,} tokens and the checkpoint has room for "
                f"{facts.context_length:,}: begin a new session or leave something out"
            )
        prompt_ids = [token_id for token_id, _ in self._keys]
        self._sampler = Sampler(settings, engine.banned_ids, prompt_ids, engine.model.device)
        self._text = ReplyText(engine.encoder)
        self._ids: list[int] = []
        self._cached = 0

    def tokens(self) -> Iterator[Chunk | Reply]:
        """Greedy decoding or sampling, one token at a time."""
        self._cached = self._state.keep_shared(self._keys)
        logits = self._prefill(self._keys[self._cached :])
        reason = StopReason.CANCELLED
        while logits is not None and not self._stop.is_set():
            token_id = self._sampler.choose(logits)
            text, ended = self._take(token_id)
            yield Chunk(text, token_id)
            if ended:
                reason = ended
                break
            logits = self._engine.compute(self._state, [(token_id, "")], self._images)
        yield from self._end(reason)

    def _prefill(self, keys: Sequence[Key]) -> Tensor | None:
        """Compute the prompt's tokens in parts; None when stopped on the way."""
        logits = None
        start = 0
        while start < len(keys):
            if self._stop.is_set():
                return None
            end = chunk_end(keys, start)
            logits = self._engine.compute(self._state, keys[start:end], self._images)
            start = end
        return logits

    def _take(self, token_id: int) -> tuple[str, StopReason | None]:
        """Add a token to the reply; gives its text, and the reason when it is the last one."""
        if not self._ids:
            self._first_token_s = time.monotonic() - self._started
        self._ids.append(token_id)
        if token_id == self._engine.utterance_id:
            return "", StopReason.END_OF_UTTERANCE
        if token_id in self._engine.eos_ids:
            return "", StopReason.EOS
        text = self._text.add(token_id)
        if self._text.has_turn_marker:
            return text, StopReason.TURN_MARKER
        if len(self._ids) >= self._settings.max_new_tokens:
            return text, StopReason.MAX_NEW_TOKENS
        return text, StopReason.CONTEXT_FULL if len(self._ids) >= self._room else None

    def beams(self) -> Iterator[Chunk | Reply]:
        """Beam search by transformers' own `generate`; nothing can be streamed before the end."""
        settings = self._settings
        sampling = {"do_sample": True, "temperature": settings.temperature, "top_p": settings.top_p}
        if self._sampler.seed is not None:
            torch.manual_seed(self._sampler.seed)
        output = self._engine.model.generate(
            **self._engine.generate_inputs(self._keys, self._images),
            num_beams=settings.num_beams,
            max_new_tokens=min(settings.max_new_tokens, self._room),
            repetition_penalty=settings.repetition_penalty,
            eos_token_id=[self._engine.utterance_id, *self._engine.eos_ids],
            bad_words_ids=[[token_id] for token_id in self._engine.banned_ids],
            stopping_criteria=StoppingCriteriaList([_Stopped(self._stop)]),
            **({**sampling, "top_k": settings.top_k} if settings.temperature > 0 else {"do_sample": False}),
        )
        reason: StopReason | None = None
        for token_id in output[0, len(self._keys) :].tolist():
            text, reason = self._take(token_id)
            yield Chunk(text, token_id)
            if reason:
                break
        yield from self._end(reason or StopReason.CANCELLED)

    def _end(self, reason: StopReason) -> Iterator[Chunk | Reply]:
        """The text held back until now, and the reply."""
        rest = self._text.finish()
        if rest:
            yield Chunk(rest, None)
        yield self._reply(reason)

    def _reply(self, reason: StopReason) -> Reply:
        return Reply(
            text=self._text.text,
            token_ids=tuple(self._ids[: self._text.spoken(len(self._ids))]),
            stop_reason=reason,
            prompt_tokens=len(self._keys),
            cached_tokens=self._cached,
            seed=self._sampler.seed,
            first_token_s=self._first_token_s,
            total_s=time.monotonic() - self._started,
        )


def chunk_end(keys: Sequence[Key], start: int) -> int:
    """Where the part of a prompt that begins at `start` ends: never between two tokens of one picture."""
    end = min(start + PREFILL_CHUNK, len(keys))
    while end < len(keys) and keys[end - 1][1] and keys[end][1]:
        end += 1
    return end


class _Stopped(StoppingCriteria):
    """Ends beam search when the user stops it."""

    def __init__(self, stop: threading.Event) -> None:
        self._stop = stop

    def __call__(self, input_ids: Tensor, scores: Tensor, **kwargs: Any) -> Tensor:
        return torch.full((input_ids.shape[0],), self._stop.is_set(), device=input_ids.device)
