"""`idefics-chat sessions export`: conversations as files."""

import contextlib
import json
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import click

from chat.cli.compose import open_session_store
from chat.cli.options import db_option, json_option
from chat.cli.session_lines import counted, say_line
from chat.conversation import Image
from chat.errors import InputError, StoreError, TranscriptError, UsageError
from chat.files import make_folder
from chat.safe_text import json_line, short_line
from chat.search import parse_query
from chat.session import SessionStore

if TYPE_CHECKING:
    from chat.transcript import Transcript
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


class _Readings:
    """Reads several sessions; one that cannot be read keeps nobody from the others."""

    def __init__(self, store: SessionStore) -> None:
        self._store = store
        self._problems: list[StoreError] = []
        self.ids: list[str] = []
        """Of those that were read."""

    def of(self, ids: Iterable[str]) -> "Iterator[Transcript]":
        """The sessions that can be read."""
        from chat.session_files import export_session

        for session_id in ids:
            try:
                transcript = export_session(self._store, session_id)
            except StoreError as error:
                self._problems.append(error)
            else:
                self.ids.append(session_id)
                yield transcript

    def tell_problems(self) -> None:
        """Raise StoreError where sessions could not be read; the others are saved."""
        if self._problems:
            more = f" ({len(self._problems):,} sessions are not saved)" if len(self._problems) > 1 else ""
            raise StoreError(f"{self._problems[0]}{more}") from self._problems[0]


def _export_together(store: SessionStore, ids: Sequence[str], saving: _Saving) -> None:
    from chat.session_files import missing_in_words
    from chat.transcript.saving import save_together

    readings = _Readings(store)
    transcripts = readings.of(ids)
    first = next(transcripts, None)
    if first is not None:
        missing = save_together(saving.path, chain([first], transcripts), saving.form, overwrite=saving.overwrite)
        saved = [{"session": session_id, "file": str(saving.path)} for session_id in readings.ids]
        words = f"saved {counted(len(saved), 'session')} as {saving.path}{missing_in_words(missing)}"
        _done({"sessions": saved}, saving.as_json, words)
    readings.tell_problems()


def _export_apart(store: SessionStore, ids: Sequence[str], saving: _Saving) -> None:
    from concurrent.futures import ThreadPoolExecutor

    from chat.session_files import missing_in_words
    from chat.transcript.saving import file_name, save_as

    folder, form, overwrite, inline, as_json = saving
    if folder.suffix.lower() == form.suffix or folder.is_file():
        raise UsageError(f"{short_line(str(folder))}: several sessions as {form} go into a folder: name one with -o")
    saved: list[dict[str, object]] = []
    missing: dict[str, Image] = {}

    def save(transcript: "Transcript") -> tuple[Path, tuple[Image, ...]]:
        path = folder / file_name(transcript.title, transcript.session_id, form)
        return path, save_as(path, transcript, form, overwrite=overwrite, inline=inline)

    readings = _Readings(store)
    transcripts = readings.of(ids)
    # Each file is waited for until it is on the disk, which several can be at once.
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        while some := [*islice(transcripts, _AT_ONCE)]:
            # Not for sessions of which none can be read.
            make_folder(folder, error=TranscriptError)
            for path, gone in pool.map(save, some):
                missing |= {image.digest: image for image in gone}
                saved.append({"session": readings.ids[len(saved)], "file": str(path)})
    words = f"saved {counted(len(saved), 'session')} in {folder}{missing_in_words([*missing.values()])}"
    if saved:
        _done({"sessions": saved}, as_json, words)
    readings.tell_problems()


def _print(store: SessionStore, ids: Sequence[str], saving: _Saving, is_one: bool) -> None:
    from chat.transcript import to_json
    from chat.transcript.saving import Form, text_of
    from chat.transcript.telling import images_of

    form = saving.form
    if not is_one and not form.holds_many:
        raise UsageError(f"several sessions as {form} go into a folder: name one with -o")
    readings = _Readings(store)
    transcripts = readings.of(ids)
    first = next(transcripts, None)
    if first is None:
        return readings.tell_problems()
    images = {Form.JSON: first.images, Form.MARKDOWN: images_of(first)}.get(form)
    if images and not saving.inline:
        raise UsageError(f"session {ids[0]} has pictures, which need a folder beside a file: name one with -o")
    if form is Form.JSON:
        # As every document on stdout: in one line, with no character that a terminal could act on.
        click.echo(json_line(json.loads(to_json(first))))
        return
    for piece in text_of(chain([first], transcripts), form):
        click.echo(piece, nl=False)
    readings.tell_problems()


def _done(document: dict[str, object], as_json: bool, words: str) -> None:
    """Tell what was done, to a program or to a person."""
    if as_json:
        click.echo(json_line(document))
    else:
        say_line(words)
