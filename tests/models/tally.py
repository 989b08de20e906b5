"""What happened in random talks, so that a test can tell whether enough did."""

from collections import Counter
from dataclasses import dataclass, field

from chat.conversation import Conversation, Text
from chat.generation import Reply, StopReason


@dataclass
class Tally:
    """What happened."""

    moves: Counter[str] = field(default_factory=Counter)
    ends: Counter[StopReason] = field(default_factory=Counter)
    replies: set[tuple[int, ...]] = field(default_factory=set)
    compared: int = 0
    went_on: int = 0
    went_on_with_ids: int = 0
    text_only: int = 0
    worked_ahead: int = 0
    prefilled: int = 0
    prefilled_whole: int = 0
    began_with_something_kept: int = 0

    def count(self, asked: Conversation, reply: Reply) -> None:
        """Count a reply that was compared."""
        self.compared += 1
        self.ends[reply.stop_reason] += 1
        self.replies.add(reply.token_ids)
        self.began_with_something_kept += reply.cached_tokens > 0
        self.text_only += all(isinstance(part, Text) for turn in asked.turns for part in turn.parts)
