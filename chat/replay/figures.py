"""What a comparison comes to: how often, how like, how fast and how likely."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Self

from chat.generation import Reply
from chat.records import StoredTurn
from chat.replay.compare import ComparedTurn
from chat.replay.recording import Recording

_DIGITS: Final = 3
"""Of a number whose size is not known beforehand."""
_MOST_PLACES: Final = 4
_LEAST_TOLD: Final = 0.0001
"""What is less has no digit in so many places."""


@dataclass(frozen=True, slots=True)
class Speed:
    """How fast replies came; None where none of them tells."""

    tokens_per_s: float | None = None
    """Of all replies together: their tokens after the first ones, in the seconds that these took."""
    first_token_s: float | None = None
    """Seconds until a reply's first token, on average."""

    @classmethod
    def of(cls, replies: Iterable[Reply]) -> Self:
        """That of these replies."""
        timed = [reply for reply in replies if reply.total_s > 0]
        seconds = {id(reply): reply.total_s - reply.first_token_s for reply in timed if reply.tokens_per_s}
        tokens = sum(reply.tokens_per_s * seconds[id(reply)] for reply in timed if reply.tokens_per_s)
        return cls(
            tokens / sum(seconds.values()) if seconds else None,
            mean([reply.first_token_s for reply in timed]),
        )


@dataclass(frozen=True, slots=True)
class Figures:
    """What a model's answers come to. A mean is None where there is nothing to take it of."""

    turns: int
    """Messages that it was asked."""
    answered: int
    """Messages that it answered; it failed on the others."""
    compared: int
    """Answers with a recorded reply beside them."""
    same: int
    """Answers that are the recorded reply."""
    similarity: float | None
    """Of the answers to the recorded replies, on average."""
    speed: Speed
    scored: int
    """Recorded replies that it told the likelihood of."""
    log_probability: float | None
    """Natural logarithm of the probability that it gives a token of the recorded replies, on average of all tokens."""
    character_log_probability: float | None
    """The same of a character, by which models with other tokens can be compared."""
    unscored: str
    """Why a recorded reply has no likelihood, in one line: the first reason there was."""

    @classmethod
    def of(cls, turns: Sequence[ComparedTurn]) -> Self:
        """Those of these turns."""
        compared = [turn.similarity for turn in turns if turn.similarity is not None]
        scored = [(turn.score, len(turn.said)) for turn in turns if turn.score is not None]
        likelihood = sum(score.log_likelihood for score, _ in scored)
        tokens, characters = sum(score.token_count for score, _ in scored), sum(length for _, length in scored)
        return cls(
            turns=len(turns),
            answered=sum(turn.reply is not None for turn in turns),
            compared=len(compared),
            same=sum(turn.is_same is True for turn in turns),
            similarity=mean(compared),
            speed=Speed.of(turn.reply for turn in turns if turn.reply is not None),
            scored=len(scored),
            log_probability=likelihood / tokens if tokens else None,
            character_log_probability=likelihood / characters if characters else None,
            unscored=next((turn.unscored for turn in turns if turn.unscored), ""),
        )


def recorded_speed(recordings: Iterable[Recording]) -> Speed:
    """How fast the recorded replies came."""
    return Speed.of(reply for one in recordings for stored in one.turns if (reply := reply_of(stored)) is not None)


def reply_of(stored: StoredTurn | None) -> Reply | None:
    """A recorded reply with its times and tokens; None where there is none, or nothing ever ended it."""
    if stored is None or stored.generation is None:
        return None
    return stored.generation.reply(stored.turn.text)


def new_tokens_of(reply: Reply) -> int | None:
    """How many tokens a reply has; None where it has words and nobody tells."""
    return reply.new_tokens or (None if reply.text else 0)


def mean(values: Sequence[float]) -> float | None:
    """Of some numbers; None of none."""
    return sum(values) / len(values) if values else None


def fixed(value: float | None, places: int, unit: str = "") -> str:
    """A number with so many places, in words; empty for one that nobody knows."""
    # What is rounded to nothing is not shown as less than nothing.
    return "" if value is None else f"{round(value, places) + 0.0:,.{places}f}{unit}"


def log_in_words(value: float | None) -> str:
    """A log-probability, told by its first digits; that of what is nearly certain by how near it is. Empty for none."""
    if value is None:
        return ""
    return f"above -{_LEAST_TOLD}" if -_LEAST_TOLD < value < 0 else _by_first_digits(value)


def share_in_words(probability: float) -> str:
    """A probability in percent, told by its first digits; of what is next to impossible, that it is."""
    share = 100 * probability
    return f"below {_LEAST_TOLD} %" if 0 < share < _LEAST_TOLD else f"{_by_first_digits(share)} %"


def _by_first_digits(value: float) -> str:
    """A number with three digits that count, if so many stand before or closely behind its point."""
    if not value or not math.isfinite(value):
        return f"{value + 0.0:g}"
    places = _DIGITS - 1 - math.floor(math.log10(abs(value)))
    return f"{value:,.{max(0, min(places, _MOST_PLACES))}f}"
