"""A message of the transcript that waits to be sent."""

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.content import Content
from textual.events import Click
from textual.message import Message
from textual.widgets import Static

from chat.conversation import Image
from chat.drafts import Draft
from chat.safe_text import printable
from chat.tui.binding import Binding
from chat.tui.glyphs import GLYPHS
from chat.tui.widgets.turn import TurnView


class QueuedTurn(TurnView, can_focus=True):
    """A message that is sent when the model is free."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("delete", "take_back(False)", "Take back", tooltip="Remove a message that waits to be sent"),
        Binding("enter", "take_back(True)", "Edit", tooltip="Take a waiting message back to edit it"),
    ]

    class TakenBack(Message):
        """The message is not to be sent."""

        def __init__(self, queued: "QueuedTurn", *, to_edit: bool) -> None:
            super().__init__()
            self._queued = queued
            self.to_edit = to_edit

        @property
        def position(self) -> int | None:
            """Which of the waiting messages it is; None where it was sent or taken back since the key was pressed."""
            return self._queued.position if self._queued.is_attached else None

    def __init__(self, draft: Draft, position: int, first_number: int, *, is_held: bool = False) -> None:
        super().__init__(Content.assemble(("You\n", "bold $quiet"), ("queued", "italic $quiet")))
        self._draft = draft
        self.position = position
        """Which of the waiting messages it is, as long as it is shown."""
        self._first_number = first_number
        self._is_held = is_held
        self._is_taken = False

    def compose_body(self) -> ComposeResult:
        """The message in short, and what can be done with it."""
        lines = printable(self._draft.text).strip().splitlines() or [""]
        parts: list[Content] = [Content(line) for line in lines[:3]]
        parts += [picture_name(image, number) for number, image in enumerate(self._draft.images, self._first_number)]
        yield Static(Content("\n").join(part for part in parts if part.plain), markup=False, classes="said")
        yield Static(self._hint(), markup=False, classes="hint")

    def _hint(self) -> Content:
        sent = "held back · enter sends it" if self._is_held else "sent when the model is ready"
        return Content.styled(f"{sent} · {GLYPHS.up} edit · del take back", "$quiet")

    def show_held(self, is_held: bool) -> None:
        """Show whether it is sent only when somebody asks for it."""
        self._is_held = is_held
        for hint in self.query(".hint").results(Static):
            hint.update(self._hint())

    def action_take_back(self, to_edit: bool) -> None:
        """Take the message back, once: a key that is held would go on with the message behind it."""
        if not self._is_taken:
            self._is_taken = True
            self.post_message(self.TakenBack(self, to_edit=to_edit))

    @on(Click)
    def _edit(self) -> None:
        self.action_take_back(True)


def picture_name(image: Image, number: int) -> Content:
    """A picture in words: its number and its name."""
    return Content.assemble((f"[{number}] ", "$text-accent"), printable(image.name, multiline=False))
