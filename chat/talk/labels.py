"""The labels that tell who speaks where a conversation is text, so made that nothing that is said can pass for one.

Only what begins a turn, or is a line of the program's own, begins a line; what somebody says further is set off.
"""

import re
from typing import Final

from chat.safe_text import printable

SET_OFF: Final = "  "
"""Stands before each line but the first of what somebody says."""
OWN: Final = frozenset({"you", "you (example)", "system", "more"})
"""Labels of those who are no checkpoint, and that of a message that goes on, without case."""


def set_off(text: str) -> str:
    """A text of which every line but the first is set off; blank lines stay blank."""
    first, *later = text.split("\n")
    return "\n".join([first, *(f"{SET_OFF}{line}" if line else "" for line in later)])


def labelled(label: str, text: str) -> str:
    """What somebody says, behind the label that tells who it is."""
    gap = "" if text[:1] in ("", "\n") else " "
    return f"{label}:{gap}{set_off(text)}"


def speaker_label(name: str) -> str:
    """A checkpoint's name as its label, in one line: in quotes where it reads like another label, or like a turn.

    What is not ASCII may have letters that look like others, or that cannot be seen.
    """
    label = " ".join(printable(name, multiline=False).split()) or "model"
    is_misleading = not label.isascii() or ":" in label or re.split(r"\W", label.casefold(), maxsplit=1)[0] in OWN
    return f"“{label}”" if is_misleading else label
