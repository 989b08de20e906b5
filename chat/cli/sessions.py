"""`idefics-chat sessions`: the saved conversations, without a model."""

import contextlib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from chat.cli.choices import choice_in_words, choice_object
from chat.cli.compose import open_session_store
from chat.cli.options import db_option, json_option
from chat.conversation import Image, Role
from chat.errors import UsageError
from chat.records import Choice, SessionSummary, StoredTurn
from chat.safe_text import json_line, printable
from chat.session import SessionStore

if TYPE_CHECKING:
    from chat.transcript import Transcript


@click.group()
def sessions() -> None:
    """List, show, rename, delete, restore, export and import saved sessions."""


@contextlib.contextmanager
def _store(db: Path | None, *, must_exist: bool = True) -> Iterator[SessionStore]:
    with contextlib.closing(open_session_store(db, must_exist=must_exist)) as store:
        yield store


def _say(text: str) -> None:
    """Print a line that may hold anything."""
    click.echo(printable(text))


def _print_json(document: object) -> None:
    click.echo(json_line(document))


@sessions.command("list")
@click.option("--limit", type=click.IntRange(1), default=50, show_default=True, help="How many at most.")
@db_option
@json_option
def list_sessions(limit: int, db: Path | None, as_json: bool) -> None:
    """List the sessions, the one used last first."""
    with _store(db) as store:
        found = store.sessions(limit=limit)
    if as_json:
        _print_json([_summary_object(session) for session in found])
        return
    if not found:
        _say("No sessions yet. `idefics-chat` begins one.")
    for session in found:
        _say(_line(session))


def _line(session: SessionSummary) -> str:
    title = printable(session.title or "(no title)", multiline=False)
    changed = session.updated_at[:16].replace("T", " ")
    turns, pictures = _count(session.turn_count, "turn", 3), _count(session.image_count, "picture", 2)
    return f"{session.id}  {changed}  {turns} {pictures}  {title}"


def _count(number: int, noun: str, digits: int) -> str:
    """A number of things, in as many columns for one as for many."""
    return f"{number:{digits}} {noun}{' ' if number == 1 else 's'}"


def _summary_object(session: SessionSummary) -> dict[str, object]:
    return {
        "session": session.id,
        "title": session.title,
        "created_at": session.created_at,
        "updated_at": session.updated_at,
        "turns": session.turn_count,
        "images": session.image_count,
        "checkpoint": session.checkpoint,
        "system": session.system,
    }


@sessions.command()
@click.argument("session")
@db_option
@json_option
def show(session: str, db: Path | None, as_json: bool) -> None:
    """Show a session's conversation. SESSION is its id or the beginning of it."""
    with _store(db) as store:
        summary = store.find_session(session)
        turns, choices = store.turns(summary.id), store.choices(summary.id)
    if as_json:
        document = {**_summary_object(summary), "turns": [_turn_object(turn) for turn in turns]}
        _print_json(document | {"choices": [choice_object(choice) for choice in choices]})
        return
    _say(summary.title or "(no title)")
    _say_choices(choices, None)
    for stored in turns:
        example = " (example)" if stored.is_example else ""
        _say(f"\n{_who(stored)}{example}: {_said(stored)}{_how_it_ended(stored)}")
        _say_choices(choices, stored.id)


def _say_choices(choices: Sequence[Choice], turn_id: int | None) -> None:
    """What was ranked after a turn."""
    for choice in choices:
        if choice.turn_id == turn_id:
            _say(f"\n{choice_in_words(choice)}")


def _who(stored: StoredTurn) -> str:
    if stored.turn.role is Role.USER:
        return "You"
    return (stored.generation.facts.short_name if stored.generation else "") or "assistant"


def _said(stored: StoredTurn) -> str:
    """A turn in words: its texts, and its pictures by name and size."""
    return " ".join(
        f"[picture: {part.name}, {part.width}x{part.height}]" if isinstance(part, Image) else part.text
        for part in stored.turn.parts
    )


def _how_it_ended(stored: StoredTurn) -> str:
    """What is to be said of a reply that did not end by itself."""
    generation = stored.generation
    if generation is None:
        return ""
    if generation.stop_reason is None:
        return " (interrupted)"
    return f" ({generation.stop_reason})" if generation.stop_reason.is_cut else ""


def _turn_object(stored: StoredTurn) -> dict[str, Any]:
    turn: dict[str, Any] = {
        "turn": stored.id,
        "role": str(stored.turn.role),
        "created_at": stored.created_at,
        "parts": [
            {"image": part.digest, "name": part.name, "width": part.width, "height": part.height}
            if isinstance(part, Image)
            else {"text": part.text}
            for part in stored.turn.parts
        ],
    }
    if stored.is_example:
        turn["is_example"] = True
    if stored.generation is not None:
        turn["checkpoint"] = stored.generation.facts.name
        turn["stop_reason"] = stored.generation.stop_reason
        turn["is_interrupted"] = stored.generation.is_interrupted
    return turn


@sessions.command()
@click.argument("session")
@click.argument("title")
@db_option
@json_option
def rename(session: str, title: str, db: Path | None, as_json: bool) -> None:
    """Give a session a title; an empty one gives back the title that its first message makes."""
    with _store(db) as store:
        session_id = store.find_session(session).id
        store.rename_session(session_id, title)
        kept = store.find_session(session_id).title
    words = f"is now called {kept}"
    if not title.strip():
        words = f"is called after its first message again: {kept}" if kept else "has no title"
    _done({"session": session_id, "title": kept}, as_json, f"{session_id} {words}")


def _done(document: dict[str, object], as_json: bool, words: str) -> None:
    """Tell what was done, to a program or to a person."""
    if as_json:
        _print_json(document)
    else:
        _say(words)


@sessions.command()
@click.argument("session")
@db_option
@json_option
def delete(session: str, db: Path | None, as_json: bool) -> None:
    """Take a session out of the list; `restore` brings it back."""
    with _store(db) as store:
        summary = store.find_session(session)
        store.delete_session(summary.id)
    words = f"deleted {summary.id}; `idefics-chat sessions restore {summary.id}` brings it back"
    _done({"session": summary.id}, as_json, words)


@sessions.command()
@click.argument("session")
@db_option
@json_option
def restore(session: str, db: Path | None, as_json: bool) -> None:
    """Bring back a deleted session; its whole id is needed."""
    with _store(db) as store:
        store.restore_session(session)
    _done({"session": session}, as_json, f"{session} is back")


@sessions.command("export")
@click.argument("session")
@click.option("--format", "form", type=click.Choice(["json"]), default="json", help="The project's own format.")
@click.option("-o", "--output", required=True, metavar="FILE", help="Where to; - prints a session without pictures.")
@click.option("--overwrite", is_flag=True, help="Replace a file that is there already.")
@db_option
@json_option
def export_command(session: str, form: str, output: str, overwrite: bool, db: Path | None, as_json: bool) -> None:
    """Save a session as a file, with its pictures beside it."""
    from chat.session_files import export_session, save_session

    if output == "-" and as_json:
        raise UsageError("-o - and --json both print a document: choose one")
    with _store(db) as store:
        session_id = store.find_session(session).id
        if output == "-":
            _print_transcript(session_id, export_session(store, session_id))
            return
        words = save_session(store, session_id, Path(output), overwrite=overwrite)
    _done({"session": session_id, "file": output}, as_json, words)


def _print_transcript(session_id: str, transcript: "Transcript") -> None:
    from chat.transcript import to_json

    if transcript.images:
        raise UsageError(f"session {session_id} has pictures, which need a folder beside a file: name one with -o")
    # As every document on stdout: in one line, with no character that a terminal could act on.
    _print_json(json.loads(to_json(transcript, {})))


@sessions.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@db_option
@json_option
def import_command(file: Path, db: Path | None, as_json: bool) -> None:
    """Keep a saved conversation as a new session."""
    from chat.session_files import import_transcript
    from chat.transcript import load_transcript

    transcript = load_transcript(file)
    with _store(db, must_exist=False) as store:
        session_id = import_transcript(store, transcript)
    words = f"imported as session {session_id}: `idefics-chat --session {session_id}` goes on with it"
    _done({"session": session_id}, as_json, words)
