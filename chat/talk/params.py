"""Generation settings as somebody types, reads and changes them."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from chat.config import unknown
from chat.config_keys import KEYS, SETTINGS, ConfigKey
from chat.errors import UsageError
from chat.generation import GenerationSettings

NAMES: Final = SETTINGS
DEFAULT: Final = "default"
"""Typed in the place of settings, it brings back those that the program began with."""
_NONE: Final = "none"
_KEYS: Final = {key.name: key for key in KEYS if key.name in SETTINGS}


def words_for(name: str) -> str:
    """What a setting does."""
    return _KEYS[name].words


def in_words(value: float | None) -> str:
    """A value as it is typed."""
    return _NONE if value is None else f"{value:g}" if isinstance(value, float) else str(value)


def with_value(settings: GenerationSettings, name: str, typed: str) -> GenerationSettings:
    """The settings with one of them as somebody typed it.

    Raises:
        UsageError: There is no such setting, or it may not be that.
    """
    key = _KEYS.get(name.replace("-", "_"))
    if key is None:
        raise UsageError(unknown("setting", name, NAMES))
    given: dict[str, Any] = {key.name: _value(key, typed.strip())}
    return replace(settings, **given)


def _value(key: ConfigKey, typed: str) -> float | None:
    if key.default is None and typed.lower() in ("", _NONE):
        return None
    try:
        return int(typed) if key.kind is int else float(typed)
    except ValueError as error:
        what = "a whole number" if key.kind is int else "a number"
        none = f", or {_NONE}" if key.default is None else ""
        raise UsageError(f"{key.name.replace('_', '-')} is {typed or 'empty'}: give {what}{none}") from error


def changed(settings: GenerationSettings, first: GenerationSettings, typed: str) -> GenerationSettings:
    """The settings after a line such as `temperature=0.7 seed=3`, or `default`.

    Args:
        settings: Those in force.
        first: Those that the program began with.
        typed: The line.

    Raises:
        UsageError: Something in the line cannot be done; then nothing of it is.
    """
    for word in typed.split():
        name, sign, value = word.partition("=")
        if word == DEFAULT:
            settings = first
        elif not sign:
            raise UsageError(f"{unknown('setting', name, NAMES)}: /params temperature=0.7 seed=3, or /params {DEFAULT}")
        else:
            settings = with_value(settings, name, value)
    return settings


def settings_in_words(settings: GenerationSettings) -> str:
    """All of them in a line."""
    return " · ".join(f"{name} {in_words(getattr(settings, name))}" for name in NAMES)


def difference_in_words(before: GenerationSettings, after: GenerationSettings) -> str:
    """What is other than it was, in a line; empty where nothing is."""
    names: Sequence[str] = [name for name in NAMES if getattr(before, name) != getattr(after, name)]
    return ", ".join(
        f"{name} {in_words(getattr(after, name))} (was {in_words(getattr(before, name))})" for name in names
    )
