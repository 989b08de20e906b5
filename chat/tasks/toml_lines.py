"""In which lines of a TOML document things stand, which its parser does not tell."""

import tomllib
from typing import Any, Final

Place = tuple[int | None, str]
"""A key, and the number of the `[[examples]]` table it is in, None at the top; an empty key is the table itself."""

_CLOSING: Final = ('"""', "'''", "]")
"""One of these ends what goes on over several lines."""


def lines_of(document: str) -> dict[Place, tuple[int, int]]:
    """The first and the last line of every key and table of a document that parses, counted from 1."""
    found: dict[Place, tuple[int, int]] = {}
    table: int | None = None
    gathered: list[str] = []
    for number, line in enumerate(document.replace("\r\n", "\n").split("\n"), start=1):
        gathered.append(line)
        # A text or a list over several lines is no TOML before its last, and that one closes it.
        if len(gathered) > 1 and not any(mark in line for mark in _CLOSING):
            continue
        statement = _parsed("\n".join(gathered))
        if statement is None:
            continue
        lines = (number - len(gathered) + 1, number)
        gathered = []
        if line.lstrip().startswith("[[") and statement == {"examples": [{}]}:
            table = 0 if table is None else table + 1
            found[table, ""] = lines
            found.setdefault((None, "examples"), lines)
        else:
            found.update({(table, key): lines for key in statement})
    return found


def _parsed(text: str) -> dict[str, Any] | None:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return None
