"""Many conversations answered at once."""

import threading
from collections.abc import Sequence

from chat.conversation import Conversation
from chat.errors import ChatError
from chat.generation import GenerationSettings, Reply, TextGenerator
from chat.prompt import serialize
from chat.tasks.batching import replies


def converse(
    generator: TextGenerator,
    conversations: Sequence[Conversation],
    *,
    settings: GenerationSettings | None = None,
    stop: threading.Event | None = None,
    batch_size: int | None = None,
) -> list[Reply]:
    """The reply to each of several conversations, in their order.

    Args:
        generator: A loaded checkpoint.
        conversations: Each ends with what the user says.
        settings: Those of `GenerationSettings()`, if not given.
        stop: Ends it early when set; replies that are not whole by then are missing.
        batch_size: The most at once; as many as the memory holds, if not given.

    Raises:
        GenerationError: The model failed on one of them.
    """
    settings = settings or GenerationSettings()
    requests = [(serialize(conversation, generator.dialect), settings) for conversation in conversations]
    said: list[Reply] = []
    for outcome in replies(generator, requests, stop or threading.Event(), batch_size=batch_size):
        if isinstance(outcome, ChatError):
            raise outcome
        said.append(outcome)
    return said
