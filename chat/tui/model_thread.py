"""The one thread that asks the model: it reads and replies, and tells about it by messages and a queue alone.

A thread of our own and not a Textual worker, because a program waits for its workers when it ends, and a step of a
large model cannot be interrupted. One thread for all of that, because a model does one thing at a time.
"""

import math
import threading
from collections.abc import Callable
from contextlib import suppress
from queue import SimpleQueue
from typing import TYPE_CHECKING

from textual.message import Message

from chat.conversation import Conversation
from chat.errors import ChatError, CheckpointError, GenerationError, ModelError, in_one_line
from chat.generation import NO_REPLY, Chunk, GenerationSettings, ReadProgress, Reply, TextGenerator
from chat.loading import CanBeLost, Loader
from chat.tui.messages import (
    ChoiceEnded,
    ChoiceFailed,
    LoadAdvanced,
    LoadEnded,
    LoadFailed,
    ModelLost,
    PromptCounted,
    ReplyEnded,
    RunFailed,
)

if TYPE_CHECKING:
    from chat.context import Count, Overflow
    from chat.prompt import Said
    from chat.talk.remedies import Remedy

Job = Callable[[], None]


class ModelThread:
    """Does one job after the other; the methods only say what to do and return at once."""

    def __init__(self, post: Callable[[Message], object]) -> None:
        """Begin the thread.

        Args:
            post: Takes the messages; called on the model's thread.
        """
        self._post_to = post
        self._jobs: SimpleQueue[Job] = SimpleQueue()
        self._stop_loading = threading.Event()
        self._stop_reply = threading.Event()
        self._stop_prefill = threading.Event()
        self._prefilled: Conversation | None = None
        self._were_read: set[str] = set()
        """The digests of the pictures whose bytes were there."""
        self._is_closed = False
        threading.Thread(target=self._work, name="model", daemon=True).start()

    def load(self, loader: Loader) -> None:
        """Load a checkpoint.

        On a thread of its own: another one may go on replying until this one is ready.
        """
        stop = self._stop_loading = threading.Event()
        threading.Thread(target=self._load, args=(loader, stop), name="load", daemon=True).start()

    def let_go(self, generator: TextGenerator) -> None:
        """Let go of a model once it has done what it was asked before."""
        if isinstance(generator, CanBeLost):
            self.stop_prefill()
            self._jobs.put(generator.close)

    def count(
        self,
        run: int,
        generator: TextGenerator,
        conversation: Conversation,
        settings: GenerationSettings,
        words: "str | Said" = "",
    ) -> None:
        """Count the tokens of a conversation that is to be sent, and see whether a reply has room.

        On a thread of its own: the message is seen to be sent even while the model is still at its beginning.
        """
        asked = (run, generator, conversation, settings, words)
        threading.Thread(target=self._count, args=asked, name="count", daemon=True).start()

    def prefill(self, generator: TextGenerator, conversation: Conversation) -> None:
        """Compute a conversation whose last message is still being written, until anything else is to be done."""
        if conversation == self._prefilled and not self._stop_prefill.is_set():
            return
        self.stop_prefill()
        self._prefilled, stop = conversation, threading.Event()
        self._stop_prefill = stop
        self._jobs.put(lambda: self._prefill(generator, conversation, stop))

    def reply(
        self,
        run: int,
        generator: TextGenerator,
        conversation: Conversation,
        settings: GenerationSettings,
        words: "str | Said" = "",
    ) -> "SimpleQueue[ReadProgress | Chunk]":
        """Reply to a conversation; gives the place where the pieces of the reply come one by one.

        Words that it is to begin with are not among them. They come without a message each: hundreds in a second would
        keep the UI from its keys.
        """
        self.stop_prefill()
        stop = self._stop_reply = threading.Event()
        chunks: SimpleQueue[ReadProgress | Chunk] = SimpleQueue()
        self._jobs.put(lambda: self._reply(run, generator, conversation, settings, words, stop, chunks))
        return chunks

    def score(self, run: int, generator: TextGenerator, conversation: Conversation, labels: tuple[str, ...]) -> None:
        """Find out how likely each label is as the reply to a conversation; `stop_reply` stops it."""
        self.stop_prefill()
        stop = self._stop_reply = threading.Event()
        self._jobs.put(lambda: self._score(run, generator, conversation, labels, stop))

    def ask(self, job: Callable[[], Message]) -> None:
        """Have something else done with the model when it is free, and post what comes of it.

        Args:
            job: Does it; raises nothing.
        """
        self.stop_prefill()
        self._jobs.put(lambda: self._post(job()))

    def stop_loading(self) -> None:
        """Ask the loading to stop at the next place where it can."""
        self._stop_loading.set()

    def stop_prefill(self) -> None:
        """Ask the computing of a message that is being written to end after the part at hand."""
        self._stop_prefill.set()

    def stop_reply(self) -> None:
        """Ask the reply to end after the token at hand, or the ranking of labels where it can."""
        self._stop_reply.set()

    def close(self) -> None:
        """Stop everything and say nothing more."""
        self._is_closed = True
        self.stop_loading()
        self.stop_prefill()
        self.stop_reply()

    def _work(self) -> None:
        while not self._is_closed:
            self._jobs.get()()

    def _post(self, message: Message) -> None:
        if not self._is_closed:
            try:
                self._post_to(message)
            except RuntimeError:
                # The event loop ended between the check and the call: nobody is left to hear it.
                self._is_closed = True

    def _load(self, loader: Loader, stop: threading.Event) -> None:
        try:
            generator = loader(lambda progress: self._post(LoadAdvanced(progress)), stop)
        except ModelError as error:
            self._post(LoadFailed(error, was_cancelled=stop.is_set()))
        except Exception as error:
            # Whatever torch or a checkpoint's files raise ends here: a thread that died would leave the UI waiting.
            self._post(LoadFailed(CheckpointError(in_one_line(error)), was_cancelled=stop.is_set()))
        else:
            self._post(LoadEnded(generator))
            if isinstance(generator, CanBeLost):
                generator.when_lost(lambda error: self._post(ModelLost(generator, error)))

    def _count(
        self,
        run: int,
        generator: TextGenerator,
        conversation: Conversation,
        settings: GenerationSettings,
        words: "str | Said",
    ) -> None:
        from chat.context import overflow
        from chat.talk.gone_pictures import require_pictures
        from chat.talk.said import prompt_of

        def count(part: Conversation) -> int:
            return generator.count_tokens(prompt_of(part, generator, words))

        try:
            require_pictures(conversation.images, self._were_read)
            tokens = count(conversation)
            found = overflow(
                conversation,
                count,
                context_length=generator.facts.context_length,
                max_new_tokens=settings.max_new_tokens,
                tokens=tokens,
            )
            self._post(PromptCounted(run, tokens, found, _remedies(conversation, found, count) if found else ()))
        except Exception as error:
            # As above: what a model raises is told, and the thread lives on.
            self._post(RunFailed(run, _model_error(error)))

    def _prefill(self, generator: TextGenerator, conversation: Conversation, stop: threading.Event) -> None:
        from chat.talk.said import prompt_of

        if not stop.is_set():
            # As above: the thread lives on, and what a model raises is told when the message is sent.
            with suppress(Exception):
                generator.prefill(prompt_of(conversation, generator), stop)

    def _reply(
        self,
        run: int,
        generator: TextGenerator,
        conversation: Conversation,
        settings: GenerationSettings,
        words: "str | Said",
        stop: threading.Event,
        chunks: "SimpleQueue[ReadProgress | Chunk]",
    ) -> None:
        from chat.talk.said import prompt_of

        has_ended = False
        try:
            for piece in generator.generate(prompt_of(conversation, generator, words), settings, stop):
                match piece:
                    case ReadProgress() | Chunk():
                        chunks.put(piece)
                    case Reply():
                        has_ended = True
                        self._post(ReplyEnded(run, piece))
            if not has_ended:
                raise GenerationError(NO_REPLY)
        except Exception as error:
            # As above: what a model raises is told, and the thread lives on.
            self._post(RunFailed(run, _model_error(error)))

    def _score(
        self,
        run: int,
        generator: TextGenerator,
        conversation: Conversation,
        labels: tuple[str, ...],
        stop: threading.Event,
    ) -> None:
        from chat.talk.gone_pictures import require_pictures
        from chat.talk.said import prompt_of

        try:
            require_pictures(conversation.images, self._were_read)
            scores = generator.score(prompt_of(conversation, generator), labels, stop)
            if scores is not None and not all(math.isfinite(score.log_likelihood) for score in scores):
                raise GenerationError("it gave no likelihood for some of the labels")
            self._post(ChoiceEnded(run, scores))
        except Exception as error:
            # As above: what a model raises is told, and the thread lives on.
            self._post(ChoiceFailed(run, _model_error(error)))


def _remedies(conversation: Conversation, found: "Overflow", count: "Count") -> "tuple[Remedy, ...]":
    # Imported with the first message that does not fit.
    from chat.talk.remedies import remedies

    return remedies(conversation, found, count)


def _model_error(error: Exception) -> ModelError:
    if isinstance(error, ChatError):
        return error if isinstance(error, ModelError) else GenerationError(str(error))
    return GenerationError(in_one_line(error))
