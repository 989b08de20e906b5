"""How the prompts of a server's checkpoint are written, told from its name: a server does not tell."""

import re
from typing import Final

from chat.prompt import IDEFICS, IDEFICS2, IDEFICS3, IDEFICS_BASE, SMOLVLM, Dialect

_FAMILIES: Final = (
    (re.compile(r"idefics-?3"), IDEFICS3),
    (re.compile(r"idefics-?2"), IDEFICS2),
    (re.compile(r"smolvlm"), SMOLVLM),
    (re.compile(r"idefics-\d+b-instruct"), IDEFICS),
    (re.compile(r"idefics-\d+b"), IDEFICS_BASE),
)


def dialect_of(name: str) -> Dialect | None:
    """That of the family which a checkpoint's name tells; None where it tells of none."""
    return next((dialect for pattern, dialect in _FAMILIES if pattern.search(name.lower())), None)
