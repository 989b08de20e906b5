"""What a user has set once, in a file: its values, and what is wrong with it.

Knows neither commands nor screens; which actions have keys, the terminal UI knows.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from chat.safe_text import short_line

Value = str | int | float | bool


@dataclass(frozen=True, slots=True)
class Config:
    """What the file says, as far as it can be used."""

    path: Path | None = None
    """Where it is, or would be; None where no place is known."""
    values: Mapping[str, Value] = field(default_factory=dict)
    """Of the keys that it has; every one of them may be used."""
    keys: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """The keys that actions are to have in the UI, by the actions' names; whether there are such, only the UI knows."""
    lines: Mapping[str, int] = field(default_factory=dict)
    """Where the values stand; those of the table `[keys]` with `keys.` before their names."""
    problems: tuple[str, ...] = ()
    """What cannot be used, each in one line."""

    def placed(self, name: str, problem: str) -> str:
        """A problem with a key, with its line before it."""
        return placed(self.lines.get(name), problem)


def placed(line: int | None, problem: str) -> str:
    """A problem with its line before it, if that is known."""
    return f"config line {line}: {problem}" if line is not None else f"config: {problem}"


def unknown(noun: str, name: str, known: Sequence[str]) -> str:
    """That there is no such thing, and which one may be meant."""
    from difflib import get_close_matches

    near = get_close_matches(name, known, n=1)
    return f'unknown {noun} "{short_line(name, 40)}"' + (f', did you mean "{near[0]}"?' if near else "")
