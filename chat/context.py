"""Whether a conversation fits into a checkpoint's context, and what would have to go where it does not.

Nothing is left out here without being asked for: who talks to a model asks first, and a person decides.
"""

from bisect import bisect_left
from collections.abc import Callable, Container
from dataclasses import dataclass
from typing import Final

from chat.conversation import Conversation, Image, Part, Text, Turn

_REPLY_SHARE: Final = 16
"""A reply must have room for this part of the context, or for all that is asked for where that is less."""

NO_WORDS: Final = "(a picture)"
"""Stands for a message that had no words, only pictures, and is shown without them."""

Count = Callable[[Conversation], int]
"""Gives how many tokens a conversation takes as a prompt."""


@dataclass(frozen=True, slots=True)
class Overflow:
    """A conversation that leaves its next reply too little room, and what would have to go."""

    tokens: int
    """That the conversation takes."""
    context_length: int
    """Tokens that there is room for."""
    reply_room: int
    """Tokens of these that the reply must have."""
    exchanges: int
    """How many of the oldest messages would have to go with their replies; 0 where the last one alone is too long."""
    images: tuple[Image, ...]
    """The pictures that would go with them, each once: no message that stays shows them."""
    tokens_after: int
    """That the rest takes, or the last message alone."""

    @property
    def turns(self) -> range:
        """Which turns of the conversation would have to go."""
        return range(2 * self.exchanges)

    @property
    def what_goes(self) -> str:
        """What would have to go, in words: `the 2 oldest messages with their replies and 1 picture`."""
        messages = "the oldest message with its reply"
        if self.exchanges > 1:
            messages = f"the {self.exchanges:,} oldest messages with their replies"
        pictures = len(self.images)
        return messages + (f" and {pictures:,} picture{'s' * (pictures > 1)}" if pictures else "")

    def __str__(self) -> str:
        room = (
            f"and the checkpoint has room for {self.context_length:,}, "
            f"at least {self.reply_room:,} of them for the reply"
        )
        if not self.exchanges:
            return f"the message alone takes {self.tokens_after:,} tokens {room}: shorten it"
        return f"the conversation takes {self.tokens:,} tokens {room}: {self.what_goes} would have to go"


def overflow(
    conversation: Conversation, count: Count, *, context_length: int, max_new_tokens: int, tokens: int | None = None
) -> Overflow | None:
    """What would have to go before the model can reply to the last message; None where everything fits.

    Args:
        conversation: Its last turn is the user's.
        count: Gives how many tokens a conversation takes.
        context_length: Tokens that there is room for, prompt and reply together; 0 where only a server knows.
        max_new_tokens: The most that the reply may have.
        tokens: How many the conversation takes, where that is known.
    """
    if not context_length:
        return None
    room = reply_room(context_length, max_new_tokens)
    most = context_length - room
    taken = count(conversation) if tokens is None else tokens
    if taken <= most:
        return None
    droppable = len(conversation.turns) // 2
    # The fewer turns, the fewer tokens: so not every number of them must be counted.
    fewest = 1 + bisect_left(
        range(1, droppable + 1), True, key=lambda number: count(without_oldest(conversation, number)) <= most
    )
    is_enough = fewest <= droppable
    rest = without_oldest(conversation, fewest if is_enough else droppable)
    shown = set(rest.images)
    return Overflow(
        tokens=taken,
        context_length=context_length,
        reply_room=room,
        exchanges=fewest if is_enough else 0,
        images=tuple(dict.fromkeys(image for image in conversation.images if image not in shown)) if is_enough else (),
        tokens_after=count(rest),
    )


def reply_room(context_length: int, max_new_tokens: int) -> int:
    """How many tokens of a context a reply must have."""
    return max(1, min(max_new_tokens, context_length // _REPLY_SHARE))


def without_pictures(turn: Turn, places: Container[int]) -> Turn:
    """A user's turn without some of its pictures, counted from 0; its words stay."""
    parts: list[Part] = []
    place = 0
    for part in turn.parts:
        if isinstance(part, Image):
            if place not in places:
                parts.append(part)
            place += 1
        elif parts and isinstance(parts[-1], Text):
            parts[-1] = Text(parts[-1].text + part.text)
        else:
            parts.append(part)
    has_something = any(isinstance(part, Image) or part.text.strip() for part in parts)
    return Turn(turn.role, tuple(parts) if has_something else (Text(NO_WORDS),))


def without_oldest(conversation: Conversation, exchanges: int) -> Conversation:
    """The conversation without its first messages and their replies; the system text and the last message stay."""
    kept = min(2 * exchanges, len(conversation.turns) - len(conversation.turns) % 2)
    return Conversation(conversation.turns[kept:], conversation.system)
