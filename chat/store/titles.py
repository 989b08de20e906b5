"""A title for a session to which the user gave none."""

from typing import Final

from chat.conversation import Turn

LONGEST: Final = 60


def title_of(turn: Turn) -> str:
    """The first line of a message, or the name of its picture where it has no words; at most 60 characters."""
    lines = [" ".join(line.split()) for line in turn.text.splitlines() if line.strip()]
    if lines:
        return shortened(lines[0])
    return shortened(" ".join(f"Picture {turn.images[0].name}".split()))


def shortened(line: str) -> str:
    """The line cut after a word, with an ellipsis, where it is too long."""
    if len(line) <= LONGEST:
        return line
    cut = line[: LONGEST - 1]
    # A line without spaces is cut anywhere.
    words = cut if line[LONGEST - 1] == " " else cut.rpartition(" ")[0] or cut
    return f"{words.rstrip()}…"
