"""The text of the message being written."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

from textual import events
from textual.binding import BindingType
from textual.geometry import Offset
from textual.message import Message
from textual.widgets import TextArea
from textual.widgets.text_area import Edit, EditResult

from chat.attachments import dropped_paths
from chat.safe_text import printable
from chat.tui.binding import Binding
from chat.tui.widgets.bound_keys import run_bound


class Place:
    """Where in the text something is to be put that has to be looked up first; it moves with what is typed before it.

    Whatever is typed at the place itself comes behind it, as behind a paste that is there at once.
    """

    def __init__(self, index: int) -> None:
        self.index = index

    def edited(self, start: int, end: int, length: int) -> None:
        """Move with an edit: so many characters in the place of those between two indices."""
        if start < self.index and end <= self.index:
            self.index += length - (end - start)
        elif start < self.index:
            self.index = start


class MessageInput(TextArea):
    """A text area in which enter sends. It has no language: the highlighter that would bring can crash."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "send", "Send", show=False, tooltip="Send the message, or queue it"),
        Binding("ctrl+j", "new_line", "New line", show=False, tooltip="Begin a new line"),
        Binding("up", "cursor_up", "Up", show=False, tooltip="When empty: edit what waits, or try an example"),
        Binding(
            "pageup", "scroll_log(-1)", "Earlier", show=False, tooltip="Scroll the conversation up", id="scroll_up"
        ),
        Binding(
            "pagedown", "scroll_log(1)", "Later", show=False, tooltip="Scroll the conversation down", id="scroll_down"
        ),
        Binding(
            "ctrl+home", "scroll_log(-2)", "First", show=False, tooltip="Scroll to the beginning", id="scroll_first"
        ),
        Binding("ctrl+end", "scroll_log(2)", "Last", show=False, tooltip="Scroll to the end", id="scroll_last"),
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
        """Tab was pressed while a list was open, or enter where that chooses from it."""

    class PasteWanted(Message):
        """What lies in the clipboard is to be put into the message."""

        def __init__(self, place: Place) -> None:
            super().__init__()
            self.place = place

    class PictureWantedBack(Message):
        """The picture that was taken out last is to come back."""

    def __init__(self) -> None:
        super().__init__(compact=True, highlight_cursor_line=False, id="message")
        self.is_completing = False
        """Whether a list is open, which takes up, down and tab."""
        self.is_placing = False
        """Whether it is the list of pictures, which takes enter too."""
        self.text_without_picture: str | None = None
        """The text as it was when a picture was taken out: as long as it is so, that is what is undone first."""
        self._places: list[Place] = []

    def update_node_styles(self, animate: bool = True) -> None:
        """Style it and its parts, of which there are many; not before the screen is shown, which styles what it has."""
        if self.is_attached and self.screen.stack_updates:
            super().update_node_styles(animate)

    async def _on_key(self, event: events.Key) -> None:
        """Take every key that means something here, in the order of typing.

        By a binding with priority a key would overtake those typed just before; `run_bound` tells the rest.
        """
        match event.key:
            case "enter" if not self.is_placing:
                self.action_send()
            case "ctrl+j" | "shift+enter":
                self.action_new_line()
            case "tab" | "enter" if self.is_completing:
                self.post_message(self.Completed())
            case key:
                if event.is_printable or not await run_bound(self, key):
                    await super()._on_key(event)
                    return
        event.stop()
        event.prevent_default()

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

    def insert_pasted(self, text: str, place: Place | None = None) -> None:
        """Insert text from outside at the cursor, or at a place that waits for it."""
        start, end = self.selection
        if place is not None and place in self._places:
            self._places.remove(place)
            location = self.location_of(place.index)
            if location != max(start, end):
                self.replace(safe_draft(text), location, location)
                return
        if result := self.replace(safe_draft(text), start, end, maintain_selection_offset=False):
            self.move_cursor(result.end_location)

    def index_of(self, location: tuple[int, int]) -> int:
        """How many characters stand before a location."""
        return len(self.get_text_range((0, 0), location))

    def location_of(self, index: int) -> tuple[int, int]:
        """Where so many characters stand before; the end of the text where there are not as many."""
        before = self.text[:index]
        return before.count("\n"), len(before) - (before.rfind("\n") + 1)

    def scroll_cursor_visible(self, center: bool = False, animate: bool = False) -> Offset:
        """Scroll to the cursor, where it is inside the text.

        An undo that takes lines away shows the scrollbar anew before the cursor is brought back.
        """
        if self.cursor_location[0] >= self.document.line_count:
            return Offset()
        return super().scroll_cursor_visible(center, animate)

    def action_paste(self) -> None:
        """Ask for what lies in the clipboard; meanwhile more can be typed."""
        place = Place(self.index_of(max(self.selection)))
        self._places.append(place)
        self.post_message(self.PasteWanted(place))

    def action_undo(self) -> None:
        """Undo what was done last: the text, or the taking out of a picture."""
        if self.text == self.text_without_picture:
            self.post_message(self.PictureWantedBack())
        else:
            super().action_undo()

    def edit(self, edit: Edit) -> EditResult:
        """Change the text; places that wait for something move with it."""
        if self._places:
            start, end = self.index_of(edit.top), self.index_of(edit.bottom)
            for place in self._places:
                place.edited(start, end, len(edit.text))
        return super().edit(edit)

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
