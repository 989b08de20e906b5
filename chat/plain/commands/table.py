"""The commands of the conversation line by line: those of the terminal UI, and some that only lines need."""

from collections.abc import Iterator
from typing import Final

from chat.talk.commands import COMMANDS, Command

_OWN: Final = (
    Command("image", "attach the picture in a file, or fetch it from an address", "PATH | URL"),
    Command("paste", "attach the picture in the clipboard"),
    Command("sample", "attach a sample picture, the first or NUMBER", "NUMBER"),
    Command("pictures", "list the pictures, attached and sent"),
    Command(
        "describe", "hear a caption of the newest picture, or of NUMBER; it is not added to the conversation", "NUMBER"
    ),
    Command("send", "send what was not sent, or the attached pictures without words"),
    Command("forget", "drop what was not sent, and the attached pictures"),
    Command("history", "show what was said, or the last COUNT turns", "COUNT"),
    Command("sessions", "list the newest conversations, or the newest COUNT", "COUNT"),
    Command("open", "go on with a conversation, by its NUMBER in the list or its id", "NUMBER"),
    Command("rename", "call the open conversation TITLE", "TITLE"),
    Command("delete", "take a conversation out of the list: the open one, or NUMBER in the list", "NUMBER"),
    Command("restore", "bring back the conversation deleted last, or the one of ID", "ID"),
    Command("search", 'find conversations by WORDS, or "WORDS TOGETHER", has:picture, checkpoint:NAME', "WORDS"),
    Command("pin", "let a conversation stand first in the list, or no more: the open one, or NUMBER", "NUMBER"),
    Command("prompt", "show exactly what the model is shown, and the tokens of every turn"),
    Command("context", "tell how much of the context is used"),
    Command("regenerate", "reply again: exchange 2, at temperature 0.7, with a seed", "2 0.7 seed 8"),
    Command("edit", "say WORDS in the place of your last message, or of NUMBER; a branch", "NUMBER WORDS"),
    Command("branch", "tell every branch, or show version NUMBER of the last turn that has several", "NUMBER"),
    Command("last", "tell the last turn again"),
    Command("replay", "tell this conversation, a saved one, or the one in FILE, from its first turn on", "FILE | ID"),
    Command("stop", "stop the loading; ctrl+c stops a reply"),
    Command("help", "list the commands"),
)
"""Where the terminal UI has one of this name, this is what it does here."""


def _all() -> Iterator[Command]:
    own = {command.name: command for command in _OWN}
    shared = {command.name for command in COMMANDS}
    # Help and quit stay at the end, where they are in the terminal UI.
    *first, last_but_one, last = COMMANDS
    for command in first:
        yield own.get(command.name, command)
    yield from (command for command in _OWN if command.name not in shared)
    yield from (own.get(command.name, command) for command in (last_but_one, last))


TABLE: Final = tuple(_all())
"""Every command of both."""
