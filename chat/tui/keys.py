"""Which actions have keys, and the keys that the user's config gives them.

The actions are those that widgets, screens and the app bind, so that there is no list that could be out of date. All of
them are imported for it: not before the first frame.
"""

import importlib
import pkgutil
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from string import punctuation
from typing import Final

import textual.binding
from textual.app import App
from textual.dom import DOMNode
from textual.keys import Keys, key_to_character
from textual.screen import Screen
from textual.widgets import Input, TextArea

import chat.tui
from chat.config import Config, unknown
from chat.config_keys import KEYS_TABLE
from chat.errors import UsageError
from chat.safe_text import short_line
from chat.tui.binding import Binding

RESERVED: Final = frozenset(
    "ctrl+q ctrl+c ctrl+p tab shift+tab enter ctrl+j escape backspace up down left right".split()
)
"""Keys that do what they do by themselves, whatever else an action is given: one always finds the way back."""
_SAME: Final[Mapping[str, str]] = {
    "ctrl+i": "tab",
    "ctrl+m": "enter",
    "ctrl+h": "backspace",
    "ctrl+left_square_bracket": "escape",
    "esc": "escape",
    "return": "enter",
    "pgup": "pageup",
    "pgdn": "pagedown",
    "del": "delete",
}
"""What a terminal sends for a key, or how people call it."""
_MODIFIERS: Final = frozenset(("ctrl", "alt", "shift", "super", "meta", "hyper"))
_NAMED: Final = frozenset(key.value for key in Keys) | {f"f{number}" for number in range(1, 25)}


@dataclass(frozen=True, slots=True)
class Action:
    """Something that keys do."""

    name: str
    words: str
    """What it does, for people."""
    bound: tuple[tuple[type[DOMNode], tuple[str, ...]], ...]
    """Which widgets and screens bind it, and to which keys by themselves."""

    @property
    def keys(self) -> tuple[str, ...]:
        """Those it has by itself anywhere."""
        return tuple(dict.fromkeys(key for _, keys in self.bound for key in keys))

    @property
    def is_typed_over(self) -> bool:
        """Whether its keys are pressed while a message is written, so that none may be a character."""
        return any(issubclass(_conversation(), owner) or issubclass(owner, TextArea | Input) for owner, _ in self.bound)

    def meets(self, key: str, other: "Action", given: tuple[str, ...] | None = None) -> bool:
        """Whether a key could not do both, where the other has the keys it has by itself, or is given some."""
        return any(
            key in (keys if given is None else given) and _meet(mine, theirs)
            for mine, _ in self.bound
            for theirs, keys in other.bound
        )


@cache
def actions() -> Mapping[str, Action]:
    """Every action of the UI that can be given other keys, by its name; the whole program's first."""
    for module in pkgutil.walk_packages(chat.tui.__path__, "chat.tui."):
        importlib.import_module(module.name)
    bound: dict[str, Action] = {}
    for owner in sorted(_owners(DOMNode), key=_rank):
        for binding in textual.binding.Binding.make_bindings(owner.__dict__["BINDINGS"]):
            if binding.id is not None:
                before = bound.get(binding.id, Action(binding.id, "", ()))
                words = before.words or binding.tooltip or binding.description
                bound[binding.id] = Action(binding.id, words, (*before.bound, (owner, (binding.key,))))
    return bound


def _rank(owner: type[DOMNode]) -> tuple[bool, bool, str, str]:
    return not issubclass(_conversation(), owner), not issubclass(owner, App), owner.__module__, owner.__qualname__


def _owners(parent: type[DOMNode]) -> Iterator[type[DOMNode]]:
    """The classes of this program that bind keys."""
    for child in parent.__subclasses__():
        if child.__module__.startswith("chat.tui.") and "BINDINGS" in child.__dict__:
            yield child
        yield from _owners(child)


@cache
def _conversation() -> type[DOMNode]:
    from chat.tui.screens.chat import ChatScreen

    return ChatScreen


def _meet(mine: type[DOMNode], theirs: type[DOMNode]) -> bool:
    if issubclass(mine, theirs) or issubclass(theirs, mine) or App in (*mine.__mro__, *theirs.__mro__):
        return True
    is_always = [issubclass(_conversation(), owner) for owner in (mine, theirs)]
    # A screen above the conversation has the keys for itself.
    is_above = [issubclass(owner, Screen) and not issubclass(_conversation(), owner) for owner in (mine, theirs)]
    return any(is_always) and not any(is_above)


def keymap_for(config: Config) -> tuple[dict[str, tuple[str, ...]], tuple[str, ...]]:
    """The actions whose keys the config changes, with all keys that each has then; and what cannot be done, in lines.

    Keys in `RESERVED` stay with their actions, beside those that are given.
    """
    problems: list[str] = []
    wanted: dict[str, tuple[str, ...]] = {}
    for name, given in config.keys.items():
        try:
            wanted[name] = _keys_of(name, given)
        except UsageError as error:
            problems.append(config.placed(f"{KEYS_TABLE}.{name}", str(error)))
    while clash := _first_clash(wanted):
        name, key, other = clash
        del wanted[name]
        problems.append(config.placed(f"{KEYS_TABLE}.{name}", f'{key} is taken by "{other}": "{name}" keeps its keys'))
    return wanted, tuple(problems)


def _keys_of(name: str, given: Sequence[str]) -> tuple[str, ...]:
    """The keys that an action has where it is given some."""
    action = actions().get(name)
    if action is None:
        raise UsageError(unknown("action", name, [*actions()]))
    keys = tuple(_normal(key) for key in given)
    for key, shown in zip(keys, given, strict=True):
        if key in action.keys:
            continue
        if key in RESERVED:
            raise UsageError(f'{short_line(shown, 30)} is reserved: "{name}" keeps its keys')
        if action.is_typed_over and (_is_character(key) or key in _text_keys()):
            raise UsageError(f'{short_line(shown, 30)} is for writing: "{name}" keeps its keys')
    return tuple(dict.fromkeys((*(key for key in action.keys if key in RESERVED), *keys)))


def _normal(shown: str) -> str:
    """A key by the name that Textual has for it."""
    *modifiers, last = re.split(r"(?<=.)\+", shown.strip())
    modifiers = [modifier.lower() for modifier in modifiers]
    last = last if len(last) == 1 and not modifiers else last.lower()
    if len(last) == 1:
        last = _name_of(last)
    key = "+".join((*modifiers, last))
    if not (last in _NAMED or _is_character(last)) or not _MODIFIERS.issuperset(modifiers):
        raise UsageError(unknown("key", shown, sorted(_NAMED)))
    return _SAME.get(key, key)


def _name_of(character: str) -> str:
    """The name of the key that types a character."""
    if character == ",":
        # Between the keys of a binding.
        return "comma"
    return next(iter(textual.binding.Binding.make_bindings([Binding(character, "any")]))).key


def _is_character(key: str) -> bool:
    """Whether a key types something."""
    return key_to_character(key) is not None or key in map(_name_of, punctuation)


@cache
def _text_keys() -> frozenset[str]:
    """The keys by which texts are edited."""
    bindings = textual.binding.Binding.make_bindings([*TextArea.BINDINGS, *Input.BINDINGS])
    return frozenset(binding.key for binding in bindings)


def _first_clash(wanted: Mapping[str, tuple[str, ...]]) -> tuple[str, str, str] | None:
    """An action that is to have a key, the key, and the action that has it."""
    for name, keys in wanted.items():
        action = actions()[name]
        for other in actions().values():
            for key in keys:
                is_new = other.name != name and key not in action.keys
                if is_new and action.meets(key, other, wanted.get(other.name)):
                    return name, key, other.name
    return None
