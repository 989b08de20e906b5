"""What can be done here and now, with the keys and commands that do it: the rows of the help and of the palette.

Made from the bindings that are in force and from the table of commands, so that no list can be out of date.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from textual.app import App
from textual.binding import ActiveBinding
from textual.keys import key_to_character
from textual.screen import Screen
from textual.widgets import Input, TextArea

from chat.talk.commands import COMMANDS
from chat.tui.widgets.composer import Composer

_SHOWN: Final[Mapping[str, str]] = {
    "escape": "esc",
    "pageup": "page up",
    "pagedown": "page down",
    "delete": "del",
    "slash": "/",
    "space": "space",
}
"""Keys by the names that people have for them."""


@dataclass(frozen=True, slots=True)
class Entry:
    """Something that can be done."""

    typed: str
    """Its keys, or the command."""
    words: str
    """What it does."""
    run: Callable[[], object]
    """Does it; on the screen that it was made for."""


def key_entries(app: App[Any], bindings: Mapping[str, ActiveBinding]) -> list[Entry]:
    """What keys do, each with all of its keys; of the bindings in force, those that have words for it."""
    found: dict[str, tuple[list[str], ActiveBinding]] = {}
    for active in bindings.values():
        if active.enabled and (words := active.binding.tooltip):
            found.setdefault(words, ([], active))[0].append(shown_key(active.binding.key))
    entries = [
        Entry(", ".join(keys), words, partial(app.run_action, active.binding.action, active.node))
        for words, (keys, active) in found.items()
    ]
    typed = {words for words, (_, active) in found.items() if isinstance(active.node, TextArea | Input)}
    # What one does while typing, and the ways to scroll, are the least of what somebody looks for.
    return sorted(entries, key=lambda entry: (entry.words.startswith("Scroll"), entry.words in typed))


def command_entries(screen: Screen[Any]) -> list[Entry]:
    """What commands do, where there is a message to type them in."""
    composers = screen.query(Composer)
    return [
        Entry(command.usage, command.description, partial(composer.begin_command, command))
        for composer in composers
        for command in COMMANDS
    ]


def shown_key(key: str) -> str:
    """A key by the name that people have for it."""
    return _SHOWN.get(key) or key_to_character(key) or key


def keys_of(bindings: Mapping[str, ActiveBinding], action: str) -> str:
    """The keys that an action has now; empty where it has none here."""
    keys: Sequence[str] = [shown_key(key) for key, active in bindings.items() if active.binding.id == action]
    return " or ".join(keys)
