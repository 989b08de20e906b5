"""JSON laid out for people: a key on a line, a list of numbers on one."""

import json
from collections.abc import Mapping, Sequence
from typing import Final

_INDENT: Final = "  "
_encode: Final = json.JSONEncoder(ensure_ascii=False, allow_nan=False).encode


def laid_out(value: object, margin: str = "") -> str:
    """The text of a JSON value; the same value always gives the same text.

    The standard library would write a session of thousands of replies tenfold as slowly, each token on a line.
    """
    inner = margin + _INDENT
    if isinstance(value, Mapping):
        lines = [f"{inner}{_encode(key)}: {laid_out(held, inner)}" for key, held in value.items()]
        return "{\n" + ",\n".join(lines) + f"\n{margin}}}" if lines else "{}"
    if isinstance(value, Sequence) and not isinstance(value, str):
        if not value or isinstance(value[0], int):
            return _encode(value)
        return "[\n" + ",\n".join(f"{inner}{laid_out(held, inner)}" for held in value) + f"\n{margin}]"
    return _encode(value)
