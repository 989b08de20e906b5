"""The lists that open above the message being written: commands, and the pictures that a mark can place."""

from typing import TYPE_CHECKING, Final

from textual import on
from textual.containers import Vertical
from textual.widgets import OptionList

from chat.conversation import Image
from chat.talk.commands import Command
from chat.tui.widgets.draft_pictures import DraftPictures
from chat.tui.widgets.message_input import MessageInput

# Imported when the first command or mark is typed.
if TYPE_CHECKING:
    from chat.tui.widgets.command_list import CommandList
    from chat.tui.widgets.mark_list import MarkList

SHARE: Final = 0.4
"""Of the window's rows that the message takes at most."""
COMPLETING_SHARE: Final = 0.6
"""The same while a command is typed and the list of commands is open."""
MOST_ROWS: Final = 8
"""Of the text, and of the list of commands."""


class CompletingField(Vertical):
    """Holds a text and its pictures, and completes what is begun in it."""

    def __init__(self) -> None:
        super().__init__()
        self._pictures = DraftPictures()
        self._window_rows = 24
        self._commands: CommandList | None = None
        self._marks: MarkList | None = None

    @property
    def has_chips(self) -> bool:
        """Whether there is a row of chips above the text."""
        return bool(self._images)

    def fit(self, window_rows: int) -> None:
        """Leave the conversation its share of a window, and the text a row whatever else there is.

        In rows and not as shares in the style sheet, which count for nothing where heights follow from contents.
        """
        self._window_rows = window_rows
        share = COMPLETING_SHARE if self.is_completing else SHARE
        frame_rows = self.styles.gutter.height
        rows = max(int(window_rows * share) - frame_rows, 2)
        self.styles.max_height = rows + frame_rows
        rows -= 1 if self.has_chips else 0
        self._input.styles.max_height = min(max(rows, 1), MOST_ROWS)
        for completions_shown in (self._commands, self._marks):
            if completions_shown is not None:
                completions_shown.styles.max_height = min(max(rows - 1, 1), MOST_ROWS)

    @property
    def is_completing(self) -> bool:
        """Whether a list of commands or pictures is open."""
        return self._input.is_completing

    def leave_upward(self) -> None:
        """Up was pressed where there is nothing to go up to in the field."""

    async def close_list(self) -> None:
        """Close the list; the text stays."""
        await self._show_commands(())
        self._hide_marks()

    @property
    def _input(self) -> MessageInput:
        return self.query_one(MessageInput)

    @property
    def _images(self) -> tuple[Image, ...]:
        return self._pictures.images

    @property
    def _first_number(self) -> int:
        return self._pictures.first_number

    @property
    def _chosen(self) -> Command | None:
        """The command the pointer is on, where the list is open."""
        return self._commands.chosen if self._commands is not None else None

    async def _show_commands(self, found: tuple[Command, ...]) -> None:
        if found and self._commands is None:
            from chat.tui.widgets.command_list import CommandList

            self._commands = CommandList()
            await self.mount(self._commands, before=self._input)
        if self._commands is not None:
            self._commands.show(found)
        self._input.is_completing, self._input.is_placing = bool(found), False
        self.fit(self._window_rows)

    async def _show_marks(self) -> None:
        """Offer the marks of the pictures while one is typed right before the cursor."""
        from chat.tui.widgets.mark_list import MarkList, begun_mark

        row, column = self._input.cursor_location
        digits = begun_mark(self._input.document.get_line(row)[:column])
        if digits is None:
            self._hide_marks()
            return
        if self._marks is None:
            self._marks = MarkList()
            await self.mount(self._marks, before=self._input)
        if self._marks.show(self._images, self._first_number, digits):
            self._input.is_completing = self._input.is_placing = True
            self.fit(self._window_rows)

    def _hide_marks(self) -> None:
        if self._marks is not None:
            self._marks.hide()
        if self._input.is_placing:
            self._input.is_completing = self._input.is_placing = False

    @on(MessageInput.Moved)
    def _move(self, message: MessageInput.Moved) -> None:
        message.stop()
        if self._input.is_placing and self._marks is not None:
            self._marks.move(message.by)
        elif self.is_completing and self._commands is not None:
            self._commands.move(message.by)
        else:
            self.leave_upward()

    @on(MessageInput.Completed)
    def _complete(self, message: MessageInput.Completed) -> None:
        message.stop()
        if self._input.is_placing:
            self._complete_mark()
        elif command := self._chosen:
            self._input.text = f"/{command.name} " if command.argument else f"/{command.name}"
            self._input.move_cursor(self._input.document.end)

    def _complete_mark(self) -> None:
        number = self._marks.chosen if self._marks is not None else None
        row, column = self._input.cursor_location
        start = self._input.document.get_line(row)[:column].rfind("[")
        if number is not None and start >= 0:
            self._input.replace(f"[{number}]", (row, start), (row, column), maintain_selection_offset=False)
        self._hide_marks()

    @on(OptionList.OptionSelected)
    def _run_clicked(self, message: OptionList.OptionSelected) -> None:
        message.stop()
        if self._input.is_placing:
            self._complete_mark()
        else:
            self._input.action_send()
