"""Reads the TOML file with what a user has set.

Nothing in it can keep the program from running: what cannot be used is told in one line, and left out.
"""

import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from chat.config import Config, Value, placed, unknown
from chat.config_keys import KEYS, KEYS_TABLE, REQUEST, SETTINGS, ConfigKey, toml_value
from chat.errors import InputError, UsageError
from chat.files import read_file
from chat.generation import GenerationSettings
from chat.models.request import CheckpointRequest
from chat.safe_text import short_line
from chat.toml_lines import lines_of

_MOST_BYTES: Final = 2**20
_SYNTAX_PLACE: Final = re.compile(r" \(at (?:line (\d+), column \d+|end of document)\)$")
_KINDS: Final[Mapping[type, str]] = {
    str: "a text in quotes",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
}


def read_config(path: Path) -> Config:
    """What the file says; a file that cannot be read is a problem with it."""
    try:
        text = read_file(path, most_bytes=_MOST_BYTES, error=InputError).decode("utf-8-sig")
        return _read(path, text)
    except UnicodeDecodeError:
        return Config(path, problems=(f"config: {short_line(os.fspath(path))} is not UTF-8: save it as that",))
    except InputError as error:
        return Config(path, problems=(f"config: {error}",))


def _read(path: Path, text: str) -> Config:
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        return Config(path, problems=(_syntax_problem(str(error), text),))
    except (ValueError, RecursionError):
        return Config(path, problems=("config: is not TOML that anybody writes: its numbers or lists are too long",))
    lines = {
        (f"{KEYS_TABLE}.{name}" if table == KEYS_TABLE else name): first
        for (table, name), (first, _) in lines_of(text).items()
        if table in (None, KEYS_TABLE) and name
    }
    reading = _Reading(path, lines)
    for name, value in document.items():
        reading.take(name, value)
    return Config(path, reading.values, reading.keys, lines, tuple(reading.problems))


def _syntax_problem(message: str, text: str) -> str:
    place = _SYNTAX_PLACE.search(message)
    line = int(place[1]) if place and place[1] else text.count("\n") + 1
    return placed(line, f"is not TOML: {short_line(_SYNTAX_PLACE.sub('', message), 80)}")


class _Reading:
    """Takes a document key by key."""

    def __init__(self, path: Path, lines: Mapping[str, int]) -> None:
        self._path = path
        self._lines = lines
        self.values: dict[str, Value] = {}
        self.keys: dict[str, tuple[str, ...]] = {}
        self.problems: list[str] = []

    def take(self, name: str, value: object) -> None:
        """Take a key at the top, or tell why it cannot be used."""
        if name == KEYS_TABLE:
            self._take_keys(value)
            return
        key = next((key for key in KEYS if key.name == name), None)
        try:
            if key is None:
                raise UsageError(unknown("key", name, [*(key.name for key in KEYS), KEYS_TABLE]))
            self.values[name] = self._judged(key, value)
        except UsageError as error:
            self._refuse(name, str(error))

    def _judged(self, key: ConfigKey, value: object) -> Value:
        usable = _usable(key, value)
        if key.name == "db":
            return os.path.join(self._path.parent, os.path.expanduser(str(usable)))
        return os.path.expanduser(usable) if key.name == "checkpoint" and isinstance(usable, str) else usable

    def _take_keys(self, table: object) -> None:
        if not isinstance(table, dict):
            self._refuse(KEYS_TABLE, f"{KEYS_TABLE} is {_shown(table)}: give a table of actions and their keys")
            return
        for action, given in table.items():
            keys = given if isinstance(given, list) else [given]
            if keys and all(isinstance(key, str) and key.strip() for key in keys):
                self.keys[action] = tuple(key.strip() for key in keys)
            else:
                name = f"{KEYS_TABLE}.{action}"
                self._refuse(
                    name, f"{short_line(name, 60)} is {_shown(given)}: give a key in quotes, or a list of keys"
                )

    def _refuse(self, name: str, problem: str) -> None:
        self.problems.append(placed(self._lines.get(name), problem))


def _usable(key: ConfigKey, value: object) -> Value:
    """A value that is of its key's kind and among what it may be; raises UsageError for any other."""
    # In TOML as for people 1 is a number with a fraction, too, but true is no number.
    kinds = (int, float) if key.kind is float else key.kind
    is_of_kind = isinstance(value, kinds) and isinstance(value, bool) == (key.kind is bool)
    if not isinstance(value, Value) or not is_of_kind or not str(value).strip():
        raise UsageError(f"{key.name} is {_shown(value)}: give {_allowed(key)}")
    if key.choices and value not in key.choices:
        raise UsageError(f"{key.name} is {_shown(value)}: give {_allowed(key)}")
    given: dict[str, Any] = {key.name: value}
    if key.name in SETTINGS:
        GenerationSettings(**given)
    elif key.name in REQUEST:
        CheckpointRequest("any", **given)
    return value


def _allowed(key: ConfigKey) -> str:
    if key.choices:
        return f"{', '.join(key.choices[:-1])} or {key.choices[-1]}"
    return _KINDS[key.kind]


def _shown(value: object) -> str:
    """A value as the file has it, as far as a line has room."""
    if isinstance(value, str | bool | int | float):
        return short_line(toml_value(value), 40)
    return "a list" if isinstance(value, list) else "a table" if isinstance(value, dict) else "a date or a time"
