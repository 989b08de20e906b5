"""What the slash commands do, line by line; each group of them is a class in a module of its own."""

from chat.errors import UsageError
from chat.plain.commands.asking import AskingCommands
from chat.plain.commands.branching import BranchingCommands
from chat.plain.commands.checkpoints import CheckpointCommands
from chat.plain.commands.general import GeneralCommands
from chat.plain.commands.pictures import PictureCommands
from chat.plain.commands.reading import ReadingCommands
from chat.plain.commands.recipes import RecipeCommands
from chat.plain.commands.seeing import SeeingCommands
from chat.plain.commands.sessions import SessionCommands
from chat.plain.commands.table import TABLE
from chat.plain.talk import Talk
from chat.talk.commands import Call, Command, no_command

GROUPS = (
    PictureCommands,
    SessionCommands,
    ReadingCommands,
    SeeingCommands,
    AskingCommands,
    BranchingCommands,
    RecipeCommands,
    CheckpointCommands,
    GeneralCommands,
)


def available() -> tuple[Command, ...]:
    """The commands that can be used here, in the order in which help lists them."""
    return tuple(command for command in TABLE if any(hasattr(group, f"command_{command.name}") for group in GROUPS))


def run_command(talk: Talk, call: Call) -> None:
    """Do what a command says.

    Raises:
        ChatError: There is no such command, or it cannot be done.
    """
    command = next((command for command in TABLE if command.name == call.name), None)
    if command is None:
        raise UsageError(f"{no_command(call.name, available())}; a space in front makes it a message.")
    if call.argument and not command.argument:
        raise UsageError(f"/{call.name} takes nothing behind it; a space in front makes it a message.")
    for group in GROUPS:
        if method := getattr(group(talk), f"command_{call.name}", None):
            method(call)
            return
    raise UsageError(f"/{call.name} is for the full screen: start idefics-chat without --plain for it.")
