"""Conversations for servers, and what they say."""

import threading
from collections.abc import Iterable

from chat.conversation import Conversation, Image, assistant_turn, user_turn
from chat.generation import Chunk, GenerationSettings, Reply, TextGenerator
from chat.prompt import serialize


def asked(*parts: Image | str, system: str = "", before: Iterable[tuple[str, str]] = ()) -> Conversation:
    """A conversation whose last message has these parts."""
    turns = [turn for said, reply in before for turn in (user_turn(said), assistant_turn(reply))]
    return Conversation((*turns, user_turn(*parts)), system)


def reply_to(
    generator: TextGenerator, conversation: Conversation, stop: threading.Event | None = None, **settings: float
) -> tuple[list[Chunk], Reply]:
    """The pieces of a reply, and the whole."""
    chosen = GenerationSettings(**settings)  # type: ignore[arg-type]  # each of its own kind
    prompt = serialize(conversation, generator.dialect)
    *chunks, reply = generator.generate(prompt, chosen, stop or threading.Event())
    assert isinstance(reply, Reply)
    assert all(isinstance(chunk, Chunk) for chunk in chunks)
    return chunks, reply  # type: ignore[return-value]  # told above
