"""The four kinds of long replies that streaming is measured with."""

import random
import re
from typing import Final

TOKENS: Final = 2_000
KINDS: Final = ("prose", "one line", "code", "table of 600 rows")

_WORDS: Final = (
    "the picture shows a red circle beside small blue star and near its edge lies another shape that nobody "
    "would call round although light falls on it from left so every shadow points away toward dark ground"
).split()


def tokens_of(kind: str) -> list[str]:
    """The tokens of a reply of that kind."""
    drawn = random.Random(7)
    if kind == "code":
        return _cut(_code(drawn), 4)
    if kind == "table of 600 rows":
        return _table(drawn)
    words = [drawn.choice(_WORDS) for _ in range(TOKENS)]
    if kind == "one line":
        return [word + " " for word in words[:-1]] + [words[-1]]
    return [word + _after(place) for place, word in enumerate(words[:-1], start=1)] + [words[-1]]


def _after(place: int) -> str:
    return ".\n\n" if place % 80 == 0 else ". " if place % 16 == 0 else " "


def _code(drawn: random.Random) -> str:
    lines = ["```python"]
    while sum(map(len, lines)) < 4 * TOKENS - 100:
        name = "_".join(drawn.sample(_WORDS, 2))
        lines += [f"def {name}(value: int) -> str:", f'    """{drawn.choice(_WORDS)} **not bold** # not a heading"""']
        lines += [f"    total = value * {drawn.randint(2, 99)}", "", "    return f'{total:,}'", ""]
    return "\n".join([*lines[:-1], "```"])


def _table(drawn: random.Random) -> list[str]:
    rows = [f"| {place} | {drawn.choice(_WORDS)} | {drawn.randint(0, 9999)} |" for place in range(600)]
    text = "\n".join(["| number | word | amount |", "|---|---|---|", *rows])
    # As many tokens as the other kinds have: a table of 600 rows has that many cells.
    return _cut(text, -(-len(text) // TOKENS))


def _cut(text: str, length: int) -> list[str]:
    return re.findall(f"(?s).{{1,{length}}}", text)
