"""The turns of a tree of branches, put into words."""

from datetime import datetime

from chat.conversation import Role
from chat.generation import GenerationSettings, StopReason
from chat.records import TreeTurn
from chat.safe_text import printable
from chat.talk.labels import speaker_label
from chat.talk.wording import count_in_words, ending_in_words, label_of, time_in_words

_MOST_WORDS = 60


def speaker_of(turn: TreeTurn) -> str:
    """Who said it."""
    return "You" if turn.role is Role.USER else speaker_label(label_of(turn.checkpoint))


def beginning_of(turn: TreeTurn, most: int) -> str:
    """The first words of a turn, in one line of so many characters at most."""
    line = printable(" ".join(turn.words.split()), multiline=False)
    return (line if len(line) <= most else f"{line[: most - 1]}…") or "(no words)"


def facts_of(turn: TreeTurn, now: datetime) -> list[str]:
    """What else is known of a turn, in words."""
    facts = [count_in_words(turn.image_count, "picture")] if turn.image_count else []
    if turn.role is Role.ASSISTANT:
        facts += [_ending(turn.stop_reason), "" if turn.seed is None else f"seed {turn.seed}"]
    return [fact for fact in [*facts, time_in_words(turn.created_at, now)] if fact]


def turn_in_words(turn: TreeTurn) -> str:
    """A turn in a line: `shapes: A red circle… (stopped, seed 8, 2 min, shown)`."""
    facts = [*facts_of(turn, datetime.now().astimezone()), *(["shown"] if turn.is_shown else [])]
    return f"{speaker_of(turn)}: {beginning_of(turn, _MOST_WORDS)} ({', '.join(facts)})"


def _ending(reason: StopReason | None) -> str:
    """Why a reply was cut, in few words; empty where it was not."""
    if reason is StopReason.MAX_NEW_TOKENS:
        return "stopped at the limit"
    return ending_in_words(reason, GenerationSettings(), 1)
