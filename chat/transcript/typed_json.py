"""From JSON to dataclasses, by their annotations: nothing missing, unknown or twice, every type as declared."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, fields, is_dataclass
from enum import Enum
from functools import cache
from types import NoneType, UnionType
from typing import Any, Final, TypeVar, get_args, get_origin, get_type_hints

from chat.errors import ChatError, TranscriptError
from chat.safe_text import short_line

_T = TypeVar("_T")

_WORDS: Final[Mapping[type, str]] = {
    str: "a text",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    NoneType: "null",
}

_LARGEST_INT: Final = 2**63 - 1
"""What a database can keep."""


def read_as(kind: type[_T], value: object, where: str, defaults: Mapping[type, object] | None = None) -> _T:
    """The dataclass that a JSON value stands for.

    Args:
        kind: A dataclass whose fields are scalars, enums, sequences, dataclasses, or one of these or None.
        value: What `json.loads` gave.
        where: How to name the value in an error.
        defaults: For dataclasses, an instance whose fields stand in for keys that are missing.

    Raises:
        TranscriptError: The value is not of this kind; the message names the place.
    """
    result: _T = _read(kind, value, where, defaults or {})
    return result


def object_of(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """A parsed JSON object, for `json.loads`; raises TranscriptError where a key stands twice in it."""
    found = dict(pairs)
    if len(found) != len(pairs):
        twice, _ = Counter(key for key, _ in pairs).most_common(1)[0]
        raise TranscriptError(f"the key {short_line(twice, 60)} stands twice in one object")
    return found


def refuse_constant(name: str) -> object:
    """For `json.loads`: raises TranscriptError for what Python takes for a number and JSON does not know."""
    raise TranscriptError(f"is not JSON: {name} is no number")


def _read(kind: Any, value: object, where: str, defaults: Mapping[type, object]) -> Any:
    # Most values are scalars.
    if kind in _WORDS:
        return _read_scalar(kind, value, where)
    if isinstance(kind, UnionType):
        present = next(option for option in get_args(kind) if option is not NoneType)
        return None if value is None else _read(present, value, where, defaults)
    if get_origin(kind) in (tuple, Sequence):
        return _read_list(get_args(kind)[0], value, where, defaults)
    if is_dataclass(kind):
        return _read_dataclass(kind, value, where, defaults)
    return _read_enum(kind, value, where)


def _read_list(kind: Any, value: object, where: str, defaults: Mapping[type, object]) -> tuple[Any, ...]:
    if not isinstance(value, list):
        raise TranscriptError(f"{where} is not a list")
    # Token ids are most of a file: they are looked at one by one only where one of them is wrong.
    if kind is int and all(type(item) is int and -_LARGEST_INT <= item <= _LARGEST_INT for item in value):
        return tuple(value)
    return tuple(_read(kind, item, f"{where}[{number}]", defaults) for number, item in enumerate(value))


@cache
def _keys(kind: type) -> dict[str, tuple[Any, bool]]:
    """The fields of a dataclass: the type of each, and whether it may be missing."""
    hints = get_type_hints(kind)
    return {field.name: (hints[field.name], field.default is not MISSING) for field in fields(kind)}


def _read_dataclass(kind: Any, value: object, where: str, defaults: Mapping[type, object]) -> Any:
    if not isinstance(value, dict):
        raise TranscriptError(f"{where} is not an object")
    keys = _keys(kind)
    prefix = f"{where}." if where else ""
    for key in value:
        if key not in keys:
            raise TranscriptError(f"unknown key {prefix}{short_line(key, 60)}")
    arguments: dict[str, Any] = {}
    for name, (hint, has_default) in keys.items():
        if name in value:
            arguments[name] = _read(hint, value[name], f"{prefix}{name}", defaults)
        elif kind in defaults:
            arguments[name] = getattr(defaults[kind], name)
        elif not has_default:
            raise TranscriptError(f"{prefix}{name} is missing")
    try:
        return kind(**arguments)
    except ChatError as error:
        raise TranscriptError(f"{where}: {error}" if where else str(error)) from error


def _read_enum(kind: type[Enum], value: object, where: str) -> Enum:
    try:
        return kind(value)
    except ValueError as error:
        names = ", ".join(str(member.value) for member in kind)
        raise TranscriptError(f"{where} is none of {names}") from error


def _read_scalar(kind: type, value: object, where: str) -> object:
    # To Python, true is a whole number.
    if kind is not bool and isinstance(value, bool):
        raise TranscriptError(f"{where} is not {_WORDS[kind]}")
    if kind is float and isinstance(value, int) and abs(value) <= _LARGEST_INT:
        return float(value)
    if not isinstance(value, kind):
        raise TranscriptError(f"{where} is not {_WORDS[kind]}")
    is_int_too_large = isinstance(value, int) and abs(value) > _LARGEST_INT
    if is_int_too_large or (isinstance(value, float) and not math.isfinite(value)):
        raise TranscriptError(f"{where} is too large a number")
    return value
