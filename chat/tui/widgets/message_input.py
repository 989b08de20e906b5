"""The text of the message being written."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.widgets import TextArea

from chat.attachments import dropped_paths
from chat.safe_text import printable


class MessageInput(TextArea):
    """A text area in which enter sends. It has no language: the highlighter that would bring can crash."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "send", "Send", show=False, tooltip="Send the message, or queue it"),
        Binding("ctrl+j", "new_line", "New line", show=False, tooltip="Begin a new line"),
        Binding("up", "cursor_up", "Up", show=False, tooltip="When empty: edit what waits, or try an example"),
        Binding("pageup", "scroll_log(-1)", "Earlier", show=False, tooltip="Scroll the conversation up"),
        Binding("pagedown", "scroll_log(1)", "Later", show=False, tooltip="Scroll the conversation down"),
        Binding("ctrl+home", "scroll_log(-2)", "First", show=False, tooltip="Scroll to the beginning"),
        Binding("ctrl+end", "scroll_log(2)", "Last", show=False, tooltip="Scroll to the end"),
    ]

    class Sent(Message):
        """Enter was pressed; the text is taken out, so that what is typed next begins a new one."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    class Dropped(Message):
        """Files were dropped, or their names pasted."""

        def __init__(self, paths: Sequence[Path], text: str) -> None:
            super().__init__()
            self.paths = paths
            self.text = text

    class Scrolled(Message):
        """The conversation is to scroll: a page (1) or to an end (2), up where negative."""

        def __init__(self, by: int) -> None:
            super().__init__()
            self.by = by

    class Moved(Message):
        """Up (-1) or down (1) was pressed where the text itself has nowhere to go, or a list is open."""

        def __init__(self, by: int) -> None:
            super().__init__()
            self.by = by

    class BackspacedAtStart(Message):
        """Backspace was pressed before the first character."""

    class Completed(Message):
        """Tab was pressed while the list of commands was open."""

    def __init__(self) -> None:
        super().__init__(compact=True, highlight_cursor_line=False, id="message")
        self.is_completing = False
        """Whether a list of commands is open, which takes up, down and tab."""

    async def _on_key(self, event: events.Key) -> None:
        """Take every key that means something here, in the order of typing.

        Left to Textual, a key that is bound goes up to the app before its action is run: characters typed right behind
        it would overtake it. By a binding with priority it would itself overtake those typed just before.
        """
        match event.key:
            case "enter":
                self.action_send()
            case "ctrl+j" | "shift+enter":
                self.action_new_line()
            case "tab" if self.is_completing:
                self.post_message(self.Completed())
            case key:
                if event.is_printable or not await self._run_bound(key):
                    await super()._on_key(event)
                    return
        event.stop()
        event.prevent_default()

    async def _run_bound(self, key: str) -> bool:
        """Run what a key is bound to in this widget; tells whether that was anything."""
        bound = self.screen.active_bindings.get(key)
        return bound is not None and bound.node is self and await self.app.run_action(bound.binding.action, self)

    def action_send(self) -> None:
        """Send the message."""
        text, self.text = self.text, ""
        self.post_message(self.Sent(text))

    def action_new_line(self) -> None:
        """Begin a new line."""
        self.insert("\n")
        self.scroll_cursor_visible()

    def action_scroll_log(self, by: int) -> None:
        """Scroll the conversation."""
        self.post_message(self.Scrolled(by))

    def action_cursor_up(self, select: bool = False) -> None:
        """Move the cursor, or leave an empty text upward."""
        if self.is_completing or not self.text:
            self.post_message(self.Moved(-1))
        else:
            super().action_cursor_up(select)

    def action_cursor_down(self, select: bool = False) -> None:
        """Move the cursor, or go down in the list."""
        if self.is_completing:
            self.post_message(self.Moved(1))
        else:
            super().action_cursor_down(select)

    def action_delete_left(self) -> None:
        """Delete a character, or, before the first one, the last picture."""
        if self.cursor_location == (0, 0) and self.selection.is_empty:
            self.post_message(self.BackspacedAtStart())
        else:
            super().action_delete_left()

    async def _on_paste(self, event: events.Paste) -> None:
        """Insert pasted text at once, before the next key; only where it names files may it be something else."""
        event.stop()
        event.prevent_default()
        if paths := dropped_paths(event.text):
            self.post_message(self.Dropped(paths, event.text))
        else:
            self.insert_pasted(event.text)

    def insert_pasted(self, text: str) -> None:
        """Insert text from outside at the cursor."""
        start, end = self.selection
        shown = safe_draft(text)
        if result := self.replace(shown, start, end, maintain_selection_offset=False):
            self.move_cursor(result.end_location)

    def action_paste(self) -> None:
        """Insert what was copied inside the program."""
        self.insert_pasted(self.app.clipboard)

    def notify_style_update(self) -> None:
        """Forget drawn lines, which keep the colours of the theme they were drawn in."""
        super().notify_style_update()
        self._line_cache.clear()

    def __rich_repr__(self) -> Any:
        """Never the text: it is the user's."""
        yield "id", self.id


def safe_draft(text: str) -> str:
    """Text from outside as it may stand in the composer: its line ends made one kind, its controls made visible."""
    return printable(text.replace("\r\n", "\n").replace("\r", "\n"))
