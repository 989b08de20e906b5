"""What is replayed: a saved session, a file, or every file of a folder."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from chat.cli.compose import open_session_store
from chat.errors import TranscriptError, UnknownSessionError, UsageError
from chat.safe_text import short_line

if TYPE_CHECKING:
    from chat.transcript import Transcript


@dataclass(frozen=True, slots=True)
class Source:
    """A saved conversation, and what to call it."""

    name: str
    """The session's id, or the file's name."""
    transcript: "Transcript"
    is_file: bool = False
    """Whether it is a file's, which may be from anywhere."""


def sources(what: str, db: Path | None, *, missing_ok: bool = False) -> list[Source]:
    """The conversations of a session, a file or a folder; of a folder those of its JSON files, by name.

    Args:
        what: A path, or a session's id or the beginning of it.
        db: Where the sessions are.
        missing_ok: Let pictures of files be gone, as is enough for playing back.

    Raises:
        TranscriptError: A file cannot be read, or a folder has none.
        UnknownSessionError: There is no such file and no such session.
        StoreError: The store cannot be used.
        UsageError: Nothing is named.
    """
    # `Path` takes it for the current folder, which nobody means whose variable is empty.
    if not what.strip():
        raise UsageError("nothing is named: give a session, a file or a folder, such as . for this one")
    path = Path(what)
    # Unlike those of `Path`, these have no error for a name that no file can have.
    if os.path.isdir(path):
        files = sorted(path.glob("*.json"))
        if not files:
            raise TranscriptError(f"{short_line(what)}: there is no saved conversation (*.json) in this folder")
        return [_from_file(file, missing_ok=missing_ok) for file in files]
    if os.path.exists(path) or path.suffix:
        return [_from_file(path, missing_ok=missing_ok)]
    return [_from_store(what, db)]


def in_branch(found: Sequence[Source], turn: int) -> list[Source]:
    """A conversation in the branch that a turn is in, down to the newest of all turns that follow it.

    Args:
        found: The conversation; it must be one.
        turn: Its number in the file that the conversation is or would be exported as.

    Raises:
        UsageError: There are several conversations, or there is no such turn.
    """
    if len(found) != 1:
        raise UsageError(
            f"--branch names a turn of one conversation, and there are {len(found):,}: name one of them, "
            "or verify all with --branch all"
        )
    from chat.replay.branch import of_transcript
    from chat.transcript.values import divided

    (source,) = found
    branch = of_transcript(source.transcript).branch_with(turn)
    turns, others = divided(source.transcript.tree, branch.turns[-1].id)
    return [replace(source, transcript=replace(source.transcript, turns=turns, others=others))]


def _from_file(path: Path, *, missing_ok: bool) -> Source:
    from chat.transcript import load_transcript

    return Source(path.name, load_transcript(path, missing_ok=missing_ok), is_file=True)


def _from_store(what: str, db: Path | None) -> Source:
    from chat.session_files import export_session

    store = open_session_store(db, must_exist=True)
    try:
        session_id = store.find_session(what).id
        return Source(session_id, export_session(store, session_id))
    except UnknownSessionError as error:
        raise UnknownSessionError(f"{short_line(what)} is neither a file, a folder nor a session") from error
    finally:
        store.close()
