"""The slash commands: their names, what they do in words, and how one is told from a message."""

import re
from collections.abc import Iterable
from typing import Final, NamedTuple

from chat.safe_text import short_line

_COMMAND = re.compile(r"/(?P<name>[a-z]+)(?:[ \t]+(?P<argument>\S.*?))?\s*", re.DOTALL | re.IGNORECASE)


class Command(NamedTuple):
    """A slash command."""

    name: str
    description: str
    argument: str = ""
    """What may follow the name, in words; empty when nothing may."""

    @property
    def usage(self) -> str:
        """How it is typed."""
        return f"/{self.name} {self.argument}".rstrip()


COMMANDS: Final = (
    Command("image", "attach a picture, or fetch it", "PATH | URL"),
    Command("paste", "attach or paste what is in the clipboard"),
    Command("new", "begin a new conversation"),
    Command("sessions", "open an earlier conversation"),
    Command("search", "find conversations by words, or by image:FILE", "WORDS"),
    Command("rename", "give the conversation a title", "TITLE"),
    Command("pin", "list the conversation first, or not any more"),
    Command("delete", "take the conversation out of the list"),
    Command("restore", "bring back what was deleted last"),
    Command("export", "save as FILE.json, .md, .html or .jsonl", "FILE"),
    Command("import", "keep conversations of a file or folder", "FILE"),
    Command("system", "show or set the text before the first turn", "TEXT"),
    Command("params", "see or change how replies are generated", "NAME=VALUE"),
    Command("drop", "hide the oldest, or a picture, from the model", "COUNT | [N]"),
    Command("copy", "copy the last reply, or its code", "code"),
    Command("details", "when, how and why of the last reply"),
    Command("times", "say of each turn when it was said"),
    Command("view", "a picture as large as the window", "NUMBER"),
    Command("last", "go to the last turn"),
    Command("prompt", "show or hide what the model sees"),
    Command("tokens", "list the last reply's tokens and likelihoods"),
    Command("stop", "stop the reply or the loading"),
    Command("regenerate", "reply again, at a temperature or with seed N", "0.7"),
    Command("continue", "go on with a reply that was cut", "NUMBER"),
    Command("edit", "change your last message, or NUMBER; a branch", "NUMBER"),
    Command("branch", "see all branches, or show version NUMBER", "NUMBER"),
    Command("undo", "take the last exchange out; it is kept"),
    Command("redo", "bring back what was undone"),
    Command("load", "load the checkpoint again"),
    Command("checkpoint", "choose what to talk with, or load NAME", "NAME"),
    Command("choose", "see how likely the model finds each label", "ONE | OTHER"),
    Command("caption", "ask for a caption; WORDS begin it", "WORDS"),
    Command("story", "ask for a story about the picture"),
    Command("each", "ask this of each attached picture by itself", "TEXT"),
    Command("example", "make the last exchange, or NUMBER, an example", "NUMBER"),
    Command("recipe", "write marked exchanges, or all, as a recipe", "FILE"),
    Command("fewshot", "begin a conversation with a recipe's examples", "FILE"),
    Command("replay", "play this conversation, or a saved one, back", "FILE | ID"),
    Command("compare", "have it answered by NAME | NAME,quantize=8bit", "NAME"),
    Command("theme", "see or change the colours", "NAME"),
    Command("editor", "write the message in your editor"),
    Command("help", "keys and commands"),
    Command("quit", "leave; everything is kept"),
)

USAGE_CELLS: Final = max(len(command.usage) for command in COMMANDS) + 2
"""Of the column in which commands are listed as they are typed, so that no description touches one."""


_MEANT: Final = {
    "tree": "branch",
    "retry": "regenerate",
    "model": "checkpoint",
    "settings": "params",
    "set": "params",
    "exit": "quit",
    "bye": "quit",
    "clear": "new",
    "reset": "new",
    "find": "search",
    "history": "sessions",
    "open": "sessions",
    "attach": "image",
    "save": "export",
    "code": "copy",
}
"""Names that people bring along from elsewhere, or from the keys."""


class Call(NamedTuple):
    """A command as somebody typed it; its name need not be one that exists."""

    name: str
    argument: str = ""

    @property
    def is_known(self) -> bool:
        """Whether there is such a command."""
        return any(command.name == self.name for command in COMMANDS)

    @property
    def takes_argument(self) -> bool:
        """Whether anything may follow the command's name."""
        return any(command.name == self.name and command.argument for command in COMMANDS)


def no_command(name: str, commands: Iterable[Command] = COMMANDS) -> str:
    """That there is no such command, and which one may be meant."""
    from difflib import get_close_matches

    names = [command.name for command in commands]
    near = [_MEANT[name]] if name in _MEANT else get_close_matches(name, names, n=1)
    meant = f", did you mean /{near[0]}? " if near else ": "
    return f"There is no command /{short_line(name, 20)}{meant}/help lists them"


def parse(text: str) -> Call | None:
    """The command a message is, or None for a message. A space in front, or a path, makes it a message."""
    match = _COMMAND.fullmatch(text)
    return Call(match["name"].lower(), match["argument"] or "") if match else None


def is_command(text: str) -> bool:
    """Whether enter would run a command, also one whose name is not yet typed to its end."""
    return bool(completions(text)) or parse(text) is not None


def completions(text: str) -> tuple[Command, ...]:
    """The commands whose name begins as typed; none once the name is followed by anything."""
    if not re.fullmatch(r"/[a-zA-Z]*", text):
        return ()
    return tuple(command for command in COMMANDS if command.name.startswith(text[1:].lower()))
