"""The list of sessions: those that were found, and what can be done with them."""

from typing import Final

from textual import on
from textual.events import Key
from textual.timer import Timer
from textual.widgets import Input, OptionList

from chat.safe_text import printable
from chat.summaries import SessionSummary
from chat.tui.widgets.found_sessions import FoundSessions
from chat.tui.widgets.session_keys import SearchLine, SessionOptions, TitleLine
from chat.tui.widgets.session_messages import (
    NextMatchWanted,
    SessionDeleted,
    SessionPinned,
    SessionRenamed,
    SessionReplayed,
    SessionRestored,
)

UNDO_S: Final = 10.0
"""Seconds for which a deleted session can be brought back with a key."""


class SessionList(FoundSessions):
    """Opens, renames, pins, deletes and copies by a key; the screen does it."""

    _undo: Timer | None = None
    _copied: tuple[str, bool] = ("", False)
    """The session of which something was copied last, and whether it was its title."""
    _renamed = ""
    """The session that is getting a title."""

    def say_deleted(self) -> None:
        """Offer for a while to bring back what was taken out."""
        if self._undo is not None:
            self._undo.stop()
        self._undo = self.set_timer(UNDO_S, self._forget_deleted)
        self._show_undo(can_undo=True)
        self.say("deleted · u undo")

    def focus_search(self, typed: str = "") -> None:
        """Let the next key go to the search line, and look for these words where there are any."""
        if not self.has_focus_within and self._hits:
            # Where the pointer was left is long forgotten.
            self._options.highlighted = 0
        if typed:
            self._search_line.value = typed
        self._search_line.focus()

    def _forget_deleted(self) -> None:
        self._undo = None
        self._show_undo(can_undo=False)
        self.say("")

    def _show_undo(self, *, can_undo: bool) -> None:
        self._options.can_undo = can_undo
        self.refresh_bindings()

    @property
    def _title_line(self) -> TitleLine:
        return self.query_one(TitleLine)

    def on_key(self, event: Key) -> None:
        """Escape empties the search line first."""
        if event.key == "escape" and self._search_line.value and not self._title_line.has_focus:
            event.stop()
            self._search_line.value = ""
            self._search_line.focus()

    @on(SearchLine.Left)
    def _focus_list(self, message: SearchLine.Left) -> None:
        message.stop()
        if self._hits:
            self._focus_rows()
        else:
            self.when_found(self._focus_rows)

    def _focus_rows(self) -> None:
        self._options.focus()

    @on(OptionList.OptionSelected)
    def _open_selected(self, message: OptionList.OptionSelected) -> None:
        message.stop()
        if self._options.has(message):
            self.when_found(self.open_pointed)

    @on(SessionOptions.Asked)
    def _do(self, message: SessionOptions.Asked) -> None:
        message.stop()
        match message.name:
            case "search":
                self.focus_search()
            case "restore":
                self._forget_deleted()
                self.post_message(SessionRestored())
            case "next":
                self.post_message(NextMatchWanted())
            case name:
                self.when_found(lambda: self._do_with_pointed(name))

    def _do_with_pointed(self, name: str) -> None:
        if self._pointed is not None:
            self._do_with(self._pointed.summary, name)

    def _do_with(self, session: SessionSummary, name: str) -> None:
        match name:
            case "delete":
                self.post_message(SessionDeleted(session.id))
            case "replay":
                self.post_message(SessionReplayed(session.id))
            case "pin":
                self.post_message(SessionPinned(session.id, not session.is_pinned))
            case "rename":
                self._begin_title(session)
            case "copy":
                self._copy(session)

    def _copy(self, session: SessionSummary) -> None:
        is_title = self._copied == (session.id, False)
        self._copied = (session.id, is_title)
        self.app.copy_to_clipboard(printable(session.title, multiline=False) if is_title else session.id)
        self.say("copied the title" if is_title else f"copied the id {session.id} · c again copies the title")

    # A title

    def _begin_title(self, session: SessionSummary) -> None:
        self._renamed = session.id
        line = self._title_line
        line.value, line.display = session.title, True
        line.focus()
        self.say("a title of your own · empty takes the first words")

    @on(Input.Submitted, "#new-title")
    def _take_title(self, message: Input.Submitted) -> None:
        message.stop()
        self.post_message(SessionRenamed(self._renamed, message.value))
        self._end_title()

    @on(TitleLine.Left)
    def _end_title(self) -> None:
        self.say("")
        self._title_line.display = False
        self._focus_rows()
