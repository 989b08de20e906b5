"""What was said, in short: the beginnings of what was asked and replied, put together without a model.

A model could lose or invent something; this is an extract, and whoever is to use it reads and changes it first.
"""

from collections.abc import Sequence
from typing import Final

from chat.conversation import Role, Turn

HEADING: Final = "What was said before, in short:"
MOST_ASKED: Final = 100
"""Characters that are kept of a message."""
MOST_REPLIED: Final = 160
"""Characters that are kept of a reply."""


def summary_of(turns: Sequence[Turn]) -> str:
    """A line for each message with its reply; empty without any."""
    lines: list[str] = []
    for turn in turns:
        if turn.role is Role.USER:
            pictures = len(turn.images)
            shown = f" (about {pictures} picture{'s' * (pictures > 1)})" if pictures else ""
            lines.append(f"- {_beginning(turn.text, MOST_ASKED)}{shown}".replace("-  (", "- ("))
        elif said := _beginning(turn.text, MOST_REPLIED):
            lines[-1] += f" — {said}"
    return "\n".join([HEADING, *lines]) if lines else ""


def _beginning(text: str, most: int) -> str:
    """The beginning of a text in one line, cut between words where there are any."""
    line = " ".join(text.split())
    if len(line) <= most:
        return line
    cut = line[:most]
    return f"{cut[: cut.rfind(' ')] if ' ' in cut[most // 2 :] else cut} …"
