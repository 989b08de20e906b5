"""The ways to make a message fit, put into words for the one who chooses."""

from collections.abc import Iterable
from dataclasses import dataclass

from chat.context import Overflow
from chat.talk.remedies import Kind, Remedy
from chat.talk.said import SaidSession
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
