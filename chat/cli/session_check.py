"""`idefics-chat sessions check` and `sessions backup`: is the database sound, and a copy of it."""

import contextlib
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from chat.cli.compose import existing_database, open_session_store
from chat.cli.options import db_option, json_option
from chat.cli.progress import ProgressLine
from chat.cli.running import notice
from chat.files import byte_size
from chat.safe_text import json_line, printable
from chat.talk.wording import count_in_words

if TYPE_CHECKING:
    from chat.store.checks import Check, Difference

_DIFFERS: Final = 1


@click.command()
@db_option
@json_option
def check(db: Path | None, as_json: bool) -> int:
    """Look through the database: the file, the turns and pictures of every session, and the index of words.

    What follows from the rest, such as the index and the counts in the list, is repaired; what somebody said, and
    pictures, never are. The exit code is 1 where something was wrong, repaired or not.
    """
    # What the other commands of this group need not wait for.
    from chat.cli.stoppable import stoppable
    from chat.store.checks import Check

    # Brings a database of an earlier version to the present tables.
    with contextlib.closing(open_session_store(db, must_exist=True)):
        pass
    found: list[Difference] = []
    line = ProgressLine()

    def look(stop: threading.Event, tell: Callable[[str], None]) -> Check:
        looking = Check(existing_database(db), tell, stop)
        for difference in looking.differences():
            found.append(difference)
            if not as_json:
                line.clear()
                click.echo(printable(difference.line, multiline=False))
        return looking

    looked = stoppable(look, line)
    if as_json:
        click.echo(json_line(_document(looked, found)))
    else:
        click.echo(_summary(looked, found))
    return _DIFFERS if found else 0


@click.command()
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Where to; beside the database if not given.",
)
@click.option("--overwrite", is_flag=True, help="Replace a file that is there already.")
@db_option
@json_option
def backup(output: Path | None, overwrite: bool, db: Path | None, as_json: bool) -> int:
    """Copy the database as it is at one moment, also while the program runs and writes.

    The copy is a database like the one it is made of: `--db FILE` opens it. The exit code is 1 where values in both may
    not be; such a copy replaces no file.
    """
    from chat.cli.stoppable import stoppable
    from chat.store.copying import copy, copy_beside

    path = existing_database(db)
    target = output or copy_beside(path)
    copied = stoppable(
        lambda stop, tell: copy(path, target, overwrite=overwrite, tell=tell, stop=stop),
        ProgressLine(),
    )
    if as_json:
        problems = {"problems": copied.problems} if copied.problems else {}
        click.echo(json_line({"file": str(target), "bytes": copied.size, **problems}))
    else:
        click.echo(printable(f"copied to {target}, {byte_size(copied.size)}", multiline=False))
    if copied.problems:
        wrong = count_in_words(copied.problems, "thing")
        notice(f"it holds {wrong} that may not be, as the database does: `idefics-chat sessions check` tells where")
    return _DIFFERS if copied.problems else 0


def _summary(looked: "Check", found: "list[Difference]") -> str:
    counted = ", ".join(
        count_in_words(number, noun)
        for number, noun in ((looked.sessions, "session"), (looked.turns, "turn"), (looked.pictures, "picture"))
    )
    if not found:
        return f"All is well: {counted}."
    repaired = sum(difference.is_repaired for difference in found)
    return f"{count_in_words(len(found), 'difference')}, {repaired:,} repaired, in {counted}."


def _document(looked: "Check", found: "list[Difference]") -> dict[str, object]:
    return {
        "ok": not found,
        "sessions": looked.sessions,
        "turns": looked.turns,
        "pictures": looked.pictures,
        "differences": [
            {
                "session": difference.session_id,
                "turn": difference.turn_id,
                "image": difference.image,
                "words": difference.words,
                "repaired": difference.is_repaired,
            }
            for difference in found
        ],
    }
