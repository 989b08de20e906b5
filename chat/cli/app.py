"""The commands and how they are found; every error ends here as one line and an exit code.

Nothing heavy is imported before a command needs it: `--help` must be quick.
"""

import contextlib
import io
import os
import sys
from collections.abc import Sequence
from typing import Final

import click

from chat.cli.lazy import LazyGroup
from chat.errors import ChatError

COMMANDS: Final = {
    "chat": ("chat.cli.chat", "Talk about pictures in the terminal UI; this is what runs without a command."),
    "ask": ("chat.cli.ask", "Ask one question and stream the reply."),
    "caption": ("chat.cli.caption", "Write captions for pictures."),
    "vqa": ("chat.cli.vqa", "Answer a question about each of several pictures."),
    "classify": ("chat.cli.classify", "Tell which of several labels each picture has."),
    "story": ("chat.cli.story", "Write a story about pictures."),
    "few-shot": ("chat.cli.few_shot", "Answer for pictures as a few examples do."),
    "batch": ("chat.cli.batch", "Do many jobs at once, and go on where a run was stopped."),
    "sessions": (
        "chat.cli.session_commands",
        "List, search, pin, show, rename, delete, restore, export, import, check and back up saved sessions.",
    ),
    "replay": ("chat.cli.replay", "Play saved conversations back, or run them again and tell what differs."),
    "prompt": ("chat.cli.prompt", "Show what the model sees of a saved session, token by token."),
    "config": ("chat.cli.config", "Tell which settings are in force and where each comes from."),
    "doctor": ("chat.cli.doctor", "Tell what this machine can run, and what a checkpoint would take of it."),
    "bench": ("chat.cli.bench", "Measure speed beside the recipe of the guides."),
}
"""Module and one-line help of every command; the command has its own name in the module, `_` in the place of `-`."""

INTERRUPTED: Final = 130


_PLACES: Final = {name: (module, name.replace("-", "_")) for name, (module, _) in COMMANDS.items()}


class _Commands(LazyGroup):
    """The program's commands, each of which takes what the config sets."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command, and have it take what the user's config sets."""
        from chat.cli.configured import configure

        name, command, rest = super().resolve_command(ctx, args)
        if name is not None and command is not None:
            configure(ctx, name, command)
        return name, command, rest

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items()])


def _show_version(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        click.echo(f"idefics-chat {version('idefics-chat')}")
        ctx.exit()


@click.command(cls=_Commands, places=_PLACES, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--version", is_flag=True, expose_value=False, is_eager=True, callback=_show_version, help="Show it.")
# For its help alone: `run` takes it from the arguments, wherever it stands among them.
@click.option(
    "--debug", is_flag=True, expose_value=False, help="Show where an error came from; every command takes it."
)
def idefics_chat() -> None:
    """Talk about pictures with a vision-language model, in a terminal.

    \b
    idefics-chat                       opens the UI with the bundled demonstration
    idefics-chat cat.jpg               opens it with a picture attached
    idefics-chat ask TEXT -i cat.jpg   asks one question
    idefics-chat chat --help           tells the options of the UI
    """  # noqa: D301 - the escape is click's mark for lines that it must not join


def with_default_command(arguments: Sequence[str]) -> list[str]:
    """The arguments with `chat` before them where no command is named: pictures and options go to the UI."""
    first = arguments[0] if arguments else ""
    if first in COMMANDS or first in ("-h", "--help", "--version"):
        return list(arguments)
    if first.startswith("-"):
        for later in arguments:
            if later in COMMANDS:
                raise click.UsageError(f"{later} comes first, its options after it: idefics-chat {later} ...")
    elif first:
        _refuse_mistyped_command(first)
    return ["chat", *arguments]


def _refuse_mistyped_command(word: str) -> None:
    """Raise UsageError for a word that is nearly a command: what is neither that nor a file is taken for a picture."""
    if "." in word or os.path.lexists(word):
        return
    from difflib import get_close_matches

    for command in get_close_matches(word, COMMANDS, n=1):
        raise click.UsageError(f"there is no command and no picture {word!r}: did you mean '{command}'?")


def run(arguments: Sequence[str]) -> int:
    """Run the program; gives its exit code. Whatever goes wrong is one line on stderr, unless `--debug` is given."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A terminal that cannot show a character shows its number.
            stream.reconfigure(errors="backslashreplace")
    end = arguments.index("--") if "--" in arguments else len(arguments)
    debug = "--debug" in arguments[:end]
    arguments = [*(argument for argument in arguments[:end] if argument != "--debug"), *arguments[end:]]
    try:
        return _run(arguments)
    except (KeyboardInterrupt, click.Abort):
        return INTERRUPTED
    except Exception as error:
        # The program's own border: nothing beyond it turns an error into a line and a documented code.
        words, code = _in_words(error)
        if debug:
            words = _trace()
        with contextlib.suppress(OSError):
            click.echo(words, err=True)
        _forget_unwritten()
        return code


def _run(arguments: Sequence[str]) -> int:
    try:
        code = _invoke(arguments)
        if sys.stdout is not None:
            sys.stdout.flush()
        return code
    except BrokenPipeError:
        # Whoever read the output has seen enough.
        _forget_unwritten()
        return 0


def _invoke(arguments: Sequence[str]) -> int:
    try:
        # Not by `main`, which would end the program with 1 when nobody reads its output any more.
        with idefics_chat.make_context("idefics-chat", with_default_command(arguments)) as context:
            code = idefics_chat.invoke(context)
        return code if isinstance(code, int) else 0
    except click.exceptions.Exit as exit_request:
        return exit_request.exit_code


def _forget_unwritten() -> None:
    """Give up output that nobody takes: the interpreter would try it again, and exit with a code of its own."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError:
        with contextlib.suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.__stdout__.fileno() if sys.__stdout__ else 1)


def _in_words(error: Exception) -> tuple[str, int]:
    """What went wrong, in one line but for wrong usage, which shows how it is used; and the exit code."""
    from chat.safe_text import printable

    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        # A group without its command: the whole help is its message.
        return printable(error.format_message()), error.exit_code
    usage = ""
    if isinstance(error, click.ClickException):
        # A value that does not fit its option says all there is to say.
        is_value = isinstance(error, click.BadParameter) and not isinstance(error, click.MissingParameter)
        if isinstance(error, click.UsageError) and error.ctx and not is_value:
            usage = error.ctx.get_usage() + "\n"
        words, code = error.format_message(), error.exit_code
    elif isinstance(error, ChatError):
        words, code = str(error), error.exit_code
    elif isinstance(error, OSError):
        words, code = f"{error.filename or 'the output'}: {error.strerror}", 3
    else:
        first_line = (str(error).splitlines() or [""])[0]
        words, code = f"an error of the program: {type(error).__name__}: {first_line} (--debug shows where)", 4
    return f"{printable(usage)}idefics-chat: {printable(words, multiline=False)}", code


def _trace() -> str:
    """The traceback of the error that is being handled."""
    import traceback

    from chat.safe_text import printable

    return printable(traceback.format_exc().removesuffix("\n"))
