"""Many prompts through a model, several at once, their replies in the order that the prompts came in.

Prompts of like length are computed together, since the shorter ones of a batch are padded to the longest. How many at
once, the free memory says.
"""

import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from chat.errors import ChatError, GenerationError, MemoryFullError, UsageError
from chat.generation import NO_REPLY, GenerationSettings, Reply, StopReason, TextGenerator
from chat.prompt import Prompt

Request = tuple[Prompt, GenerationSettings]

MOST_AT_ONCE: Final = 32
"""A larger batch makes hardly anything faster, and the first of its replies later."""

_WINDOW: Final = 4
"""Batches that are read ahead, to find prompts of like length among. What is computed ahead, a killed run loses."""


def replies(
    generator: TextGenerator,
    requests: Iterable[Request | ChatError],
    stop: threading.Event,
    *,
    batch_size: int | None = None,
    told: Callable[[int], object] | None = None,
    known: int = 0,
) -> Iterator[Reply | ChatError]:
    """One outcome for every request, in the order of the requests, each as soon as those before it are there.

    A request that fails becomes its error and takes no other with it. How requests are put together depends on
    themselves and on the batch size alone, or on the free memory where none is given.

    Args:
        generator: A loaded model.
        requests: Read as they are needed, a few batches ahead; what could not be made a request comes as its error.
        stop: Ends the iterator; replies that are not whole then are not yielded.
        batch_size: The most at once, whatever the memory; found out when left out.
        told: Told the size of every batch before it is computed.
        known: How many of the first outcomes are not wanted, because an earlier run gave them. What was computed
            together with others then is so again, unless memory did not suffice for it then: in half precision, that
            can matter to a reply.
    """
    if batch_size is not None and batch_size < 1:
        raise UsageError(f"batch_size is {batch_size}: give 1 or more")
    return _Batches(generator, requests, stop, batch_size, told, known).run()


@dataclass(eq=False, slots=True)
class _Waiting:
    """A request that has no outcome yet."""

    place: int
    prompt: Prompt
    settings: GenerationSettings
    tokens: int
    """Of the prompt."""


class _Batches:
    """The requests that were read, those that wait among them, and the outcomes that others must be yielded before."""

    def __init__(
        self,
        generator: TextGenerator,
        requests: Iterable[Request | ChatError],
        stop: threading.Event,
        batch_size: int | None,
        told: Callable[[int], object] | None,
        known: int,
    ) -> None:
        self._generator, self._stop, self._told, self._known = generator, stop, told, known
        self._requests = iter(requests)
        self._has_more = True
        self._is_given = batch_size is not None
        self._begun_with = self._limit = batch_size or MOST_AT_ONCE
        self._read = 0
        self._yielded = 0
        self._waiting: list[_Waiting] = []
        self._outcomes: dict[int, Reply | ChatError | None] = {}
        """By place; None for one that is known."""

    def run(self) -> Iterator[Reply | ChatError]:
        """Yield the outcomes."""
        while not self._stop.is_set() and (self._has_more or self._waiting):
            self._read_ahead()
            yield from self._ready()
            if self._waiting and not self._stop.is_set():
                yield from self._reply(self._next_batch())

    def _read_ahead(self) -> None:
        """Read requests until there is enough to choose from."""
        window = self._window()
        while self._has_more and not self._stop.is_set() and self._read - self._yielded < window:
            try:
                request = next(self._requests)
            except StopIteration:
                self._has_more = False
                return
            self._take(request)
            if len(self._waiting) == 1:
                window = self._window()

    def _window(self) -> int:
        """How far may be read beyond what was yielded."""
        return _WINDOW * (self._fitting(self._waiting[:1]) if self._waiting else self._limit)

    def _take(self, request: Request | ChatError) -> None:
        place = self._read
        self._read += 1
        if isinstance(request, ChatError):
            self._settle(place, request)
            return
        prompt, settings = request
        try:
            tokens = self._generator.count_tokens(prompt)
        except ChatError as error:
            self._settle(place, error)
            return
        room = self._generator.facts.context_length
        if tokens < room or not room:
            self._waiting.append(_Waiting(place, prompt, settings, tokens))
        else:
            words = f"the prompt takes {tokens:,} tokens and the checkpoint has room for {room:,}, the reply included"
            self._settle(place, GenerationError(f"{words}: shorten it"))

    def _settle(self, place: int, outcome: Reply | ChatError) -> None:
        self._outcomes[place] = None if place < self._known else outcome
        self._waiting = [waiting for waiting in self._waiting if waiting.place != place]

    def _ready(self) -> Iterator[Reply | ChatError]:
        """The outcomes that nothing before them is missing for."""
        while self._yielded in self._outcomes:
            outcome = self._outcomes.pop(self._yielded)
            self._yielded += 1
            if outcome is not None:
                yield outcome

    def _next_batch(self) -> list[_Waiting]:
        """The request that has waited longest, and those of most like length."""
        oldest = self._waiting[0]
        if oldest.settings.num_beams > 1:
            return [oldest]
        fit = [waiting for waiting in self._waiting if waiting.settings.num_beams == 1]
        batch = _alike(sorted(fit, key=lambda waiting: waiting.tokens), oldest, self._limit)
        return _alike(batch, oldest, self._fitting(batch))

    def _fitting(self, batch: list[_Waiting]) -> int:
        """How many requests such as these can be computed at once."""
        if self._is_given:
            return self._limit
        room = self._generator.facts.context_length
        wanted = max(waiting.tokens + waiting.settings.max_new_tokens for waiting in batch)
        images = max(len(waiting.prompt.images) for waiting in batch)
        return max(1, min(self._limit, self._generator.most_at_once(min(wanted, room) if room else wanted, images)))

    def _reply(self, batch: list[_Waiting]) -> Iterator[Reply | ChatError]:
        """Compute a batch; yield what is ready with it. What memory does not suffice for goes on waiting."""
        if all(waiting.place < self._known for waiting in batch):
            for waiting in batch:
                self._settle(waiting.place, GenerationError(NO_REPLY))
            # None is wanted, but how far may be read ahead depends on them.
            yield from self._ready()
            return
        if self._told is not None:
            self._told(len(batch))
        left = dict(enumerate(batch))
        failure: ChatError = GenerationError(NO_REPLY)
        try:
            for number, reply in self._generated(batch):
                if reply.stop_reason is not StopReason.CANCELLED:
                    self._settle(left.pop(number).place, reply)
                    yield from self._ready()
        except ChatError as error:
            failure = error
        if not left or self._stop.is_set():
            return
        if len(batch) == 1:
            if isinstance(failure, MemoryFullError):
                # This one is too large by itself: it says nothing of how many others fit.
                self._limit = self._begun_with
            self._settle(batch[0].place, failure)
            yield from self._ready()
        elif isinstance(failure, MemoryFullError):
            self._limit = len(batch) // 2
        else:
            for waiting in left.values():
                if not self._stop.is_set():
                    yield from self._reply([waiting])

    def _generated(self, batch: list[_Waiting]) -> Iterator[tuple[int, Reply]]:
        if batch[0].settings.num_beams == 1:
            yield from self._generator.generate_batch([(each.prompt, each.settings) for each in batch], self._stop)
            return
        for piece in self._generator.generate(batch[0].prompt, batch[0].settings, self._stop):
            if isinstance(piece, Reply):
                yield 0, piece
                return


def _alike(by_length: list[_Waiting], wanted: _Waiting, most: int) -> list[_Waiting]:
    """The requests around the wanted one, so that lengths differ least; those that came first where it is all the same.

    Args:
        by_length: Sorted by their prompts' tokens, and equal ones by their place.
        wanted: One of them.
        most: How many are given at most.
    """
    place, count = by_length.index(wanted), min(most, len(by_length))
    starts = range(min(place, len(by_length) - count), max(0, place - count + 1) - 1, -1)
    start = min(starts, key=lambda first: by_length[first + count - 1].tokens - by_length[first].tokens)
    return by_length[start : start + count]
