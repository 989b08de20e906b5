"""A loaded model that lives in a process of its own, as a `TextGenerator`."""

import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Concatenate, ParamSpec, TypeVar

from chat.apart.link import Link
from chat.apart.wire import LOAD
from chat.conversation import Image
from chat.errors import CheckpointError, ModelLostError
from chat.generation import (
    ALTERNATIVES,
    CheckpointFacts,
    Chunk,
    GenerationSettings,
    ReadProgress,
    Reply,
    Score,
    TextGenerator,
)
from chat.loading import LoadProgress
from chat.models.request import CheckpointRequest
from chat.prompt import Dialect, Prompt
from chat.seen import SeenPicture, SeenPrompt, WeighedToken

Given = ParamSpec("Given")
Found = TypeVar("Found")


def load_apart(
    request: CheckpointRequest, progress: Callable[[LoadProgress], None], stop: threading.Event
) -> "ApartGenerator":
    """Load a checkpoint in a new process.

    Args:
        request: Which, and how.
        progress: Told every stage, and how far the weights are; called on this thread.
        stop: Cancels at the next stage.

    Raises:
        CheckpointError: The checkpoint cannot be loaded; the message says what to do.
    """
    try:
        link = Link()
    except OSError as error:
        reason = (error.strerror or type(error).__name__).lower()
        raise CheckpointError(f"a process for the model cannot be begun: {reason}; close other programs") from error
    try:
        facts, dialect = link.ask(LOAD, request, stop, tell=progress)
    except ModelLostError as error:
        raise CheckpointError(str(error)) from error
    except BaseException:
        link.end()
        raise
    return ApartGenerator(link, facts, dialect)


class ApartGenerator:
    """A `TextGenerator` whose every method is asked of the model in its process by its name."""

    def __init__(self, link: Link, facts: CheckpointFacts, dialect: Dialect) -> None:
        """Take over a process with a loaded model, and what is known of that."""
        self._link = link
        self._facts = facts
        self._dialect = dialect

    @property
    def facts(self) -> CheckpointFacts:
        """What is loaded."""
        return self._facts

    @property
    def dialect(self) -> Dialect:
        """How prompts for this checkpoint are written."""
        return self._dialect

    @property
    def pid(self) -> int:
        """The model's process."""
        return self._link.pid

    def count_tokens(self, prompt: Prompt) -> int:
        """See `TextGenerator.count_tokens`."""
        return self._ask(TextGenerator.count_tokens, prompt)

    def generate(
        self, prompt: Prompt, settings: GenerationSettings, stop: threading.Event
    ) -> Iterator[ReadProgress | Chunk | Reply]:
        """See `TextGenerator.generate`."""
        return self._stream(TextGenerator.generate, prompt, settings, stop)

    def prefill(self, prompt: Prompt, stop: threading.Event) -> None:
        """See `TextGenerator.prefill`."""
        return self._ask(TextGenerator.prefill, prompt, stop)

    def score(self, prompt: Prompt, texts: Sequence[str], stop: threading.Event) -> tuple[Score, ...] | None:
        """See `TextGenerator.score`."""
        return self._ask(TextGenerator.score, prompt, texts, stop)

    def describe(self, prompt: Prompt) -> SeenPrompt:
        """See `TextGenerator.describe`."""
        return self._ask(TextGenerator.describe, prompt)

    def preprocess(self, image: Image) -> SeenPicture:
        """See `TextGenerator.preprocess`."""
        return self._ask(TextGenerator.preprocess, image)

    def weigh(
        self, prompt: Prompt, token_ids: Sequence[int], stop: threading.Event, alternatives: int = ALTERNATIVES
    ) -> tuple[WeighedToken, ...] | None:
        """See `TextGenerator.weigh`."""
        return self._ask(TextGenerator.weigh, prompt, token_ids, stop, alternatives)

    def generate_batch(
        self, requests: Sequence[tuple[Prompt, GenerationSettings]], stop: threading.Event
    ) -> Iterator[tuple[int, Reply]]:
        """See `TextGenerator.generate_batch`."""
        return self._stream(TextGenerator.generate_batch, requests, stop)

    def most_at_once(self, tokens: int, images: int) -> int:
        """See `TextGenerator.most_at_once`."""
        return self._ask(TextGenerator.most_at_once, tokens, images)

    def when_lost(self, tell: Callable[[ModelLostError], object]) -> None:
        """See `CanBeLost.when_lost`."""
        self._link.when_lost(tell)

    def close(self) -> None:
        """See `CanBeLost.close`."""
        self._link.end()

    def _ask(
        self, method: Callable[Concatenate[Any, Given], Found], *arguments: Given.args, **_: Given.kwargs
    ) -> Found:
        found: Found = self._link.ask(method.__name__, *arguments)
        return found

    def _stream(
        self, method: Callable[Concatenate[Any, Given], Iterator[Found]], *arguments: Given.args, **_: Given.kwargs
    ) -> Iterator[Found]:
        return self._link.stream(method.__name__, *arguments)
