"""What came of running saved conversations again, in lines for a person."""

import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from textwrap import wrap
from typing import Final

import click

from chat.cli.replay_conversation import Conversation, PlannedBranch
from chat.cli.running import terminal_columns
from chat.generation import CheckpointFacts
from chat.replay.differences import Difference, differences
from chat.replay.figures import share_in_words
from chat.replay.verified import FirstDifference, Outcome, TokenThere, VerifiedTurn
from chat.replay.word_marks import marked
from chat.safe_text import printable, short_line
from chat.talk.wording import count_in_words

_LEAST: Final = 40
"""Columns that are used in any case."""
_INDENT: Final = 8


@dataclass(frozen=True, slots=True)
class _Signs:
    """What stands in the place of words."""

    differs: str = "≠"
    tie: str = "≈"
    becomes: str = "→"
    opening: str = "«"
    closing: str = "»"

    def of(self, outcome: Outcome) -> str:
        """The sign that a reply's line begins with."""
        return {
            Outcome.SAME: "=",
            Outcome.TIE: self.tie,
            Outcome.DIFFERS: self.differs,
            Outcome.PROMPT_DIFFERS: self.differs,
            Outcome.NOT_VERIFIABLE: "?",
            Outcome.NOTHING: "-",
        }[outcome]


_ASCII: Final = _Signs("!=", "~", "->", "[[", "]]")
_WORDS: Final = {
    Outcome.SAME: "the same",
    Outcome.TIE: "the same but for a near tie",
    Outcome.DIFFERS: "different",
    Outcome.PROMPT_DIFFERS: "with another prompt",
    Outcome.NOT_VERIFIABLE: "not verifiable",
    Outcome.NOTHING: "without a token to verify",
}
"""Of how many replies something is told."""


class VerifiedLines:
    """Prints lines as they are known."""

    def __init__(self) -> None:
        self._signs = _signs()
        columns = terminal_columns(sys.stdout)
        self._columns = sys.maxsize if columns is None else max(_LEAST, columns)
        """Where the output goes to no terminal, nothing of it is cut."""
        self._has_printed = False

    def differences(self, present: CheckpointFacts, recorded: Sequence[CheckpointFacts]) -> None:
        """What was loaded, and in what it differs from what gave the replies that are run on it.

        Args:
            present: What was loaded.
            recorded: What gave each of the replies.
        """
        counts = Counter(one for facts in recorded for one in differences(facts, present))
        width = max((len(one.what) for one in counts), default=0)
        how = [present.device, present.dtype, *([present.quantization] if present.is_quantized else [])]
        self._begin(f"{short_line(present.name, 60)} on {', '.join(how)}")
        for difference, count in counts.items():
            self._print(self._difference(difference, width, count if count < len(recorded) else 0))

    def _difference(self, difference: Difference, width: int, count: int) -> str:
        changed = f"{difference.recorded} {self._signs.becomes} {difference.present}"
        some = f" ({count} of the replies)" if count else ""
        return f"  {self._signs.differs:<2} {difference.what:<{width}}  {changed}{some}"

    def conversation(self, conversation: Conversation) -> None:
        """What came of a conversation's replies."""
        title, branches = conversation.source.transcript.title, conversation.branches
        self._begin(f"{short_line(conversation.source.name, 60)}{f'  {title}' if title else ''}")
        width = max((len(str(turn.reply.id)) for turn in conversation.turns), default=1)
        for place, branch in enumerate(branches, start=1):
            if len(branches) > 1:
                nothing = "" if branch.plan.count else ": no reply of its own"
                between = f"from turn {branch.own[0].id} to turn {branch.own[-1].id}"
                self._print(f"  branch {place:,} of {len(branches):,}, {between}{nothing}")
            self._replies(branch, width)

    def _replies(self, branch: PlannedBranch, width: int) -> None:
        """What came of those that are run in a branch."""
        for turn in branch.plan.turns:
            sign, number = self._signs.of(turn.outcome), f"{turn.reply.id:>{width}}"
            self._print(f"  {sign:<2} {number}  {_asked(branch, turn)}")
            for line in self._details(turn):
                self._print(f"{'':{_INDENT}}{line}")

    def sum_up(self, conversations: Sequence[Conversation], *, unread_count: int = 0) -> None:
        """What all of it comes to, in one line, with how many files could not be read."""
        turns = [turn for one in conversations for turn in one.turns]
        counts = Counter(turn.outcome for turn in turns)
        of = f" in {len(conversations):,} conversations" if len(conversations) > 1 else ""
        replies = "1 reply" if len(turns) == 1 else f"{len(turns):,} replies"
        if not all(one.is_whole for one in conversations):
            replies = f"stopped after {len(turns):,} of {sum(one.count for one in conversations):,} replies"
        told = [f"{counts[outcome]:,} {words}" for outcome, words in _WORDS.items() if counts[outcome]]
        if len(counts) == 1:
            told = [f"{'all ' if len(turns) > 1 else ''}{_WORDS[outcome]}" for outcome in counts]
        files = f"; {count_in_words(unread_count, 'file')} not read" if unread_count else ""
        self._begin(f"{replies}{of}: {', '.join(told) or 'nothing to verify'}{files}")

    def _details(self, turn: VerifiedTurn) -> Iterator[str]:
        if turn.note:
            # The cure stands at its end.
            yield from wrap(printable(turn.note, multiline=False), self._columns - _INDENT)
        if turn.first_difference is not None:
            yield self._parted(turn.first_difference)
        is_other = turn.outcome in (Outcome.TIE, Outcome.DIFFERS) and turn.regenerated != turn.recorded
        if is_other and turn.regenerated is not None:
            yield f"recorded  {self._marked(turn.recorded, turn.regenerated)}"
            yield f"now       {self._marked(turn.regenerated, turn.recorded)}"

    def _parted(self, found: FirstDifference) -> str:
        recorded, regenerated = _token(found.recorded), _token(found.regenerated)
        return f"token {found.token + 1:,}: {recorded} {self._signs.becomes} {regenerated}"

    def _marked(self, text: str, other: str) -> str:
        """A text in a line, what the other says otherwise marked, and of a long one the part around the first mark."""
        pieces = (
            f"{self._signs.opening}{piece.text}{self._signs.closing}" if piece.is_marked else piece.text
            for piece in marked(text, [other])
        )
        line = " ".join("".join(pieces).split())
        room = self._columns - _INDENT - len("recorded  ")
        start = max(0, min(line.find(self._signs.opening) - room // 3, len(line) - room))
        if start:
            line = f"…{line[start + 1 :]}"
        return line if len(line) <= room else f"{line[: room - 1]}…"

    def _begin(self, heading: str) -> None:
        """Print the first of some lines that belong together."""
        if self._has_printed:
            click.echo()
        self._has_printed = True
        self._print(heading)

    def _print(self, line: str) -> None:
        click.echo(short_line(line, self._columns))


def _token(token: TokenThere | None) -> str:
    """A token in words."""
    if token is None:
        return "the end"
    if not token.text:
        return f"id {token.token_id}, which is not there"
    text = f'"{printable(token.text, multiline=False)}"'
    if token.probability is None or token.rank is None:
        return text
    return f"{text} ({share_in_words(token.probability)}, rank {token.rank:,})"


def _asked(branch: PlannedBranch, turn: VerifiedTurn) -> str:
    """The message that a reply is to, in a line."""
    if not turn.place:
        return ""
    message = branch.turns[turn.place - 1].turn
    return " ".join([*(f"[{image.name}]" for image in message.images), *message.text.split()])


def _signs() -> _Signs:
    """Those that stdout can show."""
    signs = _Signs()
    try:
        "".join([signs.differs, signs.tie, signs.becomes, signs.opening, signs.closing]).encode(
            getattr(sys.stdout, "encoding", None) or "ascii"
        )
    except (UnicodeEncodeError, LookupError):
        return _ASCII
    return signs
