"""The conversation screen is put together from many classes: none may take another's method away unknowingly."""

import inspect
from collections import defaultdict

from chat.tui.screens.chat import ChatScreen

OWN = ("_", "action_", "command_", "turn_")
"""Beginnings of the names that a part gives to what is its own; others are there to be filled in."""


def test_whoever_has_a_method_of_another_part_calls_it_too() -> None:
    owners: dict[str, list[type]] = defaultdict(list)
    for part in reversed(ChatScreen.__mro__):
        if part.__module__.startswith("chat.tui.screens"):
            for name, value in vars(part).items():
                if inspect.isfunction(value) and name.startswith(OWN) and not name.startswith("__"):
                    owners[name].append(part)
    silent = [
        f"{part.__name__}.{name} hides that of {first.__name__}"
        for name, (first, *others) in owners.items()
        for part in others
        if f"super().{name}" not in inspect.getsource(vars(part)[name])
    ]
    assert not silent
