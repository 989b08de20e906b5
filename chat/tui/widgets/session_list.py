"""The stored sessions: a line to search their titles, and the list."""

from collections.abc import Sequence
from datetime import datetime
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.events import Key
from textual.message import Message
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from chat.records import SessionSummary
from chat.safe_text import printable
from chat.talk.wording import count_in_words, label_of, time_in_words
from chat.tui.glyphs import GLYPHS
from chat.tui.widgets.safe_input import SafeInput

MARGINS = 8
"""Columns of a row that are neither title nor facts: its sign, and what lies around it."""

LEAST_TITLE = 20

WITH_CHECKPOINT = 80
"""Columns of a window in which a row has room for the checkpoint."""


class SearchLine(SafeInput):
    """What is typed here is looked for."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "submit", "Open", tooltip="Open the first session in the list"),
        Binding("down", "leave", "List", key_display="↓", tooltip="Go to the list, to open or delete any"),
    ]

    class Left(Message):
        """The next key is for the list."""

    def action_leave(self) -> None:
        """Ask for it."""
        self.post_message(self.Left())


class SessionOptions(OptionList):
    """The rows."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "select", "Open", tooltip="Open the session"),
        Binding("d", "delete", "Delete", tooltip="Take the session out of the list"),
        Binding("u", "restore", "Undo", tooltip="Bring back the session deleted last"),
        Binding("slash", "search", "Search", key_display="/", tooltip="Go to the search line"),
    ]

    class DeleteWanted(Message):
        """The row under the pointer is to go."""

    class RestoreWanted(Message):
        """The row deleted last is to come back."""

    class SearchWanted(Message):
        """The next key is for the search line."""

    can_undo = False
    """Whether there is a deleted session to bring back."""

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """A key that would do nothing is not there."""
        return self.can_undo if action == "restore" else True

    def action_delete(self) -> None:
        """Ask for it."""
        self.post_message(self.DeleteWanted())

    def action_restore(self) -> None:
        """Ask for it."""
        self.post_message(self.RestoreWanted())

    def action_search(self) -> None:
        """Ask for it."""
        self.post_message(self.SearchWanted())

    def action_cursor_up(self) -> None:
        """Above the first row is the search line."""
        if not self.highlighted:
            self.post_message(self.SearchWanted())
        else:
            super().action_cursor_up()


class SessionList(Vertical):
    """Search line and rows; it shows what it is given and asks for what is to happen."""

    class Opened(Message):
        """A session is to be shown."""

        def __init__(self, session_id: str) -> None:
            super().__init__()
            self.session_id = session_id

    class Deleted(Message):
        """A session is to be taken out of the list."""

        def __init__(self, session_id: str) -> None:
            super().__init__()
            self.session_id = session_id

    class Restored(Message):
        """A session is to come back."""

        def __init__(self, session_id: str) -> None:
            super().__init__()
            self.session_id = session_id

    def __init__(self, *, is_pane: bool = False) -> None:
        super().__init__(classes="-pane" if is_pane else "")
        self._is_pane = is_pane
        self._all: Sequence[SessionSummary] = ()
        self._found: list[SessionSummary] = []
        self._open_id: str | None = None
        self._deleted: list[str] = []
        self._problem = ""

    def compose(self) -> ComposeResult:
        """Line, rows, and a word about them."""
        yield SearchLine(placeholder="Search titles", id="search", compact=True)
        yield SessionOptions(compact=True, markup=False)
        yield Static("", markup=False, id="found")

    def show(self, sessions: Sequence[SessionSummary], open_id: str | None, problem: str = "") -> None:
        """Show these sessions; the open one carries a sign, and a problem stands below them."""
        self._all, self._open_id, self._problem = sessions, open_id, problem
        self._show_found()

    def show_deleted(self, session_id: str) -> None:
        """Offer to bring back a session that was taken out."""
        self._deleted.append(session_id)
        self._show_found()

    def focus_search(self) -> None:
        """Let the next key go to the search line."""
        self._search_line.focus()

    @property
    def _search_line(self) -> SearchLine:
        return self.query_one(SearchLine)

    @property
    def _options(self) -> SessionOptions:
        return self.query_one(SessionOptions)

    def _show_found(self) -> None:
        words = self._search_line.value.casefold()
        self._found = [session for session in self._all if words in session.title.casefold()]
        kept, now = self._options.highlighted, datetime.now().astimezone()
        self._options.clear_options()
        self._options.add_options(Option(self._row(session, now)) for session in self._found)
        self._options.highlighted = min(kept or 0, len(self._found) - 1) if self._found else None
        self._show_count(words)

    def _show_count(self, words: str) -> None:
        self._options.can_undo = bool(self._deleted)
        self.refresh_bindings()
        if self._problem:
            shown = f"{GLYPHS.failed} {printable(self._problem, multiline=False)}"
        elif self._deleted:
            shown = "deleted · u undo"
        elif not self._all:
            shown = "No sessions yet. The first message begins one."
        elif not self._found:
            shown = f"No session is called “{printable(words, multiline=False)}”. esc shows all."
        else:
            shown = f"{len(self._found):,} of {count_in_words(len(self._all), 'session')}" if words else ""
        found = self.query_one("#found", Static)
        found.update(shown)
        found.display = bool(shown)

    def _row(self, session: SessionSummary, now: datetime) -> Content:
        is_open = session.id == self._open_id
        sign = (f"{GLYPHS.here if is_open else ' '} ", "$text-accent")
        title = printable(session.title, multiline=False) or "(no title)"
        when = time_in_words(session.updated_at, now)
        pictures = count_in_words(session.image_count, "picture")
        if self._is_pane:
            shown = Content(title).truncate(27, ellipsis=True)
            return Content.assemble(sign, shown, (f"\n  {when} · {pictures}", "$quiet"))
        facts = f"{when:>11}{pictures:>14}"
        if self.app.size.width >= WITH_CHECKPOINT:
            checkpoint = printable(label_of(session.checkpoint), multiline=False) if session.checkpoint else ""
            facts += f"   {checkpoint:<8}"
        width = max(LEAST_TITLE, self.app.size.width - MARGINS - len(facts))
        return Content.assemble(sign, Content(title).truncate(width, ellipsis=True, pad=True), (facts, "$quiet"))

    def on_resize(self) -> None:
        """Fit the titles to the window."""
        self._show_found()

    def on_key(self, event: Key) -> None:
        """Escape empties the search line first."""
        if event.key == "escape" and self._search_line.has_focus and self._search_line.value:
            event.stop()
            self._search_line.value = ""

    @on(SearchLine.Left)
    def _focus_list(self, message: SearchLine.Left) -> None:
        message.stop()
        if self._found:
            self._options.focus()

    @on(Input.Changed, "#search")
    def _search(self, message: Input.Changed) -> None:
        message.stop()
        self._show_found()

    @on(Input.Submitted, "#search")
    def _open_first(self, message: Input.Submitted) -> None:
        message.stop()
        if self._found:
            self.post_message(self.Opened(self._found[0].id))

    @on(OptionList.OptionSelected)
    def _open(self, message: OptionList.OptionSelected) -> None:
        message.stop()
        self.post_message(self.Opened(self._found[message.option_index].id))

    @on(SessionOptions.DeleteWanted)
    def _delete(self, message: SessionOptions.DeleteWanted) -> None:
        message.stop()
        if self._options.highlighted is not None:
            self.post_message(self.Deleted(self._found[self._options.highlighted].id))

    @on(SessionOptions.RestoreWanted)
    def _restore(self, message: SessionOptions.RestoreWanted) -> None:
        message.stop()
        if self._deleted:
            self.post_message(self.Restored(self._deleted.pop()))

    @on(SessionOptions.SearchWanted)
    def _focus_search(self, message: SessionOptions.SearchWanted) -> None:
        message.stop()
        self.focus_search()
