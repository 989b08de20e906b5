"""What was said in a session: its turns, the labels that were ranked between them, and what of it a model is shown."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import TYPE_CHECKING, Final

from chat.conversation import Conversation, Image, Turn, user_turn
from chat.drafts import Draft
from chat.errors import UsageError
from chat.generation import CheckpointFacts, Score, TextGenerator
from chat.ranking import Ranking
from chat.records import Choice, LeftOut, StoredTurn, examples_of, exchanges_of
from chat.session import conversation_of
from chat.talk.branches import AskedBranch, AskedMore, AskedReply, beginning_of
from chat.talk.commands import parse
from chat.talk.kept_reply import now
from chat.talk.marks import parts_of
from chat.talk.shown import ShownPicture, left_out_count, oldest, shown_pictures, shown_turns

# Imported with the first prompt: the first frame does without.
if TYPE_CHECKING:
    from chat.prompt import Prompt, Said

LABEL_ROOM: Final = 64
"""Tokens of the context that are kept free for a label."""

Entry = StoredTurn | Choice
"""What the transcript shows in its order."""


@dataclass(frozen=True, slots=True)
class AskedChoice(Draft):
    """Labels to be ranked, in their place among the messages that wait. The text is the command as it was typed."""

    labels: tuple[str, ...] = ()
    shown: tuple[Image, ...] = field(default=())
    """Pictures that come with them. They are the message's that is being written, so that they have no number here."""


@dataclass(frozen=True, slots=True)
class AskedCaption(Draft):
    """A caption that begins with given words, among the messages that wait. The text is the command as it was typed."""

    request: str = ""
    """What the model is asked with, in the place of the command."""


def turn_of(draft: Draft, number: int) -> Turn:
    """What is sent of a message that waits; its pictures are numbered from there on."""
    text = draft.request if isinstance(draft, AskedCaption) else draft.text
    return user_turn(*parts_of(text, draft.images, number))


def words_of(draft: Draft, facts: CheckpointFacts) -> "str | Said":
    """What the reply to a message that waits begins with, for this checkpoint to go on from there."""
    if isinstance(draft, AskedMore):
        return beginning_of(draft, facts)
    call = parse(draft.text) if isinstance(draft, AskedCaption) else None
    return call.argument if call else ""


@dataclass(frozen=True, slots=True)
class RunningChoice:
    """Labels that are being ranked."""

    asked: AskedChoice
    facts: CheckpointFacts
    number: int
    left_out: int

    def choice(self, scores: tuple[Score, ...], turn_id: int | None) -> Choice:
        """What came of it, after the turn it follows."""
        ranking = Ranking(self.asked.labels, scores)
        return Choice(turn_id, ranking, self.facts, now(), self.asked.shown, self.number, self.left_out)


class SaidSession:
    """The turns of a session and what stands between them."""

    def __init__(self) -> None:
        self.system = ""
        self.turns: list[StoredTurn] = []
        self.choices: list[Choice] = []
        """What was ranked; no part of what a model is shown."""
        self.not_shown = LeftOut()
        """What of the session the model is not shown; it stays in the session."""

    @property
    def left_out(self) -> int:
        """How many of the oldest messages, with their replies, the model is not shown."""
        return left_out_count(self.turns, self.not_shown)

    @property
    def image_count(self) -> int:
        """Pictures in the conversation."""
        return sum(len(stored.turn.images) for stored in self.turns)

    def place_of(self, turn_id: int) -> int | None:
        """Which of the turns it is, from 0; None where it is none of them."""
        return next((place for place, stored in enumerate(self.turns) if stored.id == turn_id), None)

    def numbered(self) -> Iterable[tuple[StoredTurn, int]]:
        """The turns, each with the number of its first picture."""
        number = 1
        for stored in self.turns:
            yield stored, number
            number += len(stored.turn.images)

    def entries(self) -> list[tuple[Entry, int]]:
        """The turns and what was ranked after each, with the number of the first picture."""
        after: dict[int | None, list[tuple[Entry, int]]] = {}
        for choice in self.choices:
            after.setdefault(choice.turn_id, []).append((choice, choice.number))
        found = after.pop(None, [])
        for stored, number in self.numbered():
            found += [(stored, number), *after.pop(stored.id, ())]
        # A reply that the store took late has got its id since.
        return [*found, *chain.from_iterable(after.values())]

    def as_it_is(self) -> "SaidSession":
        """What was said so far, whatever is said from now on: for another thread."""
        copied = SaidSession()
        copied.system, copied.turns, copied.choices = self.system, list(self.turns), list(self.choices)
        copied.not_shown = self.not_shown
        return copied

    def conversation(self, facts: CheckpointFacts) -> Conversation:
        """All that was said, as far as the model is shown it."""
        return conversation_of(shown_turns(self.turns, self.not_shown), system=self.system, facts=facts)

    def conversation_with(self, draft: Draft, facts: CheckpointFacts) -> Conversation:
        """The conversation if the draft were sent next."""
        turns = [*(draft.path if isinstance(draft, AskedBranch) else self.turns)]
        if not isinstance(draft, AskedReply):
            turns.append(StoredTurn(0, turn_of(draft, self.image_count + 1), "", None))
        return conversation_of(shown_turns(turns, self.not_shown), system=self.system, facts=facts)

    def conversation_for(self, asked: AskedChoice, facts: CheckpointFacts) -> Conversation:
        """The conversation with the question which of the labels it is."""
        # Here, because the first frame does without.
        from chat.tasks.choosing import choice_conversation

        return choice_conversation(self.conversation(facts), asked.shown, asked.labels)

    def running(self, asked: AskedChoice, facts: CheckpointFacts) -> RunningChoice:
        """What is known of labels before they are ranked."""
        seen = self.conversation(facts).images
        number = self.image_count + 1 if asked.shown else self._number_of(seen[-1]) if seen else 0
        return RunningChoice(asked, facts, number, self.left_out)

    def _number_of(self, image: Image) -> int:
        """The number that a picture stands under last."""
        everything = chain.from_iterable(stored.turn.images for stored in self.turns)
        return max((number for number, one in enumerate(everything, start=1) if one == image), default=0)

    def examples(self) -> tuple[list[StoredTurn], bool]:
        """The marked exchanges; where none is marked, all about pictures that the model has finished.

        Returns:
            Messages and replies in turn, and whether they are marked.

        Raises:
            UsageError: There are none.
        """
        finished = [
            stored
            for message, reply in exchanges_of(self.turns)
            if message.turn.images and reply is not None and _is_finished(reply)
            for stored in (message, reply)
        ]
        marked = examples_of(self.turns)
        if not marked and not finished:
            raise UsageError("there is no exchange about a picture yet: ask something first")
        return marked or finished, bool(marked)

    def leave_out(self, count: int) -> None:
        """Show the model so many of the oldest messages less, as far as there are any."""
        ids = (one.message.id for one in oldest(self.turns, self.not_shown, count))
        self.not_shown = replace(self.not_shown, messages=self.not_shown.messages.union(ids))

    def shown_pictures(self) -> list[ShownPicture]:
        """The pictures that the model is shown, in their order."""
        return list(shown_pictures(self.turns, self.not_shown))

    def leave_picture_out(self, turn_id: int, place: int) -> None:
        """Show the model a picture less; the words of its turn, and the reply, stay."""
        self.not_shown = replace(self.not_shown, pictures=self.not_shown.pictures | {(turn_id, place)})

    def show_all(self) -> None:
        """Show the model everything again that was said in this branch."""
        ids = {stored.id for stored in self.turns}
        self.not_shown = LeftOut(
            self.not_shown.messages - ids, frozenset(one for one in self.not_shown.pictures if one[0] not in ids)
        )


def marked_message(turns: Iterable[StoredTurn], number: int | None) -> StoredTurn:
    """The message of an exchange that can be an example: of that number from 1, or of the last one with a reply.

    Raises:
        UsageError: There is no such exchange, or nothing was replied in it.
    """
    exchanges = exchanges_of(turns)
    answered = [place for place, (_, reply) in enumerate(exchanges) if reply is not None and reply.turn.text.strip()]
    if not answered:
        raise UsageError("there is no exchange with a reply yet: ask something first")
    place = answered[-1] if number is None else number - 1
    if not 0 <= place < len(exchanges):
        raise UsageError(f"there is no exchange {number:,}: give a number from 1 to {len(exchanges):,}")
    if place not in answered:
        raise UsageError(f"exchange {number:,} has no reply: there is nothing to follow")
    return exchanges[place][0]


def _is_finished(reply: StoredTurn) -> bool:
    ending = reply.generation.stop_reason if reply.generation else None
    return bool(reply.turn.text.strip()) and ending is not None and not ending.is_cut


def numbers_of(shown: Sequence[Image], known: Sequence[Image]) -> tuple[int, ...]:
    """The numbers that pictures go by in a session of which the model is shown a part.

    Args:
        shown: The model's pictures in order.
        known: All pictures of the session in order, and those of the message being written.
    """
    numbers: list[int] = []
    place = len(known)
    # From the end: what a model is not shown is the oldest as a rule.
    for image in reversed(shown):
        place = next((earlier for earlier in range(place - 1, -1, -1) if known[earlier] == image), 0)
        numbers.insert(0, place + 1)
    return tuple(numbers)


def prompt_of(conversation: Conversation, generator: TextGenerator, words: "str | Said" = "") -> "Prompt":
    """A conversation as the generator takes it; it awaits a reply where the last turn is the user's.

    Args:
        conversation: What was said.
        generator: Whose prompt it is.
        words: What the reply begins with; `Said` for a reply that was cut.
    """
    # Imported with the first prompt: the first frame does without.
    from chat.prompt import begun, serialize

    awaits_reply = len(conversation.turns) % 2 == 1
    return begun(serialize(conversation, generator.dialect, open_reply=awaits_reply), words)
