"""A dialog that finds something to do by its words."""

from collections.abc import Sequence
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.events import Key
from textual.widgets import Input, OptionList, Static

from chat.tui.binding import Binding
from chat.tui.entries import Entry
from chat.tui.screens.layer import Dialog
from chat.tui.widgets.entry_list import EntryList, Group
from chat.tui.widgets.safe_input import SafeInput


class LookupScreen(Dialog[None]):
    """A dialog in which words that are typed find something to do; enter or a click does it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "close", "Back", tooltip="Close the list"),
        Binding("up", "move(-1)", "Up", show=False, id="list_up"),
        Binding("down", "move(1)", "Down", show=False, id="list_down"),
        Binding("pageup", "page(-1)", "Page up", show=False, id="list_page_up"),
        Binding("pagedown", "page(1)", "Page down", show=False, id="list_page_down"),
    ]

    placeholder = "Search"
    begins_chosen = False
    """Whether enter does the first entry also where nothing is typed."""

    def groups(self) -> Sequence[Group]:
        """What there is to find."""
        raise NotImplementedError

    def steps(self) -> Sequence[str]:
        """Sentences below everything, as long as nothing is typed."""
        return ()

    def compose(self) -> ComposeResult:
        """How to leave, a line to search, what there is."""
        with Vertical(classes="dialog", id="find"):
            yield Static(
                _row_of_keys(("esc", "back"), ("enter", "do it"), ("ctrl+q", "quit")), markup=False, id="find-keys"
            )
            yield SafeInput(placeholder=self.placeholder, compact=True, id="find-search")
            yield EntryList()

    def on_mount(self) -> None:
        """Show everything."""
        for search in self.query(Input):
            search.focus()
            self._show("")

    def action_close(self) -> None:
        """Back to the screen below."""
        self.dismiss()

    def action_move(self, by: int) -> None:
        """Choose the next or the previous entry."""
        # A key may come before the list is there.
        for listed in self.query(EntryList):
            if by < 0:
                listed.action_cursor_up()
            else:
                listed.action_cursor_down()

    def action_page(self, by: int) -> None:
        """Scroll by a page."""
        for listed in self.query(EntryList):
            if by < 0:
                listed.scroll_page_up(animate=False)
            else:
                listed.scroll_page_down(animate=False)

    def on_key(self, event: Key) -> None:
        """Escape empties the search line first."""
        for search in self.query(Input):
            if event.key == "escape" and search.value:
                event.stop()
                event.prevent_default()
                search.value = ""

    @on(Input.Changed)
    def _search(self, message: Input.Changed) -> None:
        message.stop()
        self._show(message.value)

    @on(Input.Submitted)
    def _run_chosen(self, message: Input.Submitted) -> None:
        message.stop()
        self._run(self.query_one(EntryList).highlighted)

    @on(OptionList.OptionSelected)
    def _run_clicked(self, message: OptionList.OptionSelected) -> None:
        message.stop()
        if self.query_one(EntryList).has(message):
            self._run(message.option_index)

    def _run(self, number: int | None) -> None:
        entry = self.query_one(EntryList).entry(number)
        if entry is not None and self.is_current:
            self.dismiss()
            # Once the screen that it is for is in view again.
            self.app.call_later(entry.run)

    def _show(self, typed: str) -> None:
        words = typed.lower().split()
        found = [(heading, [entry for entry in entries if _has(entry, words)]) for heading, entries in self.groups()]
        steps = () if words else self.steps()
        self.query_one(EntryList).show(found, steps, choose=bool(words) or self.begins_chosen)
        nothing = bool(words) and not any(entries for _, entries in found)
        self.query_one(Input).set_class(nothing, "-nothing")


def _has(entry: Entry, words: Sequence[str]) -> bool:
    text = f"{entry.typed} {entry.words}".lower()
    return all(word in text for word in words)


def _row_of_keys(*pairs: tuple[str, str]) -> Content:
    return Content.styled(" · ", "$quiet").join(
        Content.assemble((key, "bold"), (f" {word}", "$quiet")) for key, word in pairs
    )
