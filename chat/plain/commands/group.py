"""What every group of commands has."""

from chat.errors import UsageError
from chat.plain.output import Output
from chat.plain.talk import Talk
from chat.talk.commands import Call


class CommandGroup:
    """Commands as methods `command_NAME`, which raise a ChatError where they cannot be done."""

    def __init__(self, talk: Talk) -> None:
        self.talk = talk

    @property
    def output(self) -> Output:
        """Where they are answered."""
        return self.talk.output

    def say(self, text: str = "") -> None:
        """Answer with a line."""
        self.talk.output.say(text)


def count_of(call: Call, default: int) -> int:
    """The number behind a command, or another where there is none; raises UsageError for anything else."""
    argument = call.argument.strip()
    if not argument:
        return default
    if not (argument.isascii() and argument.isdigit() and len(argument) < 10):
        raise UsageError(f"/{call.name} takes a number: /{call.name} 2")
    return int(argument)
