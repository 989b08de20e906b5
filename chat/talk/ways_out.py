"""The ways to make a message fit, put into words for the one who chooses."""

from collections.abc import Iterable
from dataclasses import dataclass

from chat.context import Overflow
from chat.conversation import Conversation
from chat.drafts import Draft
from chat.generation import CheckpointFacts
from chat.talk.marks import renumbered
from chat.talk.remedies import Kind, Remedy
from chat.talk.said import AskedChoice, SaidSession
from chat.talk.shown import Exchange, oldest


@dataclass(frozen=True, slots=True)
class WayOut:
    """A way, in words."""

    title: str
    detail: str
    remedy: Remedy | None
    """None does nothing: the message is not sent."""
    is_enough: bool
    """Whether the message is no trouble then."""


def ways_out(session: SaidSession, overflow: Overflow, remedies: Iterable[Remedy]) -> list[WayOut]:
    """The ways, with what goes, what that frees, and how much is still too much; the last one does nothing."""
    ways = [_way(session, overflow, remedy) for remedy in remedies]
    return [*ways, WayOut("Do not send", "back to the draft", None, is_enough=True)]


def take(session: SaidSession, remedy: Remedy) -> None:
    """Leave out of a session what a way leaves out; a new session is for others to begin."""
    match remedy.kind:
        case Kind.DROP_EXCHANGES:
            session.leave_out(remedy.exchanges)
        case Kind.DROP_PICTURE:
            picture = session.shown_pictures()[remedy.picture]
            session.leave_picture_out(picture.turn_id, picture.place)


def with_summary(summary: str, message: Draft) -> Draft:
    """A message with the summary before it, as the first one of a new session."""
    return Draft(f"{summary}\n\n{message.text}", message.images)


def conversation_after(
    session: SaidSession, message: Draft, remedy: Remedy | None, facts: CheckpointFacts
) -> Conversation:
    """What the model would be shown of a message, after a way out or without any."""
    shown = session.as_it_is()
    if remedy is not None and remedy.kind is Kind.SUMMARIZE:
        number = session.image_count + 1
        shown.turns, shown.choices = [], []
        return shown.conversation_with(with_summary(remedy.summary, renumbered(message, number, 1)), facts)
    if remedy is not None:
        take(shown, remedy)
    if isinstance(message, AskedChoice):
        return shown.conversation_for(message, facts)
    return shown.conversation_with(message, facts)


def _way(session: SaidSession, overflow: Overflow, remedy: Remedy) -> WayOut:
    match remedy.kind:
        case Kind.DROP_EXCHANGES:
            gone = oldest(session.turns, session.not_shown, remedy.exchanges)
            count = remedy.exchanges
            title = "Drop the oldest exchange" if count == 1 else f"Drop the {count:,} oldest exchanges"
            what = _turns_in_words(session, gone)
        case Kind.DROP_PICTURE:
            number = session.shown_pictures()[remedy.picture].number
            title, what = f"Drop picture [{number}], keep its answers", "the text stays"
        case Kind.SUMMARIZE:
            title = "New session that starts with a summary"
            what = "you see and edit the summary before it is used"
    missing = remedy.missing(overflow)
    frees = "" if remedy.kind is Kind.SUMMARIZE else f" · frees {overflow.tokens - remedy.tokens:,}"
    rest = f"still {missing:,} too many" if missing else f"leaves {overflow.context_length - remedy.tokens:,}"
    return WayOut(title, f"{what}{frees} · {rest}", remedy, is_enough=not missing)


def _turns_in_words(session: SaidSession, gone: list[Exchange]) -> str:
    """Which turns go, and which pictures with them: `turns 1–2, picture [1]`."""
    first, last = gone[0].position, gone[-1].position + (gone[-1].reply is not None)
    turns = f"turn {first:,}" if first == last else f"turns {first:,}–{last:,}"
    ids = {exchange.message.id for exchange in gone}
    numbers = [picture.number for picture in session.shown_pictures() if picture.turn_id in ids]
    if not numbers:
        return turns
    pictures = f"[{numbers[0]}]" if len(numbers) == 1 else f"[{numbers[0]}]–[{numbers[-1]}]"
    return f"{turns}, picture{'s' * (len(numbers) > 1)} {pictures}"
