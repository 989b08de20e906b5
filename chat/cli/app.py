"""The commands and how they are found; every error ends here as one line and an exit code.

Nothing heavy is imported before a command needs it: `--help` must be quick.
"""

import importlib
import sys
from collections.abc import Sequence
from typing import Final

import click

from chat.errors import ChatError

COMMANDS: Final = {
    "chat": ("chat.cli.chat", "Talk about pictures in the terminal UI; this is what runs without a command."),
    "ask": ("chat.cli.ask", "Ask one question and stream the reply."),
    "sessions": ("chat.cli.sessions", "List, show, rename, delete, restore, export and import saved sessions."),
}
"""Module and one-line help of every command; the command has its own name in the module."""

INTERRUPTED: Final = 130


class _LazyCommands(click.Group):
    """A group whose commands are imported when they are run, not when they are listed."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, _ = COMMANDS[cmd_name]
        command: click.Command = getattr(importlib.import_module(module), cmd_name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items()])


def _show_version(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        click.echo(f"idefics-chat {version('idefics-chat')}")
        ctx.exit()


@click.command(cls=_LazyCommands, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--version", is_flag=True, expose_value=False, is_eager=True, callback=_show_version, help="Show it.")
def idefics_chat() -> None:
    r"""Talk about pictures with a vision-language model, in a terminal.

    \b
    idefics-chat                       opens the UI with the bundled demonstration
    idefics-chat cat.jpg               opens it with a picture attached
    idefics-chat ask TEXT -i cat.jpg   asks one question
    """


def with_default_command(arguments: Sequence[str]) -> list[str]:
    """The arguments with `chat` before them where no command is named: pictures and options go to the UI."""
    first = arguments[0] if arguments else ""
    if first in COMMANDS or first in ("-h", "--help", "--version"):
        return list(arguments)
    return ["chat", *arguments]


def run(arguments: Sequence[str]) -> int:
    """Run the program; gives its exit code."""
    debug = "--debug" in arguments
    arguments = [argument for argument in arguments if argument != "--debug"]
    try:
        code = idefics_chat.main(with_default_command(arguments), prog_name="idefics-chat", standalone_mode=False)
        return code if isinstance(code, int) else 0
    except click.exceptions.Exit as exit_request:
        return exit_request.exit_code
    except click.ClickException as error:
        if debug:
            raise
        error.show()
        return error.exit_code
    except ChatError as error:
        if debug:
            raise
        return _told(error)
    except (KeyboardInterrupt, click.Abort):
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read the output has seen enough; the interpreter must not try to flush the rest.
        sys.stdout = None
        return 0


def _told(error: ChatError) -> int:
    from chat.safe_text import printable

    click.echo(f"idefics-chat: {printable(str(error), multiline=False)}", err=True)
    return error.exit_code
