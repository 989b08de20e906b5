"""`idefics-chat sessions export` and `import`: conversations as files, of this program and of others."""

import contextlib
import json
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import click

from chat.cli.compose import open_session_store
from chat.cli.options import db_option, json_option
from chat.conversation import Image
from chat.errors import InputError, TranscriptError, UsageError
from chat.files import make_folder
from chat.safe_text import json_line, printable, short_line
from chat.search import parse_query
from chat.session import SessionStore

if TYPE_CHECKING:
    from chat.records import Imported
    from chat.transcript import Transcript
    from chat.transcript.foreign import Incoming
    from chat.transcript.saving import Form

_PAGE: Final = 200
"""Sessions that are looked up at once."""
_AT_ONCE: Final = 16
"""Files that are written at once."""


@click.command("export")
@click.argument("sessions", nargs=-1, metavar="[SESSION]...")
@click.option("--all", "takes_all", is_flag=True, help="Every session.")
@click.option("--search", "words", metavar="WORDS", help="Every session that `sessions search WORDS` finds.")
@click.option(
    "--format",
    "form_name",
    type=click.Choice(["json", "markdown", "html", "openai"]),
    help="json is the project's own, openai is JSONL with data URLs; told by the end of FILE when left out, or json.",
)
@click.option(
    "-o",
    "--output",
    required=True,
    metavar="FILE",
    help="Where to; a folder for several sessions as json or markdown; - prints what needs no folder.",
)
@click.option("--inline", is_flag=True, help="Let files of json hold their pictures.")
@click.option("--overwrite", is_flag=True, help="Replace files that are there already.")
@db_option
@json_option
def export_command(
    sessions: tuple[str, ...], takes_all: bool, words: str | None, output: str, db: Path | None, **options: Any
) -> None:
    """Save sessions as files: one as a file, its pictures in it or beside it, several as one file or in a folder.

    The project's own form holds everything of a session, the others the branch that is shown.
    """
    from chat.transcript.saving import Form, form_of

    path = Path(output)
    form = Form(options["form_name"]) if options["form_name"] else form_of(path)
    saving = _Saving(path, form, options["overwrite"], options["inline"], options["as_json"])
    if output == "-" and saving.as_json:
        raise UsageError("-o - and --json both print a document: choose one")
    if saving.inline and form is not Form.JSON:
        raise UsageError(f"--inline is for --format json, not for {form}")
    with contextlib.closing(open_session_store(db, must_exist=True)) as store:
        ids = _chosen(store, sessions, takes_all, words)
        is_one = len(sessions) == 1
        if output == "-":
            _print(store, ids, saving, is_one)
        elif is_one and not path.is_dir():
            _export_one(store, ids[0], saving)
        elif form.holds_many and not path.is_dir():
            _export_together(store, ids, saving)
        else:
            _export_apart(store, ids, saving)


class _Saving(NamedTuple):
    """How sessions are saved."""

    path: Path
    form: "Form"
    overwrite: bool
    inline: bool
    as_json: bool


def _chosen(store: SessionStore, sessions: Sequence[str], takes_all: bool, words: str | None) -> list[str]:
    """The ids of the sessions that were asked for."""
    if bool(sessions) + takes_all + (words is not None) != 1:
        raise UsageError("name the sessions, or give --all, or --search WORDS: one of them")
    if sessions:
        return list(dict.fromkeys(store.find_session(session).id for session in sessions))
    found = [*_pages(store, words)]
    if not found:
        raise InputError("there are no sessions to save" if words is None else "no session mentions that")
    return found


def _pages(store: SessionStore, words: str | None) -> Iterator[str]:
    query = None if words is None else parse_query(words)
    offset, page = 0, [""] * _PAGE
    while len(page) == _PAGE:
        if query is None:
            page = [summary.id for summary in store.sessions(limit=_PAGE, offset=offset)]
        else:
            page = [hit.summary.id for hit in store.search(query, limit=_PAGE, offset=offset).hits]
        yield from page
        offset += _PAGE


def _export_one(store: SessionStore, session_id: str, saving: _Saving) -> None:
    from chat.session_files import save_session

    path, form, overwrite, inline, as_json = saving
    words = save_session(store, session_id, path, form, overwrite=overwrite, inline=inline)
    _done({"session": session_id, "file": str(path)}, as_json, words)


def _export_together(store: SessionStore, ids: Sequence[str], saving: _Saving) -> None:
    from chat.session_files import export_session, missing_in_words
    from chat.transcript.saving import save_together

    transcripts = (export_session(store, session_id) for session_id in ids)
    missing = save_together(saving.path, transcripts, saving.form, overwrite=saving.overwrite)
    saved = [{"session": session_id, "file": str(saving.path)} for session_id in ids]
    words = f"saved {_count(len(ids), 'session')} as {saving.path}{missing_in_words(missing)}"
    _done({"sessions": saved}, saving.as_json, words)


def _export_apart(store: SessionStore, ids: Sequence[str], saving: _Saving) -> None:
    from chat.session_files import export_session, missing_in_words
    from chat.transcript.saving import file_name, save_as

    folder, form, overwrite, inline, as_json = saving
    if folder.suffix.lower() == form.suffix or folder.is_file():
        raise UsageError(f"{short_line(str(folder))}: several sessions as {form} go into a folder: name one with -o")
    make_folder(folder, error=TranscriptError)
    saved: list[dict[str, object]] = []
    missing: dict[str, Image] = {}

    def save(transcript: "Transcript") -> tuple[Path, tuple[Image, ...]]:
        path = folder / file_name(transcript.title, transcript.session_id, form)
        return path, save_as(path, transcript, form, overwrite=overwrite, inline=inline)

    # Each file is waited for until it is on the disk, which several can be at once.
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        for start in range(0, len(ids), _AT_ONCE):
            some = ids[start : start + _AT_ONCE]
            transcripts = [export_session(store, session_id) for session_id in some]
            for session_id, (path, gone) in zip(some, pool.map(save, transcripts), strict=True):
                missing |= {image.digest: image for image in gone}
                saved.append({"session": session_id, "file": str(path)})
    words = f"saved {_count(len(ids), 'session')} in {folder}{missing_in_words([*missing.values()])}"
    _done({"sessions": saved}, as_json, words)


def _print(store: SessionStore, ids: Sequence[str], saving: _Saving, is_one: bool) -> None:
    from chat.session_files import export_session
    from chat.transcript import to_json
    from chat.transcript.saving import Form, text_of
    from chat.transcript.telling import images_of

    form = saving.form
    if not is_one and not form.holds_many:
        raise UsageError(f"several sessions as {form} go into a folder: name one with -o")
    transcripts = (export_session(store, session_id) for session_id in ids)
    first = next(transcripts)
    images = {Form.JSON: first.images, Form.MARKDOWN: images_of(first)}.get(form)
    if images and not saving.inline:
        raise UsageError(f"session {ids[0]} has pictures, which need a folder beside a file: name one with -o")
    if form is Form.JSON:
        # As every document on stdout: in one line, with no character that a terminal could act on.
        click.echo(json_line(json.loads(to_json(first))))
        return
    for piece in text_of(chain([first], transcripts), form):
        click.echo(piece, nl=False)


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
    # All is read and checked to its end before a database is opened, and read again to be kept: it need not fit into
    # the memory, nobody waits for the reading, and files that are wrong leave no empty database behind.
    for _ in _conversations(files, images):
        pass
    arrived: list[tuple[Path, Incoming]] = []
    with contextlib.closing(open_session_store(db)) as store:
        imported = _imported(store, _noted(_conversations(files, images), arrived))
    _tell_imported(imported, arrived, as_json)


def _imported(store: SessionStore, conversations: "Iterable[Transcript]") -> "Sequence[Imported]":
    """Keep conversations; tells how many are kept where not all can be."""
    from chat.session_files import import_transcripts

    kept: list[Imported] = []
    try:
        return import_transcripts(store, conversations, kept.extend)
    except BaseException:
        if kept:
            click.echo(f"{_count(len(kept), 'session')} imported before it ended: import again for the rest", err=True)
        raise


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
        _say(f"{_became(imported[0])} as session {session_id}: `idefics-chat --session {session_id}` goes on with it")
        return
    for one in imported:
        _say(f"{one.session_id}  {short_line(one.title, 60)}: {_became(one)}")
    new = sum(one.is_new for one in imported)
    _say(f"{_count(new, 'session')} imported, {len(imported) - new:,} there already")


def _became(one: "Imported") -> str:
    """What became of a conversation that was brought in."""
    if one.is_new:
        return "imported"
    back = " and was brought back" if one.was_deleted else ""
    grown = f", with {_count(one.added_turns, 'new turn')}" if one.added_turns else ""
    return f"was there already{back}{grown}"


def _count(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _done(document: dict[str, object], as_json: bool, words: str) -> None:
    """Tell what was done, to a program or to a person."""
    if as_json:
        click.echo(json_line(document))
    else:
        _say(words)


def _say(text: str) -> None:
    click.echo(printable(text, multiline=False))
