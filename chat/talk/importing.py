"""Conversations that come in from files, of this program and of others, as somebody typed where they are."""

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from chat.errors import UsageError
from chat.records import Imported
from chat.safe_text import short_line
from chat.session import SessionStore
from chat.session_files import import_transcripts
from chat.transcript import Transcript
from chat.transcript.mistaken import OWN_DATABASE
from chat.transcript.reading import files_in, is_database, is_own_database, read_transcripts

IMAGES: Final = "--images"
"""Stands before the folder of the pictures, as on the command line."""


class Brought(NamedTuple):
    """What came in."""

    imported: Sequence[Imported]
    left_out: Sequence[str]
    """What has no place here, a line each."""

    @property
    def words(self) -> str:
        """What became of it all, in a sentence."""
        if len(self.imported) > 1:
            new = sum(one.is_new for one in self.imported)
            return f"{new:,} imported, {len(self.imported) - new:,} there already."
        (one,) = self.imported
        if one.is_new:
            return f"Imported: {short_line(one.title, 60)}" if one.title else "Imported."
        back = " and was brought back" if one.was_deleted else ""
        grown = f", with {one.added_turns:,} of its turns new" if one.added_turns else ""
        return f"It was there already{back}{grown}."

    @property
    def less(self) -> str:
        """What was left out, in a line; empty where nothing was."""
        if not self.left_out:
            return ""
        first, *others = self.left_out
        more = f" (and {len(others):,} more: `idefics-chat sessions import FILE` lists them)" if others else ""
        return f"{short_line(first, 200)}{more}"


class Wanted(NamedTuple):
    """What is to come in."""

    path: Path
    """The file, or a folder of them."""
    pictures: Path | None = None
    """The folder of the pictures that it names; None for the one that it lies in."""


def file_to_import(argument: str) -> Wanted:
    """What was named, in quotes or without; raises UsageError where nothing was, or a folder that is not there."""
    typed = argument.strip()
    if os.path.exists(os.path.expanduser(typed)):
        return Wanted(_path(typed))
    name, option, folder = (part.strip() for part in f" {typed} ".partition(f" {IMAGES} "))
    if not name or (option and not folder):
        raise UsageError(
            "/import takes a file, or a folder of them: /import talk.json; after it, --images FOLDER says where its"
            " pictures lie"
        )
    pictures = _path(folder) if folder else None
    if pictures and not pictures.is_dir():
        raise UsageError(f"{short_line(folder, 200)}: there is no such folder: {IMAGES} takes that of the pictures")
    return Wanted(_path(name), pictures)


def _path(typed: str) -> Path:
    """A path as somebody typed it: quotes around it, as a shell needs, are none of its characters."""
    is_quoted = len(typed) > 1 and typed[0] in "'\"" and typed[-1] == typed[0]
    if is_quoted and not os.path.exists(typed):
        return Path(typed[1:-1])
    return Path(os.path.expanduser(typed))


def import_file(store: SessionStore, wanted: Wanted, check: Callable[[], None] = lambda: None) -> Brought:
    """Keep the conversations of a file, or of a folder of them; of a file that is wrong nothing is kept.

    Args:
        store: Where they are kept.
        wanted: The file or folder, and where its pictures lie.
        check: Called before each conversation; what it raises ends the reading, and what was kept by then stays.

    Raises:
        ChatError: It cannot be read, or not be kept.
    """
    for _ in _conversations(wanted, []):
        check()
    left_out: list[str] = []
    return Brought(import_transcripts(store, _checked(_conversations(wanted, left_out), check)), left_out)


def _checked(transcripts: Iterator[Transcript], check: Callable[[], None]) -> Iterator[Transcript]:
    for transcript in transcripts:
        check()
        yield transcript


def _conversations(wanted: Wanted, left_out: list[str]) -> Iterator[Transcript]:
    """The conversations one after the other; what they leave out is put into the list."""
    for file in files_in(wanted.path):
        if is_database(file):
            name = short_line(file.name, 60)
            if is_own_database(file):
                raise UsageError(f"{name} {OWN_DATABASE}")
            raise UsageError(
                f"{name} is a database; in a shell, idefics-chat sessions import brings in the logs of llm"
            )
        is_empty = True
        for incoming in read_transcripts(file, wanted.pictures):
            is_empty = False
            left_out += incoming.left_out
            yield incoming.transcript
        if is_empty:
            raise UsageError(f"{short_line(str(file), 200)}: there is no conversation in it")
