"""Conversations that come in from files, of this program and of others, as somebody typed where they are."""

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from chat.errors import UsageError
from chat.records import Imported
from chat.safe_text import short_line
from chat.session import SessionStore
from chat.session_files import import_transcripts
from chat.transcript import Transcript
from chat.transcript.reading import files_in, is_database, read_transcripts


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


def file_to_import(argument: str) -> Path:
    """The file or folder that was named; raises UsageError where none was."""
    if not argument.strip():
        raise UsageError("/import takes a file, or a folder of them: /import talk.json")
    return Path(os.path.expanduser(argument.strip()))


def import_file(store: SessionStore, path: Path, check: Callable[[], None] = lambda: None) -> Brought:
    """Keep the conversations of a file, or of a folder of them; of a file that is wrong nothing is kept.

    Args:
        store: Where they are kept.
        path: The file or folder.
        check: Called before each conversation; what it raises ends the reading, and what was kept by then stays.

    Raises:
        ChatError: It cannot be read, or not be kept.
    """
    for _ in _conversations(path, []):
        check()
    left_out: list[str] = []
    return Brought(import_transcripts(store, _checked(_conversations(path, left_out), check)), left_out)


def _checked(transcripts: Iterator[Transcript], check: Callable[[], None]) -> Iterator[Transcript]:
    for transcript in transcripts:
        check()
        yield transcript


def _conversations(path: Path, left_out: list[str]) -> Iterator[Transcript]:
    """The conversations one after the other; what they leave out is put into the list."""
    for file in files_in(path):
        if is_database(file):
            name = short_line(file.name, 60)
            raise UsageError(
                f"{name} is a database; in a shell, idefics-chat sessions import brings in the logs of llm"
            )
        is_empty = True
        for incoming in read_transcripts(file):
            is_empty = False
            left_out += incoming.left_out
            yield incoming.transcript
        if is_empty:
            raise UsageError(f"{short_line(str(file), 200)}: there is no conversation in it")
