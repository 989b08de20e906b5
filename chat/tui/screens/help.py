"""Keys and commands that work here and now, built from the live bindings."""

from collections.abc import Mapping
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import ActiveBinding, Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from chat.tui.commands import COMMANDS

_KEY_CELLS = 16
_FIRST_STEPS = (
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
                yield Static(Content("\n").join(self._lines()), markup=False)

    def action_close(self) -> None:
        """Back to the screen below."""
        self.dismiss()

    def _lines(self) -> list[Content]:
        # The ways to scroll are the least of what somebody looks for.
        keys = sorted(self._keys().items(), key=lambda row: row[0].startswith("Scroll"))
        lines = [_heading("Keys"), *(_row(keys, what) for what, keys in keys), Content()]
        lines += [_heading("Commands"), *(_row(command.usage, command.description) for command in COMMANDS), Content()]
        return [*lines, _heading("First steps"), *(Content(step) for step in _FIRST_STEPS)]

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


def _heading(text: str) -> Content:
    return Content.styled(text, "bold")


def _row(keys: str, what: str) -> Content:
    return Content.assemble((f"  {keys:<{_KEY_CELLS}}", "$text-primary"), what)


def _row_of_keys(*pairs: tuple[str, str]) -> Content:
    return Content.styled(" · ", "$quiet").join(
        Content.assemble((key, "bold"), (f" {word}", "$quiet")) for key, word in pairs
    )
