"""A conversation as it was recorded: the messages that there are to answer, and the replies they got."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from chat.generation import StopReason
from chat.records import LeftOut, StoredTurn, exchanges_of

NOTHING_LEFT_OUT: Final = LeftOut()


@dataclass(frozen=True, slots=True)
class Recording:
    """One branch of a conversation, as it was recorded."""

    name: str
    """A session's id or a file's name."""
    turns: Sequence[StoredTurn]
    """From the first."""
    system: str = ""
    title: str = ""
    left_out: LeftOut = NOTHING_LEFT_OUT
    """What of the turns a model is not shown, because somebody decided so."""

    @property
    def exchanges(self) -> list["RecordedExchange"]:
        """The messages that there are to answer, each with the reply it got."""
        found: list[RecordedExchange] = []
        position = 1
        for message, reply in exchanges_of(self.turns):
            found.append(RecordedExchange(position, message, reply))
            position += 1 if reply is None else 2
        return found

    @property
    def exchange_count(self) -> int:
        """How many messages there are to answer."""
        return len(self.exchanges)


class RecordedExchange(NamedTuple):
    """A recorded message and the turn that answers it."""

    position: int
    """Of the message among the branch's turns, from 1."""
    message: StoredTurn
    answer: StoredTurn | None

    @property
    def reply(self) -> StoredTurn | None:
        """What the message was answered with; None too where a model failed before it had said a word."""
        if self.answer is None or self.answer.turn.text:
            return self.answer
        reason = self.answer.generation.stop_reason if self.answer.generation is not None else None
        return self.answer if reason is not None and reason is not StopReason.ERROR else None
