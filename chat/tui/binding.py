"""Bindings that have a name, by which the config file can give them other keys."""

import re
from dataclasses import dataclass
from typing import Final

import textual.binding

_ASKED: Final = re.compile(r"ask\('(\w+)'\)")


@dataclass(frozen=True)
class Binding(textual.binding.Binding):
    """A binding whose id is, if not given, the name of its action: what asks a turn for something is called after that.

    Bindings of one name are changed together, on whichever screen they are.
    """

    def __post_init__(self) -> None:
        """Give it its name."""
        if self.id is None:
            asked = _ASKED.fullmatch(self.action)
            name = asked[1] if asked else self.action.partition("(")[0].rpartition(".")[2]
            object.__setattr__(self, "id", name)
