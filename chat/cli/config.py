"""`idefics-chat config`: which settings are in force, and where each comes from."""

import os
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import click

from chat.cli.configured import config_of
from chat.cli.options import json_option
from chat.config import Config, unknown
from chat.config_keys import KEYS, KEYS_TABLE, ConfigKey, toml_value
from chat.safe_text import json_line, printable

if TYPE_CHECKING:
    from chat.tui.keys import Action

_INDENT: Final = "  "


@click.command()
@click.option("--example", is_flag=True, help="Print a file with every key, its default and what it does.")
@json_option
@click.pass_context
def config(ctx: click.Context, example: bool, as_json: bool) -> None:
    """Tell which settings are in force, and where each comes from: the environment, the config file or the defaults.

    The file is config.toml in the folder where this platform keeps configuration, or the one that IDEFICS_CHAT_CONFIG
    names. Options of a command win over the environment, and that wins over the file.
    """
    if example:
        click.echo(example_file(), nl=False)
        return
    read = config_of(ctx)
    report = _report(read)
    if as_json:
        click.echo(json_line(report))
        return
    lines = [_where(report)]
    if report["problems"]:
        lines += ["", "cannot be used", *(_INDENT + problem for problem in report["problems"]), "", "settings"]
    lines += [_INDENT + line for line in _setting_lines(report["settings"])]
    lines += ["", "keys", *(_INDENT + line for line in _key_lines(report["keys"]))]
    click.echo("\n".join(printable(line, multiline=False) for line in lines))


def example_file() -> str:
    """A config file with every key, all of them commented out."""
    lines = [
        "# Options of a command and the environment win over what is set here. Take away a # to set something.",
        "",
    ]
    for key in KEYS:
        value = key.default if key.default is not None else key.example
        lines += [f"# {_told(key)}", f"# {key.name} = {toml_value(value) if value is not None else ''}", ""]
    lines += ["# Actions of the UI and the keys they are to have; a list gives several.", f"[{KEYS_TABLE}]"]
    shown = [(f"# {name} = {_toml_keys(action.keys)}", action.words) for name, action in _actions().items()]
    lines += [f"{setting:<34}# {words}" for setting, words in shown]
    return "\n".join(lines) + "\n"


def _told(key: ConfigKey) -> str:
    """What a key does, what it may be, and what wins over it."""
    told = key.words[0].upper() + key.words[1:] if not key.words.startswith("`") else key.words
    choices = f"; one of {', '.join(key.choices)}" if key.choices else ""
    default = "; not set by itself" if key.default is None else ""
    verb = "wins" if len(key.environment) == 1 else "win"
    environment = f" ({' and '.join(key.environment)} {verb})" if key.environment else ""
    return f"{told}{choices}{default}{environment}."


def _toml_keys(keys: tuple[str, ...]) -> str:
    return f'"{keys[0]}"' if len(keys) == 1 else "[" + ", ".join(f'"{key}"' for key in keys) + "]"


def _actions() -> "Mapping[str, Action]":
    """The actions that can be given other keys."""
    from chat.tui.keys import actions

    return actions()


def _report(read: Config) -> dict[str, Any]:
    """What is in force, as `--json` prints it."""
    from chat.tui.keys import keymap_for

    read = _with_known_theme(read)
    keymap, problems = keymap_for(read)
    return {
        "path": os.fspath(read.path) if read.path else None,
        "exists": read.path is not None and read.path.exists(),
        "settings": {key.name: _setting(read, key) for key in KEYS},
        "keys": {
            name: {
                "keys": list(keymap.get(name, action.keys)),
                "from": _from(read, f"{KEYS_TABLE}.{name}", name in keymap),
            }
            for name, action in _actions().items()
        },
        "problems": [*read.problems, *problems, *_environment_problems()],
    }


def _with_known_theme(read: Config) -> Config:
    """The config without a theme that there is not; it is a problem then."""
    from textual.theme import BUILTIN_THEMES

    from chat.tui.themes import INK, PAPER

    known, theme = [INK.name, PAPER.name, *BUILTIN_THEMES], read.values.get("theme")
    if theme is None or theme in known:
        return read
    values = {name: value for name, value in read.values.items() if name != "theme"}
    problem = read.placed("theme", unknown("theme", str(theme), known))
    return replace(read, values=values, problems=(*read.problems, problem))


def _environment_problems() -> list[str]:
    return [
        f"environment {variable}: {unknown('value', value, key.choices)}"
        for key in KEYS
        for variable in key.environment
        if (value := os.environ.get(variable)) and not _is_usable(key, value)
    ]


def _is_usable(key: ConfigKey, value: str) -> bool:
    """Whether the program takes this from the environment; what is none of several choices is passed over."""
    return not key.choices or value.lower() in key.choices


def _setting(read: Config, key: ConfigKey) -> dict[str, Any]:
    for variable in key.environment:
        if (value := os.environ.get(variable)) and _is_usable(key, value):
            return {"value": value, "from": f"environment {variable}"}
    if key.name in read.values:
        return {"value": read.values[key.name], "from": _from(read, key.name, True)}
    if key.name == "db":
        from chat.store import default_path

        return {"value": os.fspath(default_path()), "from": "default"}
    return {"value": key.default, "from": "default"}


def _from(read: Config, name: str, is_set: bool) -> str:
    if not is_set:
        return "default"
    line = read.lines.get(name)
    return f"config line {line}" if line is not None else "config"


def _where(report: dict[str, Any]) -> str:
    there = "" if report["exists"] else " (not there: idefics-chat config --example prints one)"
    return f"{report['path'] or 'no place for a config is known: name one with IDEFICS_CHAT_CONFIG'}{there}"


def _setting_lines(settings: dict[str, dict[str, Any]]) -> list[str]:
    rows = [(name, _shown(setting["value"]), setting["from"]) for name, setting in settings.items()]
    return _aligned(rows)


def _shown(value: object) -> str:
    return "-" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def _key_lines(keys: dict[str, dict[str, Any]]) -> list[str]:
    return _aligned([(name, ", ".join(action["keys"]), action["from"]) for name, action in keys.items()])


def _aligned(rows: list[tuple[str, str, str]]) -> list[str]:
    first, second = (max(len(row[column]) for row in rows) + 2 for column in (0, 1))
    return [f"{name:<{first}}{value:<{second}}{source}" for name, value, source in rows]
