"""Where a message is written: its pictures, its text, and the commands that begin as typed."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.widgets import OptionList, TextArea

from chat.conversation import Image
from chat.records import Draft
from chat.talk.commands import Call, Command, completions, parse
from chat.talk.marks import renumbered, without_picture
from chat.tui.widgets.message_input import MessageInput, safe_draft

# Imported when the first picture is attached or the first command typed.
if TYPE_CHECKING:
    from chat.tui.widgets.chips import ChipRow
    from chat.tui.widgets.command_list import CommandList

SHARE: Final = 0.4
"""Of the window's rows that the message takes at most."""
COMPLETING_SHARE: Final = 0.6
"""The same while a command is typed and the list of commands is open."""
MOST_ROWS: Final = 8
"""Of the text, and of the list of commands."""

HINT = Content("enter send · ctrl+j new line")


class Composer(Vertical):
    """The message being written."""

    class Submitted(Message):
        """A message is to be sent."""

        def __init__(self, draft: Draft) -> None:
            super().__init__()
            self.draft = draft

    class Called(Message):
        """A slash command is to be run."""

        def __init__(self, call: Call, text: str) -> None:
            super().__init__()
            self.call = call
            self.text = text
            """As it was typed."""

    class Changed(Message):
        """The message is another than before."""

    class LeftUpward(Message):
        """Up was pressed in an empty message."""

    def __init__(self) -> None:
        super().__init__()
        self._images: tuple[Image, ...] = ()
        self._first_number = 1
        self._window_rows = 24
        self._chips: ChipRow | None = None
        self._commands: CommandList | None = None
        self.border_subtitle = HINT

    def compose(self) -> ComposeResult:
        """The text; pictures and commands get their places above it when there are any."""
        yield MessageInput()

    def on_mount(self) -> None:
        """Say what the place is for."""
        self._show_placeholder()

    def fit(self, window_rows: int) -> None:
        """Leave the conversation its share of a window, and the text a row whatever else there is.

        In rows and not as shares in the style sheet, which count for nothing where heights follow from contents.
        """
        self._window_rows = window_rows
        share = COMPLETING_SHARE if self.is_completing else SHARE
        frame_rows = self.styles.gutter.height
        rows = max(int(window_rows * share) - frame_rows, 2)
        self.styles.max_height = rows + frame_rows
        rows -= 1 if self._images else 0
        self._input.styles.max_height = min(max(rows, 1), MOST_ROWS)
        if self._commands is not None:
            self._commands.styles.max_height = min(max(rows - 1, 1), MOST_ROWS)

    @property
    def draft(self) -> Draft:
        """The message as it stands."""
        return Draft(self._input.text, self._images)

    @property
    def is_completing(self) -> bool:
        """Whether a list of commands is open."""
        return self._input.is_completing

    async def show_draft(self, draft: Draft, first_number: int) -> None:
        """Put a message in the place of the one being written; its pictures begin at the given number."""
        self._images, self._first_number = draft.images, first_number
        self._input.text = safe_draft(draft.text)
        self._input.move_cursor(self._input.document.end)
        await self._show_images()

    def take(self) -> Draft:
        """Take the message out, at once."""
        text, self._input.text = self._input.text, ""
        return Draft(text, self.take_images())

    def take_images(self) -> tuple[Image, ...]:
        """Take the pictures out, at once; they are seen to go a little later."""
        images, self._images = self._images, ()
        if images:
            self.call_later(self._show_images)
        return images

    async def put_back(self, draft: Draft, first_number: int) -> None:
        """Put a message that was not sent in front of what was written since."""
        written = renumbered(self.draft, self._first_number, first_number + len(draft.images))
        text = "\n\n".join(text for text in (draft.text, written.text) if text)
        await self.show_draft(Draft(text, (*draft.images, *written.images)), first_number)

    async def number_from(self, first_number: int) -> None:
        """Number the pictures anew; marks in the text go with them."""
        if first_number != self._first_number:
            await self.show_draft(renumbered(self.draft, self._first_number, first_number), first_number)

    async def attach(self, images: Sequence[Image]) -> None:
        """Add pictures behind those that are there; one that is there already is not added again."""
        self._images += tuple(image for image in dict.fromkeys(images) if image not in self._images)
        await self._show_images()

    async def replace_image(self, old: Image, new: Image) -> None:
        """Put a picture in the place of another."""
        self._images = tuple(new if image == old else image for image in self._images)
        await self._show_images()

    def insert(self, text: str) -> None:
        """Insert text from outside at the cursor."""
        self._input.insert_pasted(text)

    def show_purpose(self, purpose: str) -> None:
        """Say at the top what is written here, where it is no message at the end; empty where it is one."""
        self.border_title = Content.styled(purpose, "$text-accent") if purpose else None
        self.set_class(bool(purpose), "-editing")

    def focus_text(self) -> None:
        """Let the next key be typed here."""
        self._input.focus()

    async def close_list(self) -> None:
        """Close the list of commands; the text stays."""
        await self._show_commands(())

    @property
    def _input(self) -> MessageInput:
        return self.query_one(MessageInput)

    async def _show_images(self) -> None:
        if self._images and self._chips is None:
            from chat.tui.widgets.chips import ChipRow

            self._chips = ChipRow()
            await self.mount(self._chips, before=0)
        if self._chips is not None:
            await self._chips.show(self._images, self._first_number)
        self._show_placeholder()
        self.fit(self._window_rows)
        self.post_message(self.Changed())

    def suggest(self, question: str) -> None:
        """Say that an empty message asks a question about the pictures that are attached now."""
        self._input.placeholder = f"Ask, or press enter for “{question}”"

    def _show_placeholder(self) -> None:
        if not self._images:
            self._input.placeholder = "Ask about a picture, or / for commands"
        elif len(self._images) == 1:
            self._input.placeholder = "Ask about the picture; enter alone sends it"
        else:
            self._input.placeholder = "Ask about the pictures; enter alone sends them"

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
        self._input.is_completing = bool(found)
        self.fit(self._window_rows)

    @on(TextArea.Changed)
    async def _take_change(self, message: TextArea.Changed) -> None:
        message.stop()
        await self._show_commands(completions(self._input.text))
        self.post_message(self.Changed())

    @on(MessageInput.Moved)
    def _move(self, message: MessageInput.Moved) -> None:
        message.stop()
        if self.is_completing and self._commands is not None:
            self._commands.move(message.by)
        else:
            self.post_message(self.LeftUpward())

    @on(MessageInput.Completed)
    def _complete(self, message: MessageInput.Completed) -> None:
        message.stop()
        if command := self._chosen:
            self._input.text = f"/{command.name} " if command.argument else f"/{command.name}"
            self._input.move_cursor(self._input.document.end)

    @on(OptionList.OptionSelected)
    def _run_clicked(self, message: OptionList.OptionSelected) -> None:
        message.stop()
        self._input.action_send()

    @on(MessageInput.Sent)
    async def _send(self, message: MessageInput.Sent) -> None:
        message.stop()
        text = message.text
        if found := completions(text):
            command = self._chosen if self._chosen in found else found[0]
            await self.close_list()
            self.post_message(self.Called(Call(command.name), text))
        elif call := parse(text):
            self.post_message(self.Called(call, text))
        elif self._images or text.strip():
            self.post_message(self.Submitted(Draft(text, self._images)))
            self.take_images()

    @on(MessageInput.BackspacedAtStart)
    async def _remove_last(self, message: MessageInput.BackspacedAtStart) -> None:
        message.stop()
        if self._images:
            await self._remove(len(self._images) - 1)

    async def on_chip_row_removed(self, message: "ChipRow.Removed") -> None:
        """Take a picture out."""
        message.stop()
        await self._remove(message.position)

    async def _remove(self, position: int) -> None:
        number, last = self._first_number + position, self._first_number + len(self._images) - 1
        text = without_picture(self._input.text, number, last)
        self._images = (*self._images[:position], *self._images[position + 1 :])
        if text != self._input.text:
            self._input.text = text
        await self._show_images()
