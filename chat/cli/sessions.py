"""`idefics-chat sessions show`, `pin`, `rename`, `delete` and `restore`: one saved conversation, without a model."""

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import click

from chat.cli.choices import choice_in_words, choice_object
from chat.cli.compose import open_session_store
from chat.cli.options import db_option, json_option
from chat.cli.session_lines import say_line, session_object
from chat.conversation import Image, Role
from chat.records import Choice, StoredTurn
from chat.safe_text import json_line, printable
from chat.session import SessionStore
from chat.talk.labels import labelled, speaker_label


@contextlib.contextmanager
def _store(db: Path | None) -> Iterator[SessionStore]:
    with contextlib.closing(open_session_store(db, must_exist=True)) as store:
        yield store


def _say(text: str) -> None:
    """Print a line that may hold anything."""
    click.echo(printable(text))


def _print_json(document: object) -> None:
    click.echo(json_line(document))


@click.command()
@click.argument("session")
@click.option("--off", is_flag=True, help="Let it stand among the others again.")
@db_option
@json_option
def pin(session: str, off: bool, db: Path | None, as_json: bool) -> None:
    """Let a session stand before the others in every list."""
    with _store(db) as store:
        session_id = store.session_id(session)
        store.pin_session(session_id, not off)
    words = f"{session_id} is {'not pinned any more' if off else 'pinned'}"
    _done({"session": session_id, "pinned": not off}, as_json, words)


@click.command()
@click.argument("session")
@db_option
@json_option
def show(session: str, db: Path | None, as_json: bool) -> None:
    """Show a session's conversation. SESSION is its id or the beginning of it."""
    with _store(db) as store:
        summary = store.find_session(session)
        turns, choices = store.turns(summary.id), store.choices(summary.id)
    if as_json:
        document = {**session_object(summary), "turns": [_turn_object(turn) for turn in turns]}
        _print_json(document | {"choices": [choice_object(choice) for choice in choices]})
        return
    say_line(f"Conversation “{summary.title}”" if summary.title else "(no title)")
    _say_choices(choices, None)
    for stored in turns:
        _say(f"\n{labelled(_who(stored), f'{_said(stored)}{_how_it_ended(stored)}')}")
        _say_choices(choices, stored.id)


def _say_choices(choices: Sequence[Choice], turn_id: int | None) -> None:
    """What was ranked after a turn."""
    for choice in choices:
        if choice.turn_id == turn_id:
            _say(f"\n{choice_in_words(choice)}")


def _who(stored: StoredTurn) -> str:
    if stored.turn.role is Role.USER:
        return "You (example)" if stored.is_example else "You"
    name = stored.generation.facts.short_name if stored.generation else ""
    return speaker_label(name or "assistant")


def _said(stored: StoredTurn) -> str:
    """A turn in words: its texts, and its pictures by name and size."""
    return " ".join(
        f"[picture: {printable(part.name, multiline=False)}, {part.width}x{part.height}]"
        if isinstance(part, Image)
        else part.text
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


@click.command()
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
        say_line(words)


@click.command()
@click.argument("session")
@db_option
@json_option
def delete(session: str, db: Path | None, as_json: bool) -> None:
    """Take a session out of the list; `restore` brings it back."""
    with _store(db) as store:
        session_id = store.session_id(session)
        store.delete_session(session_id)
    words = f"deleted {session_id}; `idefics-chat sessions restore {session_id}` brings it back"
    _done({"session": session_id}, as_json, words)


@click.command()
@click.argument("session")
@db_option
@json_option
def restore(session: str, db: Path | None, as_json: bool) -> None:
    """Bring back a deleted session; its whole id is needed."""
    with _store(db) as store:
        store.restore_session(session)
    _done({"session": session}, as_json, f"{session} is back")
