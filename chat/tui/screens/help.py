"""Keys and commands that work here and now, built from the live bindings."""

import textwrap
from collections.abc import Mapping, Sequence
from itertools import zip_longest
from typing import ClassVar, Final

from textual.app import ComposeResult
from textual.binding import ActiveBinding, Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from chat.talk.commands import COMMANDS, USAGE_CELLS

_INDENT: Final = 2
_FIRST_STEPS: Final = (
    "Attach a picture with ctrl+o, by dropping it on the terminal, or by typing its path; then ask about it.",
    "[1] in the text places picture 1 there; without such marks pictures come first.",
    "Later questions may come back to earlier pictures. Everything is kept as it is said.",
)


class HelpScreen(ModalScreen[None]):
    """What can be done on the screen below."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,f1,q", "close", "Back", tooltip="Close the help")]

    def __init__(self, bindings: Mapping[str, ActiveBinding]) -> None:
        """Show help.

        Args:
            bindings: Those active where help was asked for, by key.
        """
        super().__init__()
        self._active = bindings

    def compose(self) -> ComposeResult:
        """How to leave, keys, commands, first steps."""
        with Vertical(classes="dialog", id="help"):
            yield Static(_row_of_keys(("esc", "back"), ("ctrl+q", "quit")), markup=False, id="help-leave")
            with VerticalScroll(id="help-text"):
                # The ways to scroll are the least of what somebody looks for.
                keys = sorted(self._keys().items(), key=lambda row: row[0].startswith("Scroll"))
                yield HelpTable("Keys", [(shown, what) for what, shown in keys])
                yield HelpTable("Commands", [(command.usage, command.description) for command in COMMANDS])
                yield Static(Content("\n").join([_heading("First steps"), *map(Content, _FIRST_STEPS)]), markup=False)

    def action_close(self) -> None:
        """Back to the screen below."""
        self.dismiss()

    def _keys(self) -> dict[str, str]:
        """What the keys do, each with its keys; only what a binding's tooltip explains is for help."""
        keys: dict[str, str] = {}
        for active in self._active.values():
            if active.enabled and (what := active.binding.tooltip):
                shown = self._shown_key(active.binding)
                keys[what] = f"{keys[what]}, {shown}" if what in keys else shown
        return keys

    def _shown_key(self, binding: Binding) -> str:
        return {"escape": "esc", "pageup": "page up", "pagedown": "page down"}.get(binding.key, binding.key)


class HelpTable(Static):
    """What can be typed, and what each does."""

    def __init__(self, heading: str, rows: Sequence[tuple[str, str]]) -> None:
        super().__init__(markup=False)
        self._heading = heading
        self._rows = rows

    def on_resize(self) -> None:
        """Fit the columns into the width."""
        if width := self.size.width:
            lines = [line for typed, what in self._rows for line in _row(typed, what, width)]
            self.update(Content("\n").join([_heading(self._heading), *lines, Content()]))


def _heading(text: str) -> Content:
    return Content.styled(text, "bold")


def _row(typed: str, what: str, width: int) -> list[Content]:
    """Lines of two columns; what does not fit into one goes on below in its own column."""
    room = max(1, width - _INDENT - USAGE_CELLS)
    left = textwrap.wrap(typed, USAGE_CELLS - 1) or [""]
    right = textwrap.wrap(what, room) or [""]
    return [
        Content.assemble((f"{'':{_INDENT}}{begun:<{USAGE_CELLS}}", "$text-primary"), told)
        for begun, told in zip_longest(left, right, fillvalue="")
    ]


def _row_of_keys(*pairs: tuple[str, str]) -> Content:
    return Content.styled(" · ", "$quiet").join(
        Content.assemble((key, "bold"), (f" {word}", "$quiet")) for key, word in pairs
    )
