"""A column of a comparison: a checkpoint's answers, and the messages by which they come."""

from dataclasses import dataclass, field

from textual.message import Message

from chat.replay.beside import Beside, others_in_words


@dataclass
class Column:
    """A checkpoint's answers."""

    name: str
    """What it is called: `now`, or what was asked for."""
    run_on: list[str] = field(default_factory=list)
    """What gave the answers, in words, each once; none until it is loaded."""
    problem: str = ""
    """Why there are none, or no more."""
    figures: str = ""
    """What they come to, in words."""
    answers: dict[int, Beside] = field(default_factory=dict)
    """By the place of the message."""

    def begin(self, facts: str) -> None:
        """Take what gives the answers that come from here on."""
        self.run_on = [*(one for one in self.run_on if one != facts), facts]

    @property
    def facts(self) -> str:
        """What gave the answers, in words: of several the last, and that there are others."""
        return others_in_words(self.run_on[-1], len(self.run_on) - 1) if self.run_on else ""

    @property
    def shown(self) -> dict[int, Beside]:
        """The answers as they are shown: where several gave them, each says which."""
        if len(self.run_on) < 2:
            return self.answers
        return {place: one.with_origin() for place, one in self.answers.items()}


class ColumnMessage(Message):
    """Something happened to a checkpoint's answers."""

    def __init__(self, column: int) -> None:
        super().__init__()
        self.column = column


class Working(ColumnMessage):
    """What is being done, in words."""

    def __init__(self, column: int, words: str) -> None:
        super().__init__(column)
        self.words = words


class Begun(ColumnMessage):
    """A checkpoint is there."""

    def __init__(self, column: int, facts: str) -> None:
        super().__init__(column)
        self.facts = facts


class Answered(ColumnMessage):
    """A message was answered."""

    def __init__(self, column: int, beside: Beside, figures: str = "") -> None:
        super().__init__(column)
        self.beside = beside
        self.figures = figures
        """What the answers come to so far, in words."""


class Failed(ColumnMessage):
    """There are no answers, or no more."""

    def __init__(self, column: int, problem: str) -> None:
        super().__init__(column)
        self.problem = problem


class Ended(Message):
    """Nothing more comes."""
