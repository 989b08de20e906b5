"""`idefics-chat replay`: saved conversations played back as they were recorded. No model is loaded."""

import math
import os
import sys
from collections.abc import Sequence

import click

from chat.cli.configured import config_of, set_environment
from chat.cli.replay_sources import Source
from chat.conversation import Image
from chat.errors import UsageError
from chat.images import is_there
from chat.replay.branch import Named, RecordedBranch
from chat.replay.playback import MOST_SPEED, Playback, Step
from chat.safe_text import json_line


def play(
    found: Sequence[Source],
    *,
    speed: float = 1.0,
    branch: int | None = None,
    is_plain: bool = False,
    as_json: bool = False,
) -> None:
    """Play conversations back: on a screen, or as text where there is none or none is wanted.

    Args:
        found: The conversations.
        speed: 1 is the recorded one.
        branch: A turn of the branch to play, by its id; the branch that is shown, if not given.
        is_plain: Text, also on a terminal: there at its speed, elsewhere at once.
        as_json: One JSON document at once.

    Raises:
        UsageError: The speed is none, or there is no such turn.
    """
    if not (math.isfinite(speed) and 0 < speed <= MOST_SPEED):
        raise UsageError(f"--speed is {speed:g}: give a number above 0, up to {MOST_SPEED:g}; 1 is the recorded speed")
    named = [(source.name, _chosen(source.branch, branch, len(found))) for source in found]
    has_terminal = all(stream is not None and stream.isatty() for stream in (sys.stdin, sys.stdout))
    if as_json:
        click.echo(json_line({"conversations": [_conversation_object(*one) for one in named]}))
    elif has_terminal and not is_plain and os.environ.get("TERM") != "dumb":
        _play_on_screen(named, speed)
    else:
        from chat.cli.replay_text import tell

        tell(named, speed if has_terminal else None)


def _chosen(shown: RecordedBranch, turn: int | None, count: int) -> RecordedBranch:
    if turn is None:
        return shown
    if count > 1:
        raise UsageError(f"--branch names a turn of one conversation, and there are {count:,}: name one of them")
    return shown.branch_with(turn)


def _play_on_screen(named: Sequence[Named], speed: float) -> None:
    config = config_of(click.get_current_context())
    set_environment(config.values)
    from chat.tui.replay_app import ReplayApp

    app = ReplayApp(named, speed=speed, config=config)
    app.run(mouse=bool(config.values.get("mouse", True)))
    if error := app.failure:
        raise error


def _conversation_object(name: str, branch: RecordedBranch) -> dict[str, object]:
    playback = Playback(branch.turns)
    turns = [_turn_object(playback, place, step) for place, step in enumerate(playback.steps)]
    return {
        "name": name,
        "title": branch.title,
        "system": branch.system,
        "branches": list(branch.ends),
        "seconds": round(playback.duration_s, 3),
        "turns": turns,
    }


def _turn_object(playback: Playback, place: int, step: Step) -> dict[str, object]:
    stored = step.stored
    written: dict[str, object] = {
        "turn": stored.id,
        "role": stored.turn.role,
        "text": stored.turn.text,
        "images": [_image_object(image, step.number + at) for at, image in enumerate(stored.turn.images)],
        "created_at": stored.created_at,
        "at_s": round(playback.start_s(place) + step.pause_s, 3),
        "took_s": round(step.total_s, 3),
    }
    if stored.generation is not None:
        written["checkpoint"] = stored.generation.facts.name
        written["stop_reason"] = stored.generation.stop_reason
    return written


def _image_object(image: Image, number: int) -> dict[str, object]:
    return {
        "number": number,
        "name": image.name,
        "width": image.width,
        "height": image.height,
        "digest": image.digest,
        "missing": not is_there(image),
    }
