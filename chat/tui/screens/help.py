"""Keys and commands that work here and now, to look up and to run; and the themes."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import ClassVar

from textual.binding import ActiveBinding, BindingType

from chat.tui.binding import Binding
from chat.tui.entries import Entry, command_entries, key_entries, keys_of
from chat.tui.screens.lookup import LookupScreen
from chat.tui.widgets.entry_list import Group


class HelpScreen(LookupScreen):
    """What can be done on the screen below."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("f1", "close", "Back", show=False, id="help_close")]

    placeholder = "Search keys and commands"

    def __init__(self, bindings: Mapping[str, ActiveBinding]) -> None:
        """Show help.

        Args:
            bindings: Those active where help was asked for, by key.
        """
        super().__init__()
        self._active = bindings

    def groups(self) -> Sequence[Group]:
        """What keys do here, and every command."""
        return (("Here and now", key_entries(self.app, self._active)), ("All commands", self._commands()))

    def steps(self) -> Sequence[str]:
        """How to begin, where there is a message to begin with."""
        return _first_steps(self._active) if self._commands() else ()

    def _commands(self) -> list[Entry]:
        return [entry for below in self.app.screen_stack[-2:-1] for entry in command_entries(below)]


class PaletteScreen(HelpScreen):
    """The same, to do something at once."""

    begins_chosen = True

    def steps(self) -> Sequence[str]:
        """None: whoever is here knows the way."""
        return ()


class ThemesScreen(LookupScreen):
    """The themes, to choose one."""

    placeholder = "Search themes"

    def groups(self) -> Sequence[Group]:
        """Ours before Textual's."""
        entries = [
            Entry(name, "dark" if theme.dark else "light", partial(setattr, self.app, "theme", name))
            for name, theme in self.app.available_themes.items()
        ]
        return (("Themes", entries),)


def _first_steps(bindings: Mapping[str, ActiveBinding]) -> tuple[str, ...]:
    """How to begin, with the keys that are in force."""
    attach = keys_of(bindings, "attach")
    with_key = f"with {attach}, " if attach else ""
    return (
        f"Attach a picture {with_key}by dropping it on the terminal, or by typing its path; then ask about it.",
        "[1] in the text places picture 1 there; without such marks pictures come first.",
        "Later questions may come back to earlier pictures. Everything is kept as it is said.",
    )
