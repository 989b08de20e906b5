"""Recipes for few-shot prompting: examples, and what is asked of new pictures; as values and as TOML files.

::

    text = "Describe this image."

    [[examples]]
    image = "a.png"
    answer = "A red circle."

Files are read strictly: what a recipe does not know it refuses, and says in which line.
"""

import os
import re
import tomllib
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from itertools import zip_longest
from pathlib import Path
from typing import Final

from chat.conversation import Image, Role
from chat.errors import ImageError, InputError, TranscriptError
from chat.files import make_folder, read_file, write_file
from chat.images import open_image
from chat.records import StoredTurn
from chat.safe_text import json_line, short_line
from chat.toml_lines import Place, lines_of
from chat.transcript.pictures import file_of
from chat.transcript.typed_json import read_as

_MOST_BYTES: Final = 2**20
"""Of a recipe; its pictures are apart."""

_TABLE: Final = re.compile(r"examples\[(\d+)\]\.?")
_SYNTAX_LINE: Final = re.compile(r" \(at line (\d+), column \d+\)$")


@dataclass(frozen=True, slots=True)
class Example:
    """What somebody asked, and the answer that shows how such questions are to be answered."""

    images: tuple[Image, ...]
    text: str
    answer: str

    def __post_init__(self) -> None:
        if not self.images and not self.text.strip():
            raise InputError("the example asks nothing: give it an image or a text")
        if not self.answer.strip():
            raise InputError("the example has an empty answer: write one")


@dataclass(frozen=True, slots=True)
class Recipe:
    """Examples, and what is asked of every new picture."""

    text: str
    """May be empty: then the picture alone is asked about."""
    examples: tuple[Example, ...]

    def __post_init__(self) -> None:
        if not self.examples:
            raise InputError("the recipe has no examples: give one or more")


@dataclass(frozen=True, slots=True)
class _ExampleTable:
    """An example as a file holds it."""

    answer: str
    text: str | None = None
    image: str | None = None
    images: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.image is not None and self.images:
            raise InputError("the example has both image and images: choose one")

    @property
    def files(self) -> tuple[str, ...]:
        return self.images if self.image is None else (self.image,)


@dataclass(frozen=True, slots=True)
class _Document:
    """A recipe as a file holds it."""

    text: str
    examples: tuple[_ExampleTable, ...] = ()


def recipe_of(turns: Sequence[StoredTurn]) -> Recipe:
    """The recipe that a conversation's exchanges make; of a new picture is asked what was asked last.

    Args:
        turns: A user's turn and the reply to it, and so on.

    Raises:
        InputError: There are none, they do not alternate, or a reply says nothing.
    """
    examples = []
    for asked, replied in zip_longest(turns[::2], turns[1::2]):
        if replied is None or (asked.turn.role, replied.turn.role) != (Role.USER, Role.ASSISTANT):
            raise InputError(f"turn {asked.id} is no question with its reply: it cannot be an example")
        try:
            examples.append(Example(asked.turn.images, asked.turn.text, replied.turn.text))
        except InputError as error:
            raise InputError(f"turn {replied.id}: {error}") from error
    return Recipe(examples[-1].text if examples else "", tuple(examples))


def read_recipe(path: str | Path) -> Recipe:
    """The recipe in a file; its pictures lie where it names them from its own folder.

    Raises:
        InputError: The file or one of its pictures cannot be read, or is not what it should be. Names file and line.
    """
    path = Path(os.path.expanduser(path))
    shown = short_line(str(path))
    content = read_file(path, most_bytes=_MOST_BYTES, error=InputError)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise InputError(f"{shown}: line {line} is no text in UTF-8: save it as that") from error
    try:
        return _parsed(text, cache(lambda file: open_image(path.parent / file)))
    except _PlacedError as error:
        raise InputError(f"{shown}: line {error.line}: {error}") from error.__cause__


def write_recipe(path: str | Path, recipe: Recipe) -> None:
    """Write a recipe as a TOML file and its pictures into the folder `pictures` beside it, never over another file.

    Read back it is the same, but for halves of surrogate pairs, which TOML cannot hold. The TOML file comes last: where
    it is, its pictures are.

    Raises:
        InputError: The file is there already, or something cannot be written.
    """
    path = Path(path)
    if os.path.lexists(path):
        raise InputError(f"{short_line(str(path))}: exists already: choose another name")
    # What else is wrong with the folder is told where something is written there.
    with suppress(OSError):
        if not path.parent.is_dir():
            raise InputError(f"{short_line(str(path.parent))}: there is no such folder: make it first")
    images = tuple(dict.fromkeys(image for example in recipe.examples for image in example.images))
    # Named as beside a saved conversation.
    files = {image.digest: file_of(image) for image in images}
    for image in images:
        picture = path.parent / files[image.digest]
        make_folder(picture.parent, error=InputError)
        write_file(picture, image.read(), overwrite=False, error=InputError)
    write_file(path, _document(recipe, files).encode(), overwrite=False, error=InputError)


class _PlacedError(Exception):
    """What is wrong with a recipe, and in which line."""

    def __init__(self, message: str, line: int) -> None:
        super().__init__(message)
        self.line = line


def _parsed(text: str, open_picture: Callable[[str], Image]) -> Recipe:
    try:
        value = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        place = _SYNTAX_LINE.search(str(error))
        line = int(place[1]) if place else text.count("\n") + 1
        reason = _SYNTAX_LINE.sub("", str(error)).replace(" (at end of document)", "")
        raise _PlacedError(f"is not TOML: {short_line(reason, 80)}", line) from error
    except ValueError as error:
        raise _PlacedError("is not TOML: it holds a number of thousands of digits", 1) from error
    except RecursionError as error:
        raise _PlacedError("is no recipe: its lists are nested too deeply", 1) from error
    try:
        read = read_as(_Document, value, "")
    except TranscriptError as error:
        raise _PlacedError(str(error), _line_named(text, str(error))) from error
    examples = tuple(
        _example(text, number, table, read.text, open_picture) for number, table in enumerate(read.examples)
    )
    try:
        return Recipe(read.text, examples)
    except InputError as error:
        raise _PlacedError(str(error), _line(text, (None, "examples"))) from error


def _example(
    text: str, number: int, table: _ExampleTable, default: str, open_picture: Callable[[str], Image]
) -> Example:
    images = []
    for file in table.files:
        try:
            images.append(open_picture(file))
        except ImageError as error:
            place = (number, "images" if table.image is None else "image")
            raise _PlacedError(str(error), _line(text, place, file)) from error
    try:
        return Example(tuple(images), default if table.text is None else table.text, table.answer)
    except InputError as error:
        raise _PlacedError(str(error), _line(text, (number, "answer" if "answer" in str(error) else ""))) from error


def _line_named(text: str, message: str) -> int:
    """The line that a message is about, which begins with the name of the place."""
    named = message.removeprefix("unknown key ")
    table = _TABLE.match(named)
    number = int(table[1]) if table else None
    named = named[table.end() :] if table else named
    keys = [key for within, key in lines_of(text) if within == number and named.startswith(key)]
    return _line(text, (number, max(keys, key=len, default="")))


def _line(text: str, place: Place, file: str = "") -> int:
    """The line of a key, or of the table that lacks it; of a file in a list, that which names the file."""
    lines = lines_of(text)
    number, _ = place
    near: list[Place] = [place, (number, "")]
    if number is not None:
        near.append((None, "examples"))
    first, last = next((lines[known] for known in near if known in lines), (1, 1))
    written = text.split("\n")[first - 1 : last]
    return next((first + offset for offset, line in enumerate(written) if file and file in line), first)


def _document(recipe: Recipe, files: dict[str, str]) -> str:
    lines = [f"text = {_string(recipe.text)}"]
    for example in recipe.examples:
        lines += ["", "[[examples]]"]
        pictures = [_string(files[image.digest]) for image in example.images]
        if len(pictures) == 1:
            lines.append(f"image = {pictures[0]}")
        elif pictures:
            lines.append(f"images = [{', '.join(pictures)}]")
        if example.text != recipe.text:
            lines.append(f"text = {_string(example.text)}")
        lines.append(f"answer = {_string(example.answer)}")
    return "\n".join(lines) + "\n"


def _string(text: str) -> str:
    """A text as TOML writes it: what JSON escapes, TOML does in the same way."""
    return json_line(text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace"))
