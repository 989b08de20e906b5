"""What every command that runs a model shares: loading it, stopping it, and words beside its output."""

import contextlib
import gc
import shutil
import signal
import sys
import threading
from collections.abc import Iterator
from typing import Any, TextIO

import click

from chat.cli.app import INTERRUPTED
from chat.cli.compose import loader
from chat.errors import ChatError
from chat.files import byte_size
from chat.generation import TextGenerator
from chat.loading import LoadProgress
from chat.safe_text import printable


def notice(words: str) -> None:
    """A line for the person, apart from the output."""
    click.echo(f"idefics-chat: {printable(words, multiline=False)}", err=True)


def terminal_columns(stream: TextIO | None) -> int | None:
    """How many columns a stream's terminal has; None where it is none."""
    # A closed stream is None.
    if stream is None or not stream.isatty():
        return None
    return shutil.get_terminal_size().columns


def rewrite_line(words: str) -> None:
    """Show these words in the last line of stderr, cut to what one row of its terminal holds."""
    line = printable(words, multiline=False)[: max(1, (terminal_columns(sys.stderr) or 80) - 1)]
    click.echo(f"\r\x1b[K{line}", err=True, nl=False)


def say(text: str) -> None:
    """Write a piece of text so that it is seen at once; a stdout that is closed takes nothing."""
    # Not by click, which has an encoding of its own for a terminal that cannot show a character.
    if sys.stdout is not None:
        sys.stdout.write(printable(text))
        sys.stdout.flush()


@contextlib.contextmanager
def running(request: Any, stop: threading.Event) -> Iterator[TextGenerator]:
    """A checkpoint loaded for as long as the block runs; ctrl-C sets `stop`, and ends the program once it is over.

    Args:
        request: The `CheckpointRequest`.
        stop: Ends the loading and what is generated.
    """
    with stopping(stop):
        try:
            generator = loaded(request, stop)
            gc.enable()
            yield generator
        except ChatError:
            if not stop.is_set():
                raise
    if stop.is_set():
        sys.exit(INTERRUPTED)


def loaded(request: Any, stop: threading.Event) -> TextGenerator:
    """A checkpoint, loaded; a terminal is told how far it is.

    Args:
        request: The `CheckpointRequest`.
        stop: Cancels the loading.
    """
    # A closed stderr is None.
    is_seen = sys.stderr is not None and sys.stderr.isatty()
    shown = ""

    def tell(progress: LoadProgress) -> None:
        nonlocal shown
        if progress.notice:
            if is_seen:
                click.echo("\r\x1b[K", err=True, nl=False)
                shown = ""
            notice(progress.notice)
        if not progress.stage:
            return
        share = f" {progress.fraction:.0%}" if progress.fraction is not None else ""
        size = f" of {byte_size(progress.total_bytes)}" if progress.total_bytes else ""
        line = f"{request.shown_name}: {progress.stage}{size}{share}"
        if is_seen and line != shown:
            shown = line
            rewrite_line(line)

    try:
        return loader(request)(tell, stop)
    finally:
        if is_seen:
            click.echo("\r\x1b[K", err=True, nl=False)


@contextlib.contextmanager
def stopping(stop: threading.Event) -> Iterator[None]:
    """Ctrl-C and a request to end set the event; a second ctrl-C ends the program."""

    def on_signal(number: int, _: Any) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()

    before = {number: signal.signal(number, on_signal) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
