"""The slash commands that begin as typed."""

from textual.content import Content
from textual.widgets.option_list import Option

from chat.talk.commands import USAGE_CELLS, Command
from chat.tui.widgets.choices import Choices


class CommandList(Choices, can_focus=False):
    """Shown above the text while a command's name is typed; the keys come from there."""

    def __init__(self) -> None:
        super().__init__(compact=True)
        self._commands: tuple[Command, ...] = ()

    @property
    def chosen(self) -> Command | None:
        """The command the pointer is on; None where nothing is shown."""
        if not self.display or self.highlighted is None:
            return None
        return self._commands[self.highlighted]

    def show(self, commands: tuple[Command, ...]) -> None:
        """Show these commands, the first one chosen."""
        if commands == self._commands and self.display:
            return
        self._commands = commands
        self.display = bool(commands)
        self.clear_options()
        self.add_options(
            Option(
                Content.assemble((f"{command.usage:<{USAGE_CELLS}}", "$text-primary"), (command.description, "$quiet"))
            )
            for command in commands
        )
        self.highlighted = 0 if commands else None

    def move(self, by: int) -> None:
        """Choose the next or the previous one."""
        if by < 0:
            self.action_cursor_up()
        else:
            self.action_cursor_down()
