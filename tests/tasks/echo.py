"""A generator whose replies depend on nothing but their prompts, and that fails at those that tell it to."""

import hashlib
import threading
import time
from collections.abc import Iterator, Sequence

from chat.conversation import Conversation, user_turn
from chat.errors import GenerationError, MemoryFullError
from chat.generation import CheckpointFacts, Chunk, GenerationSettings, Reply, StopReason
from chat.prompt import Prompt, serialize
from chat.scripted import ScriptedGenerator

BAD, HUGE = "bad", "huge"
"""Words that a prompt fails at, with every other of its batch; that of the second kind takes all the memory."""


def prompt_of(text: str) -> Prompt:
    return serialize(Conversation((user_turn(text),)))


def said_of(prompt: Prompt) -> str:
    """What is replied to a prompt."""
    seen = [image.digest for image in prompt.images]
    return hashlib.sha256(repr((prompt.text, seen)).encode()).hexdigest()[:12]


class EchoGenerator(ScriptedGenerator):
    """Replies to a batch last prompt first."""

    def __init__(self, *, fits: int = 4, holds: int = 1000, pause_s: float = 0.0, context_length: int = 1024) -> None:
        """Say what the memory is.

        Args:
            fits: What is told of how many fit.
            holds: How many fit.
            pause_s: Seconds for every batch.
            context_length: Of the checkpoint.
        """
        super().__init__([], facts=CheckpointFacts("echo", revision="1", context_length=context_length))
        self._fits, self._holds, self._seconds = fits, holds, pause_s
        self.batches: list[list[Prompt]] = []
        """What was computed together, failures included."""
        self.alone: list[Prompt] = []
        """What `generate` was asked."""
        self.asked: list[tuple[int, int]] = []
        """What `most_at_once` was asked."""

    def generate(self, prompt: Prompt, settings: GenerationSettings, stop: threading.Event) -> Iterator[Chunk | Reply]:
        self.alone.append(prompt)
        yield Chunk("", 1)
        yield self._reply(prompt, settings)

    def generate_batch(
        self, requests: Sequence[tuple[Prompt, GenerationSettings]], stop: threading.Event
    ) -> Iterator[tuple[int, Reply]]:
        self.batches.append([prompt for prompt, _ in requests])
        assert len(self.batches) < 1000, "the same is tried again and again"
        time.sleep(self._seconds)
        words = {word for prompt, _ in requests for word in prompt.text.replace("<", " ").split()}
        for prompt, _ in requests:
            for image in prompt.images:
                image.read()
        if len(requests) > self._holds or HUGE in words:
            raise MemoryFullError(f"out of memory: {time.monotonic()} bytes are free")
        if BAD in words:
            raise GenerationError("the model failed: bad")
        for place, (prompt, settings) in reversed(list(enumerate(requests))):
            yield place, self._reply(prompt, settings, StopReason.CANCELLED if stop.is_set() else StopReason.EOS)

    def most_at_once(self, tokens: int, images: int) -> int:
        self.asked.append((tokens, images))
        return self._fits

    def _reply(self, prompt: Prompt, settings: GenerationSettings, reason: StopReason = StopReason.EOS) -> Reply:
        return Reply(
            said_of(prompt), (1, 2), reason, self.count_tokens(prompt), 0, settings.seed, 0.0, time.monotonic()
        )
