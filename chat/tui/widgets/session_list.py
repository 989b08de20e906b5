"""The list of sessions: those that were found, and what can be done with them."""

from typing import Final, NamedTuple

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
    SessionAct,
    SessionDeleted,
    SessionPinned,
    SessionRenamed,
    SessionReplayed,
    SessionRestored,
)

UNDO_S: Final = 10.0
"""Seconds for which a deleted session can be brought back with a key."""


class _Offer(NamedTuple):
    """A deleted session that a key brings back for a while."""

    session_id: str
    title: str
    ends: Timer


class SessionList(FoundSessions):
    """Opens, renames, pins, deletes and copies by a key; the screen does it."""

    _offered: tuple[_Offer, ...] = ()
    """The deleted sessions that a key brings back, the one deleted last as the last."""
    _copied: tuple[str, bool] = ("", False)
    """The session of which something was copied last, and whether it was its title."""
    _renamed = ""
    """The session that is getting a title."""

    def tell(self, act: SessionAct, problem: str) -> None:
        """Say what was done with a session, and offer for a while to bring back one that was taken out.

        Args:
            act: What was asked for.
            problem: Why it was not done, which is said elsewhere; empty where it was.
        """
        if isinstance(act, SessionDeleted) and not problem:
            self._offer_back(act.session_id, act.title)
            self.say("deleted · u undo")
        elif isinstance(act, SessionRestored) and problem:
            self._offer_back(act.session_id, act.title)
        elif isinstance(act, SessionRestored):
            self.say(f"{act.done} · {'u undo' if self._offered else 'nothing else to undo'}")
        elif act.done and not problem:
            self.say(act.done)

    def focus_search(self, typed: str = "") -> None:
        """Let the next key go to the search line, and look for these words where there are any."""
        if not self.has_focus_within and self._hits:
            # Where the pointer was left is long forgotten.
            self._options.highlighted = 0
        if typed:
            self._search_line.value = typed
        self._search_line.focus()

    def _offer_back(self, session_id: str, title: str) -> None:
        offer = _Offer(session_id, title, self.set_timer(UNDO_S, self._forget_oldest))
        self._offered = (*self._offered, offer)
        self._show_undo()

    def _forget_oldest(self) -> None:
        self._offered = self._offered[1:]
        self._show_undo()
        if not self._offered:
            self.say("")

    def _restore(self) -> None:
        *others, newest = self._offered
        newest.ends.stop()
        self._offered = tuple(others)
        self._show_undo()
        self.post_message(SessionRestored(newest.session_id, newest.title))

    def _show_undo(self) -> None:
        self._options.can_undo = bool(self._offered)
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
            case "restore" if self._offered:
                self._restore()
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
                self.post_message(SessionDeleted(session.id, session.title))
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
