"""Where a message is written: its pictures, its text, and the commands that begin as typed."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from textual import on
from textual.app import ComposeResult
from textual.content import Content
from textual.message import Message
from textual.widgets import TextArea

from chat.conversation import Image
from chat.drafts import Draft
from chat.talk.commands import Call, Command, completions, parse
from chat.talk.marks import renumbered
from chat.tui.widgets.completing import CompletingField
from chat.tui.widgets.message_input import MessageInput, Place, safe_draft

# Imported when the first picture is attached.
if TYPE_CHECKING:
    from chat.tui.widgets.chips import ChipRow

HINT = Content("enter send · ctrl+j new line")


class Composer(CompletingField):
    """The message being written."""

    class Submitted(Message):
        """A message is to be sent."""

        def __init__(self, draft: Draft) -> None:
            super().__init__()
            self.draft = draft

    class SentNothing(Message):
        """Enter was pressed in an empty message."""

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
        self._unread: tuple[str, ...] = ()
        """Names of files that are no pictures, until the message changes."""
        self._unread_with = Draft()
        self._chips: ChipRow | None = None
        self.border_subtitle = HINT

    def compose(self) -> ComposeResult:
        """The text; pictures and commands get their places above it when there are any."""
        yield MessageInput()

    def on_mount(self) -> None:
        """Say what the place is for."""
        self._show_placeholder()

    @property
    def draft(self) -> Draft:
        """The message as it stands."""
        return Draft(self._input.text, self._images)

    async def show_draft(self, draft: Draft, first_number: int) -> None:
        """Put a message in the place of the one being written; its pictures begin at the given number."""
        self._pictures.show(draft.images, first_number)
        self.show_text(draft.text)
        await self._show_images()

    def show_text(self, text: str) -> None:
        """Put a text in the place of the one being written; its pictures stay."""
        self._input.text = safe_draft(text)
        self._input.move_cursor(self._input.document.end)

    def begin_command(self, command: Command) -> None:
        """Run a command that needs nothing behind it; any other is put before what is written, to be completed."""
        if not command.argument:
            self.post_message(self.Called(Call(command.name), f"/{command.name}"))
            return
        begun = f"/{command.name} "
        self._input.text = begun + self._input.text
        self._input.move_cursor((0, len(begun)))
        self.focus_text()

    def take(self) -> Draft:
        """Take the message out, at once."""
        text, self._input.text = self._input.text, ""
        return Draft(text, self.take_images())

    def take_images(self) -> tuple[Image, ...]:
        """Take the pictures out, at once; they are seen to go a little later."""
        images = self._pictures.take()
        if images:
            self.call_later(self._show_images)
        return images

    async def put_back(self, draft: Draft, first_number: int) -> None:
        """Put a message that was not sent in front of what was written since."""
        written = renumbered(self.draft, self._first_number, first_number + len(draft.images))
        text = "\n\n".join(text for text in (draft.text, written.text) if text)
        await self.show_draft(Draft(text, (*draft.images, *written.images)), first_number)

    def select(self, text: str) -> None:
        """Let the next key replace all of the text, where it is this one."""
        if self._input.text == text:
            self._input.select_all()

    async def number_from(self, first_number: int) -> None:
        """Number the pictures anew; marks in the text go with them."""
        if first_number != self._first_number:
            await self.show_draft(renumbered(self.draft, self._first_number, first_number), first_number)

    async def attach(self, images: Sequence[Image]) -> tuple[Image, ...]:
        """Add pictures behind those that are there; gives those that were there already and are not added again."""
        known = self._pictures.attach(images)
        await self._show_images()
        return known

    async def replace_image(self, old: Image, new: Image) -> None:
        """Put a picture in the place of another."""
        self._pictures.replace(old, new)
        await self._show_images()

    def put_in_place(self, words: str, image: Image) -> None:
        """Let a picture's mark stand where words stand that it came from; alone they go without one."""
        before, found, after = self._input.text.partition(words)
        if found:
            number = self._first_number + self._images.index(image)
            mark = f"[{number}]" if before.strip() or after.strip() else ""
            start, end = (self._input.location_of(index) for index in (len(before), len(before + words)))
            self._input.replace(mark, start, end)

    async def show_unread(self, names: Sequence[str]) -> None:
        """Show the names of files that are no pictures, until the message changes."""
        if names or self._unread:
            self._unread, self._unread_with = tuple(names), self.draft
            await self._show_images()

    def insert(self, text: str, place: Place | None = None) -> None:
        """Insert text from outside at the cursor, or at a place that waits for it."""
        self._input.insert_pasted(text, place)

    def show_purpose(self, purpose: str) -> None:
        """Say at the top what is written here, where it is no message at the end; empty where it is one."""
        self.border_title = Content.styled(purpose, "$text-accent") if purpose else None
        self.set_class(bool(purpose), "-editing")

    def focus_text(self) -> None:
        """Let the next key be typed here."""
        self._input.focus()

    @property
    def has_chips(self) -> bool:
        """Whether there is a row of chips above the text."""
        return bool(self._images or self._unread)

    def leave_upward(self) -> None:
        """Tell that up was pressed in an empty message."""
        self.post_message(self.LeftUpward())

    async def _show_images(self) -> None:
        self._input.text_without_picture = self._pictures.text_since
        if self.has_chips and self._chips is None:
            from chat.tui.widgets.chips import ChipRow

            self._chips = ChipRow()
            await self.mount(self._chips, before=0)
        if self._chips is not None:
            await self._chips.show(self._images, self._first_number, self._unread)
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

    @on(TextArea.Changed)
    async def _take_change(self, message: TextArea.Changed) -> None:
        message.stop()
        if self._unread and self.draft != self._unread_with:
            await self.show_unread(())
        await self._show_commands(completions(self._input.text))
        if self._images:
            await self._show_marks()
        self.post_message(self.Changed())

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
        else:
            self.post_message(self.SentNothing())

    @on(MessageInput.BackspacedAtStart)
    async def _remove_last(self, message: MessageInput.BackspacedAtStart) -> None:
        message.stop()
        if self._unread:
            await self.show_unread(())
        elif self._images:
            await self._remove(len(self._images) - 1)

    @on(MessageInput.PictureWantedBack)
    async def _bring_back(self, message: MessageInput.PictureWantedBack) -> None:
        message.stop()
        text = self._pictures.restore()
        if text is not None and text != self._input.text:
            self._write(text)
        await self._show_images()

    async def on_chip_row_removed(self, message: "ChipRow.Removed") -> None:
        """Take a picture out, or the name of what is none."""
        message.stop()
        if message.position is None:
            await self.show_unread(())
        else:
            await self._remove(message.position)

    async def _remove(self, position: int) -> None:
        text = self._pictures.remove(position, self._input.text)
        if text != self._input.text:
            self._write(text)
        await self._show_images()

    def _write(self, text: str) -> None:
        self._input.text = text
        self._input.move_cursor(self._input.document.end)
