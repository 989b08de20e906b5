"""Another answer beside a recorded reply, as both are shown: which words differ, and what is to be said of it."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from chat.generation import CheckpointFacts
from chat.records import StoredTurn
from chat.replay.compare import ComparedTurn
from chat.replay.differences import Difference
from chat.replay.figures import Figures, log_in_words
from chat.replay.verified import FirstDifference, Outcome, TokenThere, VerifiedTurn
from chat.replay.word_marks import Piece, marked
from chat.safe_text import printable
from chat.talk.wording import checkpoint_in_words, count_in_words

_ENDED: Final = "the end"
"""Stands for the token that an answer does not have, because it ended before."""


@dataclass(frozen=True, slots=True)
class Beside:
    """An answer beside the recorded reply to the same message."""

    message: int
    """The place of the message among the turns, from 0."""
    is_same: bool | None
    """None where nothing can be told."""
    recorded: tuple[Piece, ...]
    """The recorded reply; marked is what the answer does not say."""
    answer: tuple[Piece, ...]
    """The answer; marked is what the recorded reply does not say."""
    line: str
    """What else is to be said of it."""
    differences: tuple[Difference, ...] = ()
    """In what the two were computed with."""
    is_answered: bool = True
    """Whether there is an answer that has no words where `answer` is empty."""
    run_on: str = ""
    """What gave the answer, in words; empty where that is not told."""

    def with_origin(self) -> "Beside":
        """The same with what gave the answer in its line."""
        origin = f"on {self.run_on}" if self.run_on else ""
        return replace(self, line=" · ".join(part for part in (self.line, origin) if part))


def of_verified(turn: VerifiedTurn, present: CheckpointFacts | None = None) -> Beside:
    """A reply that was run again.

    Args:
        turn: What came of it.
        present: What it was run on; None where it was not run.
    """
    is_same = None if turn.outcome is Outcome.NOT_VERIFIABLE else turn.outcome.is_same
    is_answered = turn.outcome is not Outcome.PROMPT_DIFFERS
    recorded, answer = _marked(turn.recorded, turn.regenerated)
    return Beside(
        message=turn.place - 1,
        is_same=is_same,
        recorded=recorded,
        answer=answer,
        line=_verified_in_words(turn),
        differences=turn.differences,
        is_answered=is_answered,
        run_on="" if present is None else run_in_words(present),
    )


def of_compared(turn: ComparedTurn) -> Beside:
    """What another checkpoint answers."""
    recorded, answer = _marked(
        turn.recorded.turn.text if turn.recorded is not None else None,
        turn.reply.text if turn.reply is not None else None,
    )
    return Beside(turn.position - 1, turn.is_same, recorded, answer, _compared_in_words(turn))


def _marked(recorded: str | None, answer: str | None) -> tuple[tuple[Piece, ...], tuple[Piece, ...]]:
    if recorded is None or answer is None:
        return _whole(recorded), _whole(answer)
    return tuple(marked(recorded, [answer])), tuple(marked(answer, [recorded]))


def _whole(text: str | None) -> tuple[Piece, ...]:
    return (Piece(text, False),) if text else ()


# In words


def _verified_in_words(turn: VerifiedTurn) -> str:
    parts: list[str] = []
    match turn.outcome:
        case Outcome.SAME:
            tokens = len(turn.reply.generation.spoken_ids) if turn.reply.generation else 0
            parts.append(f"same {count_in_words(tokens, 'token')}" if tokens else "same")
        case Outcome.TIE:
            parts.append("nearly as likely")
        case Outcome.PROMPT_DIFFERS:
            parts.append("not run: the prompt is another")
        case Outcome.NOT_VERIFIABLE:
            parts.append("not run")
        case Outcome.NOTHING:
            parts.append("nothing to run")
        case Outcome.DIFFERS:
            pass
    if turn.first_difference is not None:
        parts.append(_difference_in_words(turn.first_difference))
    # The note on a prompt that differs says no more than the difference.
    if turn.note and not (turn.outcome is Outcome.PROMPT_DIFFERS and turn.first_difference is not None):
        parts.append(turn.note)
    return printable(" · ".join(parts), multiline=False)


def _difference_in_words(difference: FirstDifference) -> str:
    """Where two answers part: `from token 2: “green” 0.97 → “blue” 0.52`."""
    words = f"{_token_in_words(difference.recorded)} → {_token_in_words(difference.regenerated)}"
    rank = difference.recorded.rank if difference.recorded is not None else None
    return f"from token {difference.token + 1:,}: {words}{f' · recorded is rank {rank:,}' if rank else ''}"


def _token_in_words(token: TokenThere | None) -> str:
    if token is None:
        return _ENDED
    text = token.text.strip() or token.text or f"#{token.token_id}"
    share = "" if token.probability is None else f" {token.probability:.2f}"
    return f"“{text}”{share}"


def _compared_in_words(turn: ComparedTurn) -> str:
    if turn.reply is None:
        return printable(turn.problem, multiline=False)
    parts = ["same"] if turn.is_same else []
    if turn.similarity is not None and not turn.is_same:
        parts.append(f"similarity {turn.similarity:.2f}")
    if turn.reply.tokens_per_s:
        parts.append(f"{turn.reply.tokens_per_s:.0f} tokens/s")
    if turn.score is not None:
        parts.append(f"recorded: log-prob {log_in_words(turn.score.per_token)} a token")
    return " · ".join(parts)


def tally_in_words(answers: Iterable[Beside]) -> tuple[str, str, str]:
    """How many answers are the same, differ, and cannot be told: `3 same`, `1 differs`, empty where there are none."""
    told = [one.is_same for one in answers]
    same, differ, unknown = told.count(True), told.count(False), told.count(None)
    return (
        f"{same:,} same" if same or not told else "",
        f"{differ:,} {'differs' if differ == 1 else 'differ'}" if differ else "",
        f"{unknown:,} not run" if unknown else "",
    )


def figures_in_words(turns: Sequence[ComparedTurn]) -> str:
    """What a checkpoint's answers come to."""
    figures = Figures.of(turns)
    parts: list[str] = []
    if figures.similarity is not None:
        parts.append(f"similarity {figures.similarity:.2f}")
    if figures.speed.tokens_per_s is not None:
        parts.append(f"{figures.speed.tokens_per_s:.0f} tokens/s")
    if figures.log_probability is not None:
        parts.append(f"recorded: log-prob {log_in_words(figures.log_probability)} a token")
    return " · ".join(parts)


def run_in_words(facts: CheckpointFacts, seed: int | None = None) -> str:
    """What gives answers: `shapes · cpu · fp32 · seed 7`."""
    parts = [*checkpoint_in_words(facts), "" if seed is None else f"seed {seed}"]
    return printable(" · ".join(part for part in parts if part), multiline=False)


def recorded_in_words(turns: Iterable[StoredTurn]) -> str:
    """What gave the recorded replies; of several checkpoints the last, and that there are others."""
    generations = [stored.generation for stored in turns if stored.generation is not None]
    if not generations or not generations[-1].facts.name:
        return "not known with what"
    last = generations[-1]
    seeds = {generation.seed for generation in generations}
    others = len({(one.facts.name, one.facts.revision) for one in generations}) - 1
    words = run_in_words(last.facts, last.seed if len(seeds) == 1 else None)
    return others_in_words(words, others)


def others_in_words(last: str, others: int) -> str:
    """The last of several, and how many others there are: `shapes · cpu · fp32 and 2 more`."""
    return f"{last} and {others:,} more" if others else last


def differences_in_words(answers: Iterable[Beside]) -> str:
    """In what the recorded replies and the answers were computed with: `torch 2.10 → 2.11 · device cuda:0 → cpu`.

    What holds for some of the replies alone says for how many.
    """
    run = [one for one in answers if one.is_same is not None]
    counts = Counter(difference for one in run for difference in one.differences)
    parts = (
        f"{one.what} {one.recorded} → {one.present}{'' if count == len(run) else f' ({count:,} of the replies)'}"
        for one, count in counts.items()
    )
    return printable(" · ".join(parts), multiline=False)
