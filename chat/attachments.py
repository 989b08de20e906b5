"""What a person dropped on the terminal: the paths and addresses in a text. Opens no file, asks no network."""

import os
import re
import shlex
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import unquote_to_bytes

from chat.images import PICTURE_SUFFIXES

_MOST_CHARACTERS: Final = 100_000
"""A longer text is a text, whatever it holds."""
_WORD: Final = re.compile(r"""\s*((?:"[^"\n]*"|'[^'\n]*'|\\.|[^\s"'\\])+)""")
"""A word as a shell reads it, with its quotes."""


_URL: Final = re.compile(r"https?://[^\s<>\"'`]+", re.IGNORECASE)


_ADDRESS: Final = re.compile(r"(?!file:)[a-z][a-z0-9+.-]*:(?://|(?=\S*,))", re.IGNORECASE)
"""How an address begins, but that of a file."""
_LOCAL: Final = "--local"
"""Before an address: it may be of this machine or its network."""


class Address(NamedTuple):
    """An address that somebody wants a picture from."""

    url: str
    may_be_local: bool


def address_of(argument: str) -> Address | None:
    """The address that a command for a picture names; None where it names files."""
    flag, _, rest = argument.partition(" ")
    if flag == _LOCAL:
        return Address(rest.strip(), may_be_local=True)
    return Address(argument, may_be_local=False) if _ADDRESS.match(argument) else None


def url_in(text: str) -> str:
    """The first address of the web in a text, without the signs that end a sentence behind it; empty without any."""
    match = _URL.search(text[:_MOST_CHARACTERS])
    url = match[0].rstrip(".,;:!?") if match else ""
    for opening, closing in ("()", "[]"):
        if url.endswith(closing) and opening not in url:
            url = url[:-1].rstrip(".,;:!?")
    return url


def dropped_paths(text: str) -> list[Path]:
    """The files that a text names, when it names existing files and does nothing else.

    Terminals paste a dropped file as its plain path, in quotes, with a backslash before each space, or as a `file:`
    URI; several stand one after another or line by line. Ordinary words give an empty list, even where a file is
    called so: a name counts when it is absolute, begins with `~/`, `./` or `../`, or ends like a picture's.
    """
    if len(text) > _MOST_CHARACTERS:
        return []
    paths: list[Path] = []
    for line in filter(None, (line.strip() for line in text.split("\n"))):
        found = _paths_of_line(line)
        if not found:
            return []
        paths += found
    return paths


def leading_pictures(text: str) -> tuple[list[Path], str]:
    """The pictures that a message begins with, which exist and are called like pictures, and the text behind them."""
    if len(text) > _MOST_CHARACTERS:
        return [], text
    paths: list[Path] = []
    end = 0
    while match := _WORD.match(text, end):
        words = _words(match[1])
        path = _existing_file(words[0]) if len(words) == 1 else None
        if path is None or not path.name.lower().endswith(PICTURE_SUFFIXES):
            break
        paths.append(path)
        end = match.end()
    return paths, text[end:].strip() if paths else text


def missing_picture(text: str) -> Path | None:
    """The file that a message names, alone or before its words, although there is none; None where it names none.

    A path that ends like a picture's; before words it must have a folder, or it is one of the words.
    """
    line = text.strip()
    if len(line) > _MOST_CHARACTERS or line.startswith(("//", "\\\\")):
        return None
    words = _words(line)
    is_anchored = line.startswith(("/", "~/", "./", "../"))
    whole = words[0] if len(words) == 1 else line if is_anchored else ""
    if path := _picture_path(whole):
        return path
    match = _WORD.match(line)
    first = "".join(_words(match[1])) if match else ""
    path = _picture_path(first) if "/" in first else None
    return path if path and not os.path.exists(path) else None


def _picture_path(word: str) -> Path | None:
    """The path that a word or a line is, if it ends like a picture's and is no URL of another machine."""
    if not word.isprintable() or not word.lower().endswith(PICTURE_SUFFIXES):
        return None
    if word.startswith("file:"):
        path = _path_of_uri(word)
        return Path(path) if path.isprintable() and path else None
    return None if "://" in word else Path(os.path.expanduser(word))


def _words(text: str) -> list[str]:
    """Words as a shell reads them; none where a quote is not closed, as an apostrophe in prose."""
    try:
        return shlex.split(text)
    except ValueError:
        return []


def _paths_of_line(line: str) -> list[Path]:
    if whole := _existing_file(line):
        return [whole]
    paths: list[Path] = []
    for word in _words(line):
        path = _existing_file(word)
        if path is None:
            return []
        paths.append(path)
    return paths


def _existing_file(word: str) -> Path | None:
    path = _path_of_uri(word) if word.startswith("file:") else word
    if path.startswith("~/"):
        path = os.path.expanduser(path)
    if path.startswith(("//", "\\\\")):
        # On Windows, and on others by an automounter, this would be the name of another machine.
        return None
    is_meant = os.path.isabs(path) or path.startswith(("./", "../")) or path.lower().endswith(PICTURE_SUFFIXES)
    return Path(path) if is_meant and os.path.isfile(path) else None


def _path_of_uri(uri: str) -> str:
    """The path in a `file:` URI of this machine; an empty one where it names another machine."""
    rest = uri.removeprefix("file:")
    if rest.startswith("//"):
        machine, _, rest = rest[2:].partition("/")
        if machine not in ("", "localhost"):
            return ""
        rest = f"/{rest}"
    return os.fsdecode(unquote_to_bytes(rest))
