"""`idefics-chat sessions list` and `sessions search`: which sessions there are, and in which something was."""

import contextlib
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, TypeVar

import click

from chat.cli.compose import open_session_lists, open_session_store
from chat.cli.options import all_of, db_option, json_option
from chat.cli.session_lines import found_line, hit_object, session_line, session_object
from chat.errors import UsageError
from chat.safe_text import json_line, printable
from chat.search import Query, parse_query, start_of_day
from chat.summaries import FoundSessions, SessionHit

Command = TypeVar("Command", bound=Callable[..., Any])

_REWRITTEN_S: Final = 0.1
"""Seconds between two looks of the line that tells how far it is."""

# Named otherwise than the checkpoint to talk with, which the config may set.
filter_options = all_of(
    click.option("--checkpoint", "of_checkpoint", metavar="NAME", help="What the newest reply's checkpoint contains."),
    click.option("--after", metavar="DATE", help="Changed on this day or later, such as 2026-11-01."),
    click.option("--before", metavar="DATE", help="Changed before this day."),
    click.option("--has-picture", is_flag=True, help="With a picture in it."),
    click.option("--image", metavar="FILE", help="With this picture in it, or one that looks like it."),
)


@click.command("list")
@filter_options
@click.option("--limit", type=click.IntRange(1), default=50, show_default=True, help="How many at most.")
@db_option
@json_option
def list_sessions(limit: int, db: Path | None, as_json: bool, **filters: Any) -> None:
    """List the sessions: those that are pinned, with a star, then the others; of each the one used last first."""
    query = _narrowed(Query(), **filters)
    found = _found(db, query, limit)
    if as_json:
        objects = [hit_object(hit) if query.filters.image else session_object(hit.summary) for hit in found.hits]
        click.echo(json_line(objects))
    else:
        if not found.hits:
            _say("No session is like that." if query else "No sessions. `idefics-chat` begins one.")
        _say_hits(found)
    _tell_damaged(found)


@click.command()
@click.argument("words", nargs=-1, metavar="[WORDS]...")
@filter_options
@click.option("--limit", type=click.IntRange(1), default=20, show_default=True, help="How many at most.")
@db_option
@json_option
def search(words: tuple[str, ...], limit: int, db: Path | None, as_json: bool, **filters: Any) -> None:
    """Find the sessions in whose title or in one of whose turns all WORDS are, or parts of words, in any language.

    Among the words may stand has:picture, checkpoint:NAME, before:2026-11-01, after:2026-11-01 and image:FILE, which
    mean what the options do; "two words" in quotes of their own stand together. A word that is a session's id finds
    that one first. With --image, sessions with the very same picture come first, then those with one that looks like
    it: resized, saved in another format, a little darker.
    """
    query = _narrowed(parse_query(" ".join(words)), **filters)
    if not query:
        raise UsageError("nothing to look for: give words, or an option such as --image FILE")
    found = _found(db, query, limit)
    if as_json:
        sessions = [hit_object(hit) for hit in found.hits]
        click.echo(json_line({"count": found.count, "has_more": found.is_cut, "sessions": sessions}))
    else:
        if not found.hits:
            _say("No session mentions that." if query.words else "No session is like that.")
        _say_hits(found)
    _tell_damaged(found)


def _narrowed(
    query: Query, of_checkpoint: str | None, after: str | None, before: str | None, has_picture: bool, image: str | None
) -> Query:
    """The query with what the options ask; they win over what stands among the words."""
    filters = query.filters
    return replace(
        query,
        filters=replace(
            filters,
            has_picture=has_picture or filters.has_picture,
            checkpoint=filters.checkpoint if of_checkpoint is None else of_checkpoint,
            after=filters.after if after is None else start_of_day("--after ", after),
            before=filters.before if before is None else start_of_day("--before ", before),
            image=filters.image if image is None else _named(image),
        ),
    )


def _named(image: str) -> str:
    if not image.strip():
        raise UsageError("--image names no file: give the picture to look for")
    return image


def _found(db: Path | None, query: Query, limit: int) -> FoundSessions:
    if not query.filters.image:
        with contextlib.closing(open_session_lists(db)) as lists:
            return lists.search(query, limit=limit)
    # Only a picture takes what can look at pictures, and time.
    from chat.cli.progress import ProgressLine
    from chat.session_search import search_sessions

    line, told = ProgressLine(), 0.0

    def tell(done: int, of: int) -> None:
        nonlocal told
        if time.monotonic() - told >= _REWRITTEN_S:
            told = time.monotonic()
            line.show(f"looking at pictures that were never compared, {done:,} of {of:,}")

    try:
        with contextlib.closing(open_session_store(db, must_exist=True)) as store:
            return search_sessions(store, query, limit=limit, tell=tell)
    finally:
        line.clear()


def _say_hits(found: FoundSessions) -> None:
    """Say what was found, and where there is more than that."""
    for hit in found.hits:
        _say_hit(hit)
    if found.hits and (found.is_cut or found.count > len(found.hits)):
        more = "more than " if found.is_cut else ""
        click.echo(f"{len(found.hits):,} of {more}{found.count:,}: --limit shows more", err=True)


def _tell_damaged(found: FoundSessions) -> None:
    """Raise StoreError where a session that was told cannot be read as a whole; the others were told, too."""
    damaged = [hit.summary for hit in found.hits if hit.summary.problem]
    if damaged:
        # Not needed where all is well.
        from chat.store.faults import CHECK, not_understood

        first, *others = damaged
        more = f"{CHECK}, also with {len(others):,} more of these sessions" if others else CHECK
        raise not_understood(f"session {first.id}", first.problem, more)


def _say_hit(hit: SessionHit) -> None:
    _say(session_line(hit.summary))
    for words in found_line(hit):
        _say(f"          {words}")


def _say(text: str) -> None:
    """Print a line that may hold anything."""
    click.echo(printable(text))
