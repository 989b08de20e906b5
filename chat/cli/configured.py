"""What the user's config sets for a command: it wins over defaults, and options and environment win over it."""

import os
from collections.abc import Mapping
from typing import Any, Final

import click

from chat.config import Config
from chat.config_file import load_config

_TELL_THEMSELVES: Final = ("chat", "config")
"""Commands that show what is wrong with the config in their own way."""
_NOT_SET: Final[Mapping[str, tuple[str, ...]]] = {
    "doctor": ("checkpoint", "revision"),
    "bench": ("base_url", "api"),
}
"""Options that the config does not set.

Those of `doctor` ask for something: it looks at a checkpoint, also on the hub, if it is named. `bench` measures this
machine.
"""


def configure(context: click.Context, name: str, command: click.Command) -> None:
    """Let a command that is about to run take from the config what is not given otherwise.

    What is wrong with the config is told on stderr in one line, and the command goes on with the rest.

    Args:
        context: That of the program.
        name: The command's.
        command: Will be run in this context.
    """
    config = load_config()
    context.obj = config
    values = {key: value for key, value in config.values.items() if key not in _NOT_SET.get(name, ())}
    # A command passes over what none of its options is called; those of a group need not be imported to be asked.
    own = dict.fromkeys(command.list_commands(context), values) if isinstance(command, click.Group) else values
    context.default_map = {name: own}
    if name not in _TELL_THEMSELVES:
        tell_problems(config)


def tell_problems(config: Config) -> None:
    """Tell on stderr what cannot be used of the config: the first problem, and how many more there are."""
    if config.problems:
        from chat.cli.running import notice

        rest = len(config.problems) - 1
        notice(config.problems[0] + (f" (and {rest} more: idefics-chat config)" if rest else ""))


def config_of(context: click.Context) -> Config:
    """The config of the program that a command is run by; an empty one where there is none."""
    config = context.find_object(Config)
    return config if config is not None else Config()


def set_environment(values: Mapping[str, Any]) -> None:
    """Put what the config says of the terminal where the UI and Textual look for it, unless something is there."""
    if not values:
        return
    from chat.config_keys import KEYS

    for key in KEYS:
        if key.choices and key.name in values:
            for variable in key.environment:
                # What is there and none of the choices is passed over.
                if os.environ.get(variable, "").lower() not in key.choices:
                    os.environ[variable] = str(values[key.name])
    if values.get("motion") is False and not os.environ.get("TEXTUAL_ANIMATIONS"):
        os.environ["TEXTUAL_ANIMATIONS"] = "none"
