"""`idefics-chat prompt`: what the model sees of a saved session, token by token."""

import contextlib
import os
import sys
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from chat.cli.compose import check_request, open_session_store
from chat.cli.options import checkpoint_options, checkpoint_request, db_option, json_option
from chat.cli.running import running, terminal_columns
from chat.safe_text import json_line, printable, short_line
from chat.session import conversation_of
from chat.talk.shown import left_out_count, shown_turns
from chat.talk.sights import seen_talk, sight_sentences

if TYPE_CHECKING:
    from chat.seen import SeenPrompt, SeenSegment
    from chat.talk.sights import SeenTalk
    from chat.tui.prompt_lines import Line

COLUMNS: Final = 100
"""Of the output where it goes to no terminal."""
_STYLES: Final[dict[str, dict[str, Any]]] = {
    "quiet": {"dim": True},
    "bold": {"bold": True},
    "label": {"fg": "blue", "bold": True},
    "fence": {"fg": "yellow"},
    "image": {"fg": "yellow", "bold": True},
    "closing": {"fg": "green"},
    "number": {"fg": "yellow"},
    "lookalike": {"underline": True},
}


@click.command()
@click.argument("session")
@checkpoint_options
@db_option
@json_option
def prompt(session: str, db: Path | None, as_json: bool, **options: Any) -> None:
    """Show what the model sees of a saved session.

    SESSION is its id; the first letters are enough. Shown are the prompt, its tokens by segment with the pictures that
    each looks at, and how much of the context they take.
    """
    request = checkpoint_request(options)
    check_request(request)
    with contextlib.closing(open_session_store(db, must_exist=True)) as store:
        found = store.find_session(session)
        turns, left_out = store.turns(found.id), store.left_out(found.id)
        with running(request, threading.Event()) as generator:
            shown = shown_turns(turns, left_out)
            conversation = conversation_of(shown, system=found.system, facts=generator.facts)
            known = [image for stored in turns for image in stored.turn.images]
            talk = seen_talk(generator, conversation, known, turns_before=2 * left_out_count(turns, left_out))
        if as_json:
            click.echo(json_line({"session": found.id, "checkpoint": generator.facts.name, **_document(talk)}))
        else:
            _show(found.title or found.id, talk, generator.facts.name)


def _document(talk: "SeenTalk") -> dict[str, Any]:
    shown = talk.shown
    return {
        "text": shown.text,
        "token_ids": list(shown.token_ids),
        "segments": [_segment(talk, segment) for segment in shown.segments],
        "images": [
            {
                "number": talk.numbers[place],
                "digest": image.digest,
                "width": image.width,
                "height": image.height,
                "source": image.name,
                "tokens": shown.tokens_of_picture(place + 1),
            }
            for place, image in enumerate(talk.images)
        ],
        "context_length": talk.context_length,
    }


def _segment(talk: "SeenTalk", segment: "SeenSegment") -> dict[str, Any]:
    return {
        "kind": str(segment.kind),
        "text": _text(talk.shown, segment),
        "start": segment.start,
        "end": segment.end,
        "turn": segment.turn,
        "image": talk.numbers[segment.picture - 1] if segment.picture else None,
        "attends_to": _attended(talk, segment),
    }


def _text(shown: "SeenPrompt", segment: "SeenSegment") -> str:
    return "".join(shown.texts[segment.start : segment.end])


def _attended(talk: "SeenTalk", segment: "SeenSegment") -> list[int]:
    """The numbers of the pictures that a segment's tokens attend to."""
    return [talk.numbers[number - 1] for number in talk.shown.looked_at(segment)]


def _show(title: str, talk: "SeenTalk", checkpoint: str) -> None:
    from chat.tui.prompt_lines import Look, Manner, prompt_lines
    from chat.tui.seen_talk import count_lines

    columns = terminal_columns(sys.stdout)
    has_colour = columns is not None and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    heading = f"“{short_line(title, 60)}” as {checkpoint} sees it"
    lines: list[Line] = [((printable(heading, multiline=False), Look.BOLD),), ()]
    lines += prompt_lines(talk.shown, talk.numbers, Manner(columns or COLUMNS))
    lines += [(), *_segment_lines(talk, columns or COLUMNS), (), *count_lines(talk), ()]
    lines += [((sentence, Look.PLAIN),) for sentence in sight_sentences(talk)]
    _print(lines, has_colour=has_colour)


def _segment_lines(talk: "SeenTalk", columns: int) -> list["Line"]:
    """A line for every segment: the places of its tokens, what it is, what it looks at, and its ids."""
    from chat.tui.prompt_lines import Look

    lines: list[Line] = [((f"{'tokens':<12}{'kind':<9}{'looks at':<10}ids", Look.QUIET),)]
    for segment in talk.shown.segments:
        if segment.start == segment.end:
            continue
        last = f"-{segment.end - 1}" if segment.end - segment.start > 1 else ""
        looks = ",".join(f"[{number}]" for number in _attended(talk, segment)) or "-"
        ids = " ".join(map(str, talk.shown.token_ids[segment.start : segment.end]))
        begun = f"{f'{segment.start}{last}':<12}{segment.kind:<9}{looks:<9} "
        lines.append(((f"{begun}{short_line(ids, max(20, columns - len(begun)))}", Look.PLAIN),))
    return lines


def _print(lines: Iterable["Line"], *, has_colour: bool) -> None:
    for line in lines:
        text = "".join(
            click.style(text, **_STYLES[look]) if has_colour and look in _STYLES else text for text, look in line
        )
        # By itself click takes colours out where it sees no terminal, and has an own idea of what is one.
        click.echo(text, color=has_colour)
