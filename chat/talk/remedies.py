"""What can be done about a message that does not fit, each way counted: nothing is promised that was not."""

from bisect import bisect_left
from dataclasses import dataclass
from enum import Enum
from typing import Final

from chat.context import Count, Overflow, without_oldest, without_pictures
from chat.conversation import Conversation, Text, Turn
from chat.talk.summary import summary_of

SUMMARY_SHARE: Final = 4
"""A summary takes this part of the context at most."""


class Kind(Enum):
    """What is done."""

    DROP_EXCHANGES = "the oldest exchanges are not shown to the model"
    DROP_PICTURE = "a picture is not shown to the model, what was said about it is"
    SUMMARIZE = "a new session begins with a summary"


@dataclass(frozen=True, slots=True)
class Remedy:
    """A way to make a message fit."""

    kind: Kind
    tokens: int
    """That the prompt takes then."""
    exchanges: int = 0
    """How many of the oldest exchanges go."""
    picture: int = 0
    """Which of the conversation's pictures goes, from 0."""
    summary: str = ""
    """What the new session begins with."""

    def missing(self, overflow: Overflow) -> int:
        """How many tokens are still too many."""
        return max(0, self.tokens + overflow.reply_room - overflow.context_length)


def remedies(conversation: Conversation, found: Overflow, count: Count) -> tuple[Remedy, ...]:
    """The ways there are for a conversation that does not fit, whether they free enough or not.

    Args:
        conversation: Its last turn is the message.
        found: What was found of it.
        count: Gives how many tokens a conversation takes.
    """
    said = len(conversation.turns) // 2
    if not said:
        return ()
    ways = [Remedy(Kind.DROP_EXCHANGES, found.tokens_after, exchanges=found.exchanges or said)]
    # Those of the message itself are taken out where it is written.
    counted = [
        (count(_without_picture(conversation, place)), place)
        for place in range(len(conversation.images) - len(conversation.turns[-1].images))
    ]
    if counted:
        tokens, place = min(counted)
        ways.append(Remedy(Kind.DROP_PICTURE, tokens, picture=place))
    if summarized := _summarized(conversation, found, count):
        ways.append(summarized)
    return tuple(ways)


def _without_picture(conversation: Conversation, place: int) -> Conversation:
    turns: list[Turn] = []
    for turn in conversation.turns:
        count = len(turn.images)
        turns.append(without_pictures(turn, {place}) if 0 <= place < count else turn)
        place -= count
    return Conversation(tuple(turns), conversation.system)


def _summarized(conversation: Conversation, found: Overflow, count: Count) -> Remedy | None:
    """A summary of as many of the newest exchanges as there is room for; None where there is for none."""
    alone = without_oldest(conversation, len(conversation.turns))
    said = len(conversation.turns) // 2
    most = min(found.context_length - found.reply_room, count(alone) + found.context_length // SUMMARY_SHARE)

    def begun(passed_over: int) -> Conversation:
        return _with_summary(alone, summary_of(conversation.turns[2 * passed_over : -1]))

    passed_over = bisect_left(range(said), True, key=lambda number: count(begun(number)) <= most)
    if passed_over == said:
        return None
    summary = summary_of(conversation.turns[2 * passed_over : -1])
    return Remedy(Kind.SUMMARIZE, count(begun(passed_over)), summary=summary)


def _with_summary(alone: Conversation, summary: str) -> Conversation:
    """The last message with the summary before it, as it stands in the composer of the new session."""
    message = alone.turns[-1]
    first, *rest = message.parts
    before = f"{summary}\n\n"
    parts = (Text(before + first.text), *rest) if isinstance(first, Text) else (Text(before), first, *rest)
    return Conversation((Turn(message.role, parts),), alone.system)
