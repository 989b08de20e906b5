"""Generates replies, computing only what earlier turns have not, whatever the checkpoint's family."""

import logging
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from chat.conversation import Image
from chat.errors import ChatError, GenerationError, MemoryFullError
from chat.generation import ALTERNATIVES, CheckpointFacts, Chunk, GenerationSettings, ReadProgress, Reply, Score
from chat.models.batch_writing import rows_that_fit, write_batch
from chat.models.describing import describe
from chat.models.engine import Engine
from chat.models.estimate import PREFILL_CHUNK
from chat.models.memory import cache_budget, free_memory, is_out_of_memory, out_of_memory_words
from chat.models.prefill import ended, prefill
from chat.models.scoring import MOST_TOKENS, continuations, scores
from chat.models.state import KeptState, KeptStates
from chat.models.weighing import check_ids, weighed
from chat.models.writing import Writing
from chat.prompt import Dialect, Prompt, before_last
from chat.seen import SeenPicture, SeenPrompt, WeighedToken

ROOM_AHEAD: Final = 256
"""Tokens that a state has room for when a reply has ended, so that the next question need not wait for it to grow."""

FEATURES_SHARE: Final = 1 / 8
"""Of the bytes kept between replies: what was seen in pictures; the rest is for what was computed of tokens."""


class ModelGenerator:
    """A `TextGenerator` over a loaded checkpoint. Used from one thread at a time."""

    def __init__(
        self,
        engine: Engine,
        facts: CheckpointFacts,
        *,
        most_bytes: int | None = None,
        chunk: int = PREFILL_CHUNK,
        draft_chunk: int = PREFILL_CHUNK,
    ) -> None:
        """Take over a loaded checkpoint.

        Args:
            engine: The checkpoint, ready to compute.
            facts: What is known of it.
            most_bytes: That may be kept between replies; a share of the memory that is free now, if not given.
            chunk: Of a prompt's tokens, how many are computed at once.
            draft_chunk: The same for a prompt that is not sent yet; 0 to compute none of those.
        """
        if most_bytes is None:
            most_bytes = cache_budget(free_memory(facts.device))
        self.engine = engine
        """The checkpoint, ready to compute."""
        self._facts = facts
        self._chunk, self._draft_chunk = chunk, draft_chunk
        engine.features.most_bytes = most_bytes * FEATURES_SHARE
        self._states = KeptStates(int(most_bytes * (1 - FEATURES_SHARE)))
        self._current: Writing | None = None

    @property
    def facts(self) -> CheckpointFacts:
        """What is loaded."""
        return self._facts

    @property
    def dialect(self) -> Dialect:
        """How prompts for this checkpoint are written."""
        return self.engine.dialect

    @property
    def kept_bytes(self) -> int:
        """Bytes kept between replies."""
        return self._states.nbytes + self.engine.features.nbytes

    def forget(self) -> None:
        """Let go of everything kept between replies."""
        self._states.clear()
        self.engine.features.clear()

    def count_tokens(self, prompt: Prompt) -> int:
        """How many tokens a prompt takes."""
        return len(self.engine.encoder.encode(prompt).token_ids)

    def decode(self, token_ids: Sequence[int]) -> str:
        """The text of generated ids."""
        return self.engine.encoder.decode(token_ids)

    def generate(
        self, prompt: Prompt, settings: GenerationSettings, stop: threading.Event
    ) -> Iterator[ReadProgress | Chunk | Reply]:
        """Yield the reply token by token, and last of all the whole `Reply`; see `TextGenerator.generate`."""
        with self._own_errors():
            self._current = writing = Writing(self.engine, self._facts, prompt, settings, stop)
            if settings.num_beams > 1:
                yield from writing.beams()
                return
            state = self._states.claim(writing.keys, writing.most_new)
            try:
                for piece in writing.tokens(state, self._chunk):
                    yield piece
                    if self._current is not writing:
                        raise GenerationError("another prompt was begun before this reply had ended")
            finally:
                self._states.drop_if_broken(state)
        if not stop.is_set():
            self._prepare(state, writing)

    def prefill(self, prompt: Prompt, stop: threading.Event) -> None:
        """Compute a prompt before its reply is asked for; see `TextGenerator.prefill`."""
        with self._unasked():
            # A reply that was left half way has its state taken from it.
            self._current = None
            keys = self.engine.encoder.keys(prompt)
            if not self._draft_chunk or len(keys) >= self._facts.context_length:
                return
            said = len(self.engine.encoder.keys(before_last(prompt)))
            images = {image.digest: image for image in prompt.images}
            state = self._states.claim(keys, ROOM_AHEAD, draft_from=said)
            try:
                for _ in prefill(self.engine, state, keys, images, stop, self._draft_chunk):
                    pass
            finally:
                self._states.drop_if_broken(state)

    def score(self, prompt: Prompt, texts: Sequence[str], stop: threading.Event) -> tuple[Score, ...] | None:
        """How likely each of several texts is behind a prompt; see `TextGenerator.score`."""
        with self._own_errors():
            self._current = None
            keys = self.engine.encoder.keys(prompt)
            found = continuations(self.engine.encoder, prompt, texts)
            self._check_room(len(keys) + max(map(len, found), default=0))
            images = {image.digest: image for image in prompt.images}
            state = self._states.claim(keys, min(MOST_TOKENS, sum(map(len, found))))
            try:
                logits = ended(prefill(self.engine, state, keys, images, stop, self._chunk))
                return None if logits is None else scores(self.engine, state, logits, found, images, stop)
            finally:
                self._states.drop_if_broken(state)

    def describe(self, prompt: Prompt) -> SeenPrompt:
        """A prompt token by token; see `TextGenerator.describe`."""
        return describe(self.engine.encoder, prompt, looks_at_newest=self.dialect.looks_at_newest)

    def preprocess(self, image: Image) -> SeenPicture:
        """What the model gets of a picture; see `TextGenerator.preprocess`."""
        with self._own_errors():
            return self.engine.preprocess(image)

    def weigh(
        self, prompt: Prompt, token_ids: Sequence[int], stop: threading.Event, alternatives: int = ALTERNATIVES
    ) -> tuple[WeighedToken, ...] | None:
        """How likely each token of a reply was; see `TextGenerator.weigh`."""
        with self._own_errors():
            check_ids(self.engine, token_ids)
            keys = self.engine.encoder.keys(prompt)
            self._check_room(len(keys) + len(token_ids))
            images = {image.digest: image for image in prompt.images}
            state = self._states.borrowed(keys)
            logits = ended(prefill(self.engine, state, keys, images, stop, self._chunk)) if token_ids else None
            if logits is None:
                return None if stop.is_set() else ()
            return weighed(self.engine, state, logits, token_ids, images, stop, alternatives)

    def generate_batch(
        self, requests: Sequence[tuple[Prompt, GenerationSettings]], stop: threading.Event
    ) -> Iterator[tuple[int, Reply]]:
        """Yield the replies to several prompts as they end; see `TextGenerator.generate_batch`."""
        with self._own_errors():
            self._current = None
            if any(settings.num_beams > 1 for _, settings in requests):
                raise GenerationError("beam search takes one prompt at a time: give --num-beams 1, or one prompt")
            yield from write_batch(self.engine, self._facts, requests, stop)

    def most_at_once(self, tokens: int, images: int) -> int:
        """How many prompts the free memory holds side by side; see `TextGenerator.most_at_once`."""
        return rows_that_fit(self.engine, free_memory(self._facts.device), tokens, images)

    def _check_room(self, tokens: int) -> None:
        room = self._facts.context_length
        if tokens > room:
            raise GenerationError(
                f"the prompt and what follows it take {tokens:,} tokens and there is room for {room:,}"
            )

    def _prepare(self, state: KeptState, writing: Writing) -> None:
        """Do, while the user reads, what the next question needs whatever it is."""
        with self._unasked():
            try:
                ahead = writing.keys_before_next()
                if len(ahead) < self._facts.context_length:
                    shared = state.shared(ahead)
                    state.crop(shared)
                    self.engine.compute(state, ahead[shared:], writing.images)
                self._states.settle(state, ROOM_AHEAD, packs=self.engine.attends_packed)
            finally:
                self._states.drop_if_broken(state)

    @contextmanager
    def _unasked(self) -> Iterator[None]:
        """Work that nobody waits for: what fails is done again, and told, when somebody does."""
        try:
            yield
        # As with a reply, anything may be raised.
        except Exception:
            logging.getLogger(__name__).debug("work ahead of a question failed", exc_info=True)

    @contextmanager
    def _own_errors(self) -> Iterator[None]:
        """Whatever fails in a forward pass, in our words."""
        try:
            yield
        except ChatError:
            raise
        # Nobody lists what a forward pass may raise.
        except Exception as error:
            if is_out_of_memory(error):
                self.forget()
                raise MemoryFullError(out_of_memory_words(self._facts.device)) from error
            reason = (str(error).splitlines() or [type(error).__name__])[0]
            raise GenerationError(f"the model failed: {reason}") from error
