"""`idefics-chat sessions import`: conversations from files, of this program and of others."""

import contextlib
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

import click

from chat.cli.compose import open_session_store
from chat.cli.options import db_option, json_option
from chat.cli.session_lines import counted, say_line
from chat.errors import StoreError, TranscriptError
from chat.safe_text import json_line, printable, short_line

if TYPE_CHECKING:
    from chat.records import Imported
    from chat.transcript import Transcript
    from chat.transcript.foreign import Incoming


@click.command("import")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="FILE...")
@click.option(
    "--images",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    metavar="FOLDER",
    help="Where the pictures lie that a LLaVA or ShareGPT file names; beside that file when left out.",
)
@db_option
@json_option
def import_command(files: tuple[Path, ...], images: Path | None, db: Path | None, as_json: bool) -> None:
    """Keep saved conversations as sessions, or those of other programs.

    FILE is one of this program's own, a folder of them, JSONL or JSON as OpenAI, ShareGPT or LLaVA have it, or the logs
    of llm; what it is, it says itself. If anything in one of them is wrong, nothing of any is kept. An import that is
    interrupted leaves whole sessions; the same again brings the rest.
    """
    from chat.cli.progress import ProgressLine
    from chat.cli.stoppable import stoppable

    arrived: list[tuple[Path, Incoming]] = []
    kept: list[Imported] = []
    try:
        stoppable(partial(_bring_in, files, images, db, arrived, kept), ProgressLine())
    except BaseException:
        if kept:
            click.echo(f"{counted(len(kept), 'session')} imported before it ended: import again for the rest", err=True)
        raise
    _tell_imported(kept, arrived, as_json)


def _bring_in(
    files: Sequence[Path],
    images: Path | None,
    db: Path | None,
    arrived: "list[tuple[Path, Incoming]]",
    kept: "list[Imported]",
    stop: threading.Event,
    tell: Callable[[str], None],
) -> None:
    """Keep the conversations in files; what was kept of them is told also where not all can be.

    Args:
        files: The files, and folders of them.
        images: Where the pictures lie that they name, if somebody said so.
        db: The database.
        arrived: Gets the conversations.
        kept: Gets what became of them, once it is on the disk.
        stop: Ends it between two conversations: then StoreError is raised.
        tell: Is told how far it is.
    """
    from chat.session_files import import_transcripts

    def going_on(words: str, of: str = "") -> "Iterator[tuple[Path, Incoming]]":
        for number, conversation in enumerate(_conversations(files, images), start=1):
            if stop.is_set():
                raise StoreError("the import was interrupted")
            tell(f"{words}, {number:,}{of}")
            yield conversation

    # All is read and checked to its end before a database is opened, and read again to be kept: it need not fit into
    # the memory, nobody waits for the reading, and files that are wrong leave no empty database behind.
    total = sum(1 for _ in going_on("reading conversations"))
    with contextlib.closing(open_session_store(db)) as store:
        again = going_on("keeping conversations", f" of {total:,}")
        import_transcripts(store, _noted(again, arrived), kept.extend)


def _noted(
    conversations: "Iterable[tuple[Path, Incoming]]", arrived: "list[tuple[Path, Incoming]]"
) -> "Iterator[Transcript]":
    """Conversations from files; each is put into `arrived` as well, without its turns."""
    from chat.transcript import Transcript

    for path, incoming in conversations:
        arrived.append((path, incoming._replace(transcript=Transcript())))
        yield incoming.transcript


def _conversations(files: Iterable[Path], images: Path | None) -> "Iterator[tuple[Path, Incoming]]":
    """The conversations in files, each with its file."""
    from chat.transcript.reading import files_in

    for path in chain.from_iterable(map(files_in, files)):
        is_empty = True
        for incoming in _opened(path, images):
            is_empty = False
            yield path, incoming
        if is_empty:
            raise TranscriptError(f"{short_line(str(path))}: there is no conversation in it")


def _opened(path: Path, images: Path | None) -> "Iterator[Incoming]":
    from chat.transcript.reading import is_database, read_transcripts

    if is_database(path):
        from chat.store.llm_logs import read_llm_logs

        return read_llm_logs(path)
    return read_transcripts(path, images)


def _tell_imported(imported: "Sequence[Imported]", arrived: "Sequence[tuple[Path, Incoming]]", as_json: bool) -> None:
    left_out = [line for _, incoming in arrived for line in incoming.left_out]
    if as_json:
        single = {"session": imported[0].session_id} if len(imported) == 1 else {}
        told = [
            {
                "session": one.session_id,
                "title": one.title,
                "is_new": one.is_new,
                "added_turns": one.added_turns,
                "was_deleted": one.was_deleted,
                "file": str(path),
            }
            for one, (path, _) in zip(imported, arrived, strict=True)
        ]
        click.echo(json_line({**single, "sessions": told, "left_out": left_out}))
        return
    for line in left_out:
        click.echo(printable(line, multiline=False), err=True)
    if len(imported) == 1:
        session_id = imported[0].session_id
        say_line(
            f"{_became(imported[0])} as session {session_id}: `idefics-chat --session {session_id}` goes on with it"
        )
        return
    for one in imported:
        say_line(f"{one.session_id}  {short_line(one.title, 60)}: {_became(one)}")
    new = sum(one.is_new for one in imported)
    say_line(f"{counted(new, 'session')} imported, {len(imported) - new:,} there already")


def _became(one: "Imported") -> str:
    """What became of a conversation that was brought in."""
    if one.is_new:
        return "imported"
    back = " and was brought back" if one.was_deleted else ""
    grown = f", with {counted(one.added_turns, 'new turn')}" if one.added_turns else ""
    return f"was there already{back}{grown}"
