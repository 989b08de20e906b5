"""One reply while it is written: from the prompt's tokens to the reply's, and why it ends."""

import threading
import time
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor
from transformers import StoppingCriteria, StoppingCriteriaList

from chat.errors import GenerationError
from chat.generation import CheckpointFacts, Chunk, GenerationSettings, ReadProgress, Reply, StopReason
from chat.models.decoding import ReplyText, begun_ids
from chat.models.engine import Engine
from chat.models.prefill import prefill
from chat.models.sampling import Sampler
from chat.models.state import KeptState
from chat.models.tokens import Key
from chat.prompt import Prompt, before_next


class Writing:
    """A reply from its prompt to its last token."""

    def __init__(
        self,
        engine: Engine,
        facts: CheckpointFacts,
        prompt: Prompt,
        settings: GenerationSettings,
        stop: threading.Event,
    ) -> None:
        self._started = time.monotonic()
        self._first_token_s = 0.0
        self._engine = engine
        self._prompt = prompt
        self._stop = stop
        self._settings = settings
        self.keys = engine.encoder.keys(prompt)
        self.images = {image.digest: image for image in prompt.images}
        self._room = facts.context_length - len(self.keys)
        if self._room < 1:
            raise GenerationError(
                f"the conversation takes {len(self.keys):,} tokens and the checkpoint has room for "
                f"{facts.context_length:,}: begin a new session or leave something out"
            )
        prompt_ids = [token_id for token_id, _ in self.keys]
        self._sampler = Sampler(settings, engine.banned_ids, prompt_ids, engine.model.device)
        self._text = ReplyText(engine.encoder, begun_ids(engine.encoder, prompt))
        self._ids: list[int] = []
        self._cached = 0
        self.reply: Reply | None = None
        """The whole reply, once it has ended."""

    def tokens(self, state: KeptState, part: int) -> Iterator[ReadProgress | Chunk | Reply]:
        """Greedy decoding or sampling, one token at a time.

        Args:
            state: Holds what the prompt begins with.
            part: Of the prompt's other tokens, how many are computed at once.
        """
        self._cached = len(state)
        logits = yield from prefill(self._engine, state, self.keys, self.images, self._stop, part)
        reason = StopReason.CANCELLED
        while logits is not None and not self._stop.is_set():
            chunk, ended = self.choose(logits)
            yield chunk
            if ended:
                reason = ended
                break
            logits = self._engine.compute(state, [(self.last_id, "")], self.images)
        yield from self.end(reason)

    def choose(self, logits: Tensor) -> tuple[Chunk, StopReason | None]:
        """Add the next token to the reply; gives its piece, and the reason when it is the last one.

        Args:
            logits: After the prompt and the reply so far, (vocabulary,).
        """
        token_id = self._sampler.choose(logits)
        text, ended = self._take(token_id)
        return Chunk(text, token_id), ended

    @property
    def last_id(self) -> int:
        """The id of the reply's newest token."""
        return self._ids[-1]

    @property
    def most_new(self) -> int:
        """The most tokens that the reply may have."""
        return min(self._settings.max_new_tokens, self._room)

    def keys_before_next(self) -> list[Key]:
        """The tokens that the next prompt begins with, once the reply has ended."""
        said = (self.reply.text, self.reply.spoken_ids) if self.reply and self.reply.text else ("", ())
        return self._engine.encoder.keys(before_next(self._prompt, self._engine.dialect, *said))

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
        stopped = _Stopped(self._stop)
        output = self._engine.model.generate(
            **self._engine.generate_inputs(self.keys, self.images),
            num_beams=settings.num_beams,
            max_new_tokens=self.most_new,
            repetition_penalty=settings.repetition_penalty,
            eos_token_id=[
                token_id for token_id in (self._engine.utterance_id, *self._engine.eos_ids) if token_id is not None
            ],
            bad_words_ids=[[token_id] for token_id in self._engine.banned_ids],
            stopping_criteria=StoppingCriteriaList([stopped]),
            **({**sampling, "top_k": settings.top_k} if settings.temperature > 0 else {"do_sample": False}),
        )
        reason: StopReason | None = None
        for token_id in output[0, len(self.keys) :].tolist():
            text, reason = self._take(token_id)
            yield Chunk(text, token_id)
            if reason:
                break
        # A search that was broken off gives its best so far, which may look finished and be another than it would find.
        yield from self.end(reason if reason and not stopped.has_stopped else StopReason.CANCELLED)

    def end(self, reason: StopReason) -> Iterator[Chunk | Reply]:
        """End the reply: the text held back until now, and the whole of it."""
        rest = self._text.finish()
        if rest:
            yield Chunk(rest, None)
        self.reply = Reply(
            text=self._text.text,
            token_ids=tuple(self._ids[: self._text.spoken(len(self._ids))]),
            stop_reason=reason,
            prompt_tokens=len(self.keys),
            cached_tokens=self._cached,
            seed=self._sampler.seed,
            first_token_s=self._first_token_s,
            total_s=time.monotonic() - self._started,
            prompt_ids=tuple(token_id for token_id, _ in self.keys),
        )
        yield self.reply


class _Stopped(StoppingCriteria):
    """Ends beam search when the user stops it."""

    def __init__(self, stop: threading.Event) -> None:
        self._stop = stop
        self.has_stopped = False
        """Whether the search was ended before its own end."""

    def __call__(self, input_ids: Tensor, scores: Tensor, **kwargs: Any) -> Tensor:
        self.has_stopped = self.has_stopped or self._stop.is_set()
        return torch.full((input_ids.shape[0],), self.has_stopped, device=input_ids.device)
