"""Where keys go in the list of sessions: the line to search, the rows, and the line in which one gets a title."""

from typing import ClassVar, Final

from textual.binding import BindingType
from textual.events import Paste
from textual.message import Message

from chat.attachments import dropped_paths
from chat.tui.binding import Binding
from chat.tui.widgets.choices import Choices
from chat.tui.widgets.safe_input import SafeInput

NEAR_END: Final = 20
"""Rows before the last one at which more are asked for."""


class SearchLine(SafeInput):
    """What is typed here is looked for."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "submit", "Open", tooltip="Open the session that is marked, at first the first one"),
        Binding("down", "leave", "List", key_display="↓", tooltip="Go to the list, to open, rename, pin or delete any"),
    ]

    class Left(Message):
        """The next key is for the list."""

    def action_leave(self) -> None:
        """Ask for it."""
        self.post_message(self.Left())

    def _on_paste(self, event: Paste) -> None:
        """A picture that is dropped here, or of which the path is pasted, is what is looked for."""
        paths = dropped_paths(event.text)
        if len(paths) == 1 and '"' not in (path := str(paths[0])):
            event.stop()
            event.prevent_default()
            before = self.value[: self.cursor_position]
            space = " " if before and not before.endswith(" ") else ""
            self.insert_text_at_cursor(f'{space}image:"{path}"')


class TitleLine(SafeInput):
    """Gives a session a title: enter takes it, escape leaves it as it was."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "submit", "Rename", tooltip="Take this title"),
        Binding("escape", "leave", "Leave it", tooltip="Leave the title as it was"),
    ]

    class Left(Message):
        """The title stays."""

    def action_leave(self) -> None:
        """Ask for it."""
        self.post_message(self.Left())


class SessionOptions(Choices):
    """The rows."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "select", "Open", tooltip="Open the session"),
        Binding("r", "ask('rename')", "Rename", tooltip="Give the session a title"),
        Binding("p", "ask('pin')", "Pin", tooltip="Let the session stand before the others, or among them again"),
        Binding("d", "ask('delete')", "Delete", tooltip="Take the session out of the list"),
        Binding("u", "restore", "Undo", tooltip="Bring back the session deleted last"),
        Binding("c", "ask('copy')", "Copy", show=False, tooltip="Copy the session's id; pressed again, its title"),
        Binding("b", "ask('replay')", "Play back", show=False, tooltip="Play the session back as it was recorded"),
        Binding("n", "next_match", "Next match", show=False, tooltip="Show the next turn with the words"),
        Binding("slash", "search", "Search", key_display="/", tooltip="Go to the search line"),
    ]

    class Asked(Message):
        """Something is to be done with the row under the pointer."""

        def __init__(self, name: str) -> None:
            super().__init__()
            self.name = name

    class EndNear(Message):
        """The rows after those that are there may come into view."""

    can_undo = False
    """Whether there is a session just deleted, to bring back."""
    has_preview = False
    """Whether the turns with the words are shown beside the list."""

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """A key that would do nothing is not there."""
        if action == "restore":
            return self.can_undo
        return self.has_preview if action == "next_match" else True

    def action_ask(self, name: str) -> None:
        """Ask for what a key means."""
        self.post_message(self.Asked(name))

    def action_restore(self) -> None:
        """Ask for it."""
        self.action_ask("restore")

    def action_next_match(self) -> None:
        """Ask for it."""
        self.action_ask("next")

    def action_search(self) -> None:
        """Ask for it."""
        self.action_ask("search")

    def action_cursor_up(self) -> None:
        """Above the first row is the search line."""
        if not self.highlighted:
            self.action_search()
        else:
            super().action_cursor_up()

    def action_cursor_down(self) -> None:
        """Below the last row there may be more to come, and it is not the first one."""
        if self.highlighted is None or self.highlighted < self.option_count - 1:
            super().action_cursor_down()

    def watch_highlighted(self, highlighted: int | None) -> None:
        """Bring more rows before the last one is come to."""
        super().watch_highlighted(highlighted)
        if highlighted is not None and highlighted >= self.option_count - NEAR_END:
            self.post_message(self.EndNear())

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """The same for the wheel and the bar."""
        super().watch_scroll_y(old_value, new_value)
        if new_value > old_value and new_value >= self.max_scroll_y - NEAR_END:
            self.post_message(self.EndNear())
