"""What a model is shown of what was said: turns and pictures that somebody decided to leave out are missing."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

from chat.context import without_pictures
from chat.conversation import Image, Role
from chat.records import LeftOut, StoredTurn, exchanges_of
from chat.session import conversation_of


class ShownPicture(NamedTuple):
    """A picture that a model is shown."""

    number: int
    """In the session, from 1."""
    turn_id: int
    place: int
    """Which of the turn's pictures it is, from 0."""
    image: Image


class Exchange(NamedTuple):
    """A message with the reply to it."""

    position: int
    """Of the message among all turns of the session, from 1."""
    message: StoredTurn
    reply: StoredTurn | None
    first_number: int
    """Of the message's first picture."""

    @property
    def counts(self) -> bool:
        """Whether a model is shown it; one that it failed on is none."""
        return bool(conversation_of([self.message, *([self.reply] if self.reply else [])]).turns)


def exchanges(turns: Sequence[StoredTurn]) -> Iterator[Exchange]:
    """The exchanges of a session in order, whether a model is shown them or not."""
    position = number = 1
    for message, reply in exchanges_of(turns):
        yield Exchange(position, message, reply, number)
        position += 2 if reply is not None else 1
        number += len(message.turn.images)


def shown_turns(turns: Iterable[StoredTurn], left_out: LeftOut) -> Iterator[StoredTurn]:
    """The turns as the model is shown them; a message that it is to reply to now is among them in any case."""
    listed = list(turns)
    is_shown = True
    for place, stored in enumerate(listed, start=1):
        if stored.turn.role is Role.USER:
            is_shown = stored.id not in left_out.messages or place == len(listed)
        if is_shown:
            places = left_out.places(stored.id)
            yield replace(stored, turn=without_pictures(stored.turn, places)) if places else stored


def shown_pictures(turns: Sequence[StoredTurn], left_out: LeftOut) -> Iterator[ShownPicture]:
    """The pictures that a model is shown, in the order of the conversation it is shown."""
    for exchange in exchanges(turns):
        message = exchange.message
        if message.id in left_out.messages or not exchange.counts:
            continue
        for place, image in enumerate(message.turn.images):
            if (message.id, place) not in left_out.pictures:
                yield ShownPicture(exchange.first_number + place, message.id, place, image)


def oldest(turns: Sequence[StoredTurn], left_out: LeftOut, count: int) -> list[Exchange]:
    """So many of the oldest exchanges that a model is shown, with those between them that it failed on."""
    found: list[Exchange] = []
    for exchange in exchanges(turns):
        if count <= 0:
            break
        if exchange.message.id not in left_out.messages:
            found.append(exchange)
            count -= exchange.counts
    return found


def left_out_count(turns: Sequence[StoredTurn], left_out: LeftOut) -> int:
    """How many exchanges a model would be shown if they were not left out."""
    if not left_out.messages:
        return 0
    return sum(one.message.id in left_out.messages and one.counts for one in exchanges(turns))


def left_out_pictures(turns: Iterable[StoredTurn], left_out: LeftOut) -> int:
    """How many pictures of these turns are left out alone: a model is shown the words beside them."""
    return sum(len(left_out.places(stored.id)) for stored in turns if stored.id not in left_out.messages)
