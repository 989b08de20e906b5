"""What came of running a recorded reply again: values that can be shown and written."""

import math
from dataclasses import dataclass
from enum import StrEnum

from chat.records import StoredTurn
from chat.replay.differences import Difference
from chat.seen import WeighedToken


class Outcome(StrEnum):
    """How a reply that was run again compares to the recorded one."""

    SAME = "same"
    TIE = "tie"
    """It parts from the recorded one at a token that was nearly as likely as the recorded one."""
    DIFFERS = "differs"
    PROMPT_DIFFERS = "prompt_differs"
    """The recorded turns do not give the prompt that the reply was given to, so that nothing was run."""
    NOT_VERIFIABLE = "not_verifiable"
    """Something that is needed to run it again is missing."""
    NOTHING = "nothing"
    """No token was recorded that could come out again."""

    @property
    def is_same(self) -> bool:
        """Whether nothing speaks against that the recorded reply comes out again."""
        return self in (Outcome.SAME, Outcome.TIE, Outcome.NOTHING)


@dataclass(frozen=True, slots=True)
class TokenThere:
    """A token in the place where two runs part."""

    token_id: int
    text: str
    """Empty where the loaded checkpoint has no such token."""
    log_probability: float | None = None
    """By the loaded checkpoint, before temperature and other settings change it; None where it is not known."""
    rank: int | None = None
    """1 for the likeliest of all tokens; None where it is not known."""

    @classmethod
    def of(cls, weighed: WeighedToken) -> "TokenThere":
        """A token that was weighed."""
        return cls(weighed.token_id, weighed.text, weighed.log_probability, weighed.rank)

    @property
    def probability(self) -> float | None:
        """How likely it was; None where that is not known."""
        return None if self.log_probability is None else math.exp(self.log_probability)


@dataclass(frozen=True, slots=True)
class FirstDifference:
    """The first place in which two runs have not the same token."""

    token: int
    """Of the reply's tokens, or of the prompt's where it is the prompt that differs; from 0."""
    recorded: TokenThere | None
    """None where the recorded one had ended before."""
    regenerated: TokenThere | None
    """None where the other one had ended before."""

    @property
    def gap(self) -> float | None:
        """How far the two are apart in log-probability; None where one of the two is not known."""
        if self.recorded is None or self.regenerated is None:
            return None
        one, other = self.recorded.log_probability, self.regenerated.log_probability
        return None if one is None or other is None else abs(other - one)


@dataclass(frozen=True, slots=True)
class VerifiedTurn:
    """A recorded reply, and what came of running it again."""

    place: int
    """Of the reply among the turns, from 0."""
    reply: StoredTurn
    outcome: Outcome
    regenerated: str | None = None
    """The text that came; None where nothing was run."""
    first_difference: FirstDifference | None = None
    note: str = ""
    """What is to be known of it besides, in words."""
    differences: tuple[Difference, ...] = ()
    """In what the recorded run and this one were computed with."""

    @property
    def turn(self) -> int:
        """Which turn of the conversation the reply is, from 1."""
        return self.place + 1

    @property
    def recorded(self) -> str:
        """The text that was recorded."""
        return self.reply.turn.text
