"""In which lines of a TOML document things stand, which its parser does not tell."""

import tomllib
from typing import Any, Final

Table = int | str | None
"""The number of an `[[examples]]` table, the name of another table, None at the top."""
Place = tuple[Table, str]
"""A key in a table; an empty key is the table itself."""

_CLOSING: Final = ('"""', "'''", "]")
"""One of these ends what goes on over several lines."""


def lines_of(document: str) -> dict[Place, tuple[int, int]]:
    """The first and the last line of every key and table of a document that parses, counted from 1."""
    found: dict[Place, tuple[int, int]] = {}
    table: Table = None
    examples = -1
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
            table = examples = examples + 1
            found[table, ""] = lines
            found.setdefault((None, "examples"), lines)
        elif line.lstrip().startswith("[") and (name := _table_name(statement)):
            table = name
            found[table, ""] = lines
            found.setdefault((None, name), lines)
        else:
            found.update({(table, key): lines for key in statement})
    return found


def _table_name(statement: dict[str, Any]) -> str | None:
    """The name of the table that a line begins; None for a line that begins none."""
    ((name, content),) = statement.items()
    return name if content == {} else None


def _parsed(text: str) -> dict[str, Any] | None:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return None
