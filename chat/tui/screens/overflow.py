"""What becomes of a message that does not fit: the ways there are, with what each frees and leaves."""

import time
from collections.abc import Callable, Sequence
from typing import ClassVar, Final

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from chat.context import Overflow
from chat.safe_text import printable
from chat.talk.remedies import Remedy
from chat.talk.ways_out import WayOut
from chat.tui.binding import Binding
from chat.tui.screens.layer import Dialog
from chat.tui.widgets.choices import Choices

GRACE_S: Final = 0.4
"""Seconds after it has come up in which enter chooses nothing: it was pressed for what was there before."""


class OverflowScreen(Dialog[Remedy | None]):
    """Gives the way that was chosen, None for not sending."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "close", "Back", tooltip="Back to the draft; nothing is sent"),
        Binding("p", "preview", "Preview", tooltip="Show the prompt as it would be sent"),
    ]

    def __init__(self, overflow: Overflow, ways: Sequence[WayOut], prompt: Callable[[Remedy | None], str]) -> None:
        """Show the ways.

        Args:
            overflow: What does not fit.
            ways: In order; the first that is enough is where the pointer begins.
            prompt: Gives the prompt as a way would make it, or as it is.
        """
        super().__init__()
        self._overflow = overflow
        self._ways = tuple(ways)
        self._prompt = prompt
        self._since = time.monotonic()

    def compose(self) -> ComposeResult:
        """What is wrong, the ways, and the keys."""
        overflow = self._overflow
        numbers = (
            f"{overflow.tokens:,} tokens, and at least {overflow.reply_room:,} for the reply, of "
            f"{overflow.context_length:,}. Nothing has been sent; choose what to leave out."
        )
        with Vertical(classes="dialog", id="overflow"):
            yield Static("This message does not fit", markup=False, id="overflow-title")
            yield Static(Content.styled(numbers, "$quiet"), markup=False)
            yield Choices(*self._options(), id="ways")
            yield Static(self._keys(), markup=False)

    def on_mount(self) -> None:
        """Begin with the first way that is enough."""
        ways = self.query_one("#ways", OptionList)
        ways.highlighted = next(place for place, way in enumerate(self._ways) if way.is_enough)
        ways.focus()

    def action_close(self) -> None:
        """Do nothing."""
        self.dismiss(None)

    def action_preview(self) -> None:
        """Show the prompt as the way under the pointer would make it."""
        place = self.query_one("#ways", OptionList).highlighted or 0
        way = self._ways[place]
        self.app.push_screen(PromptScreen(way.title, self._prompt(way.remedy)))

    @on(OptionList.OptionSelected)
    def _choose(self, message: OptionList.OptionSelected) -> None:
        message.stop()
        if time.monotonic() - self._since >= GRACE_S:
            self.dismiss(self._ways[message.option_index].remedy)

    def _options(self) -> list[Option | None]:
        """The ways, a blank row between them."""
        options: list[Option | None] = []
        for way in self._ways:
            title, detail = (printable(text, multiline=False) for text in (way.title, way.detail))
            options += [Option(Content.assemble((title, "bold"), "\n", (detail, "$quiet"))), None]
        return options[:-1]

    def _keys(self) -> Content:
        keys = [("enter", "choose"), ("p", "preview the prompt"), ("esc", "back to the draft")]
        parts: list[str | tuple[str, str]] = []
        for key, words in keys:
            parts += [(key, "bold"), (f" {words}   ", "$quiet")]
        return Content.assemble(*parts)


class PromptScreen(Dialog[None]):
    """The exact prompt, to be read before a way is chosen."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,p", "dismiss", "Back", key_display="esc", tooltip="Back to the ways"),
    ]

    def __init__(self, heading: str, prompt: str) -> None:
        super().__init__()
        self._heading = heading
        self._prompt = prompt

    def compose(self) -> ComposeResult:
        """The prompt, and how to leave."""
        with Vertical(classes="dialog", id="prompt-preview"):
            heading = Content.assemble((printable(self._heading, multiline=False), "bold"), ("   esc back", "$quiet"))
            yield Static(heading, markup=False)
            with VerticalScroll():
                yield Static(Content(printable(self._prompt)), markup=False)
