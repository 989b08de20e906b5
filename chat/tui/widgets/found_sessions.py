"""Sessions as they are looked for and found: a line to search them, and rows that come page by page.

It shows what it is given and asks for what it wants; what the store holds it never sees.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final

from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.timer import Timer
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from chat.errors import UsageError
from chat.safe_text import printable, short_line
from chat.search import Query, parse_query
from chat.summaries import FoundSessions as Found
from chat.summaries import SessionHit
from chat.talk.wording import count_in_words
from chat.tui.glyphs import GLYPHS
from chat.tui.widgets.session_keys import SearchLine, SessionOptions, TitleLine
from chat.tui.widgets.session_messages import (
    PicturesCompared,
    SessionHighlighted,
    SessionOpened,
    SessionsCounted,
    SessionsTaken,
    SessionsWanted,
)
from chat.tui.widgets.session_row import pane_row, session_row

PAGE: Final = 200
"""Sessions that are asked for at once."""
SEARCH_DELAY_S: Final = 0.08
"""Seconds of quiet after a key before what is typed is looked for."""
_LOOKING: Final = "looking at pictures"


class FoundSessions(Vertical):
    """Search line and rows: what is typed is looked for, and what is found is shown."""

    def __init__(self, *, is_pane: bool = False, typed: str = "") -> None:
        """A list that is empty at first.

        Args:
            is_pane: It stands beside the conversation, and is narrow.
            typed: What is in the search line.
        """
        super().__init__(classes="-pane" if is_pane else "")
        self._is_pane = is_pane
        self._typed = typed
        self._query, self._shown_query = Query(), Query()
        self._hits: list[SessionHit] = []
        self._found: Found | None = None
        self._number = 0
        self._is_asking = False
        self._open_id: str | None = None
        self._line = ""
        self._search_timer: Timer | None = None
        self._then: Callable[[], None] | None = None
        """What is to be done as soon as it is found what is looked for."""

    def compose(self) -> ComposeResult:
        """Line, rows, the line for a title, and a word about all."""
        search = SearchLine(self._typed, placeholder="Search titles and text", id="search", compact=True)
        if not self._is_pane:
            search.border_subtitle = "has:picture  checkpoint:  before:  after:  image:"
        yield search
        yield SessionOptions(compact=True, markup=False)
        yield TitleLine(placeholder="A title; empty takes the first words", id="new-title", compact=True)
        yield Static("", markup=False, id="found")

    # What is shown

    def show(self, open_id: str | None) -> None:
        """Show what is stored, as far as it was shown before; the open session carries a sign."""
        self._open_id = open_id
        self._query = self._typed_query() or self._query
        shown = self._options.highlighted or 0
        self._ask(limit=max(PAGE, shown + PAGE))

    def say(self, words: str, *, is_problem: bool = False) -> None:
        """Say something in the line below the rows, until something else is done."""
        self._line = f"{GLYPHS.failed} {printable(words, multiline=False)}" if is_problem else words
        self._show_line()

    @on(SessionsTaken)
    def _take(self, message: SessionsTaken) -> None:
        message.stop()
        if message.number != self._number:
            # What was typed before is no longer what is looked for.
            return
        self._is_asking = False
        if message.found is None:
            self._then = None
            if message.offset:
                self.say(message.problem, is_problem=True)
            else:
                self._tell_nothing_sought(message.problem)
            return
        self._found = message.found
        if message.offset:
            # What has changed since may have moved some of those that are shown to the next page.
            known = {hit.summary.id for hit in self._hits}
            new = [hit for hit in message.found.hits if hit.summary.id not in known]
            self._hits.extend(new)
            self._options.add_options(self._rows(new))
        else:
            self._show_hits(list(message.found.hits))
        if self._line.startswith((GLYPHS.failed, _LOOKING)):
            self._line = ""
        self._show_line()
        if self._typed_query() is not None:
            self._show_sought(is_sought=True)
        then, self._then = self._then, None
        if then is not None and self._hits:
            then()

    @on(PicturesCompared)
    def _tell_compared(self, message: PicturesCompared) -> None:
        message.stop()
        if message.number == self._number and self._is_asking:
            self.say(f"{_LOOKING}, {message.done:,} of {message.of:,}")

    def _show_hits(self, hits: list[SessionHit]) -> None:
        """Show these rows; the pointer stays on its session, or else where it is."""
        pointed, place = self._pointed, self._options.highlighted or 0
        if self._query != self._shown_query:
            pointed, place = None, 0
        self._hits, self._shown_query = hits, self._query
        ids = [hit.summary.id for hit in hits]
        if pointed is not None and pointed.summary.id in ids:
            place = ids.index(pointed.summary.id)
        with self.app.batch_update():
            self._options.clear_options()
            self._options.add_options(self._rows(hits))
            self._options.highlighted = min(place, len(hits) - 1) if hits else None
        self._tell_highlighted()

    def _rows(self, hits: Sequence[SessionHit]) -> list[Option]:
        row, now, words = (pane_row if self._is_pane else session_row), datetime.now().astimezone(), self._query.words
        # A cell at both sides, and one for the bar.
        width = (self.content_size.width or self.app.size.width) - 3
        return [Option(row(hit, words, width, is_open=hit.summary.id == self._open_id, now=now)) for hit in hits]

    def _count(self, found: Found) -> str:
        if not self._query:
            return count_in_words(found.total, "session")
        return f"{found.count:,}{'+' if found.is_cut else ''} of {found.total:,} match"

    def _show_line(self) -> None:
        shown = self._line
        if not shown and self._found is not None and not self._hits:
            if self._query:
                matches = "mentions" if self._query.words else "is like"
                shown = f"No session {matches} “{short_line(self._search_line.value.strip(), 60)}”. esc shows all."
            else:
                shown = "No sessions yet. The first message begins one."
        elif not shown and self._is_pane and self._query and self._found is not None:
            shown = self._count(self._found)
        found = self.query_one("#found", Static)
        found.update(shown)
        found.display = bool(shown)

    def on_resize(self) -> None:
        """Fit the rows to the window."""
        if self._hits:
            self._show_hits(self._hits)

    # What is asked for

    def _ask(self, *, offset: int = 0, limit: int = 0) -> None:
        self._number += 1
        self._is_asking = True
        self.post_message(SessionsWanted(self._query, self._number, offset, limit or PAGE))

    @on(Input.Changed, "#search")
    def _search(self, message: Input.Changed) -> None:
        message.stop()
        self._then = None
        if self._search_timer is not None:
            self._search_timer.stop()
        self._search_timer = self.set_timer(SEARCH_DELAY_S, self._look)

    def _look(self) -> bool:
        """Look for what is typed; tells whether it can be understood."""
        query = self._typed_query()
        if query is None:
            return False
        has_failed = query != self._shown_query and not self._is_asking
        if query != self._query or has_failed:
            self._query, self._line = query, ""
            self._ask()
        elif self._line.startswith(GLYPHS.failed):
            self._line = ""
            self._show_sought(is_sought=True)
        self._show_line()
        return True

    def _typed_query(self) -> Query | None:
        """What is typed; None where it cannot be understood, which is said."""
        try:
            return parse_query(self._search_line.value)
        except UsageError as error:
            self._tell_nothing_sought(str(error))
            return None

    def _tell_nothing_sought(self, problem: str) -> None:
        """Say why nothing was looked for: the rows that are there are not what was found."""
        self.say(problem, is_problem=True)
        self._show_sought(is_sought=False)

    def _show_sought(self, *, is_sought: bool) -> None:
        self._options.set_class(not is_sought, "-unsought")
        count = self._count(self._found) if is_sought and self._found is not None else "not looked for"
        self.post_message(SessionsCounted(count))

    @on(Input.Submitted, "#search")
    def _open_first(self, message: Input.Submitted) -> None:
        message.stop()
        self.when_found(self.open_pointed)

    def when_found(self, act: Callable[[], None]) -> None:
        """Do something with the rows, once they are those of what is typed."""
        if self._search_timer is not None:
            self._search_timer.stop()
        if not self._look():
            return
        if self._is_asking:
            self._then = act
        elif self._hits:
            act()

    def open_pointed(self) -> None:
        """Ask for the session under the pointer to be shown, or the first one."""
        hit = self._pointed or self._hits[0]
        self.post_message(SessionOpened(hit.summary.id, hit.turn_id))

    @on(SessionOptions.EndNear)
    def _bring_more(self, message: SessionOptions.EndNear) -> None:
        message.stop()
        has_more = self._found is not None and (self._found.is_cut or len(self._hits) < self._found.count)
        if has_more and not self._is_asking:
            self._ask(offset=len(self._hits))

    @on(OptionList.OptionHighlighted)
    def _highlight(self, message: OptionList.OptionHighlighted) -> None:
        message.stop()
        self._tell_highlighted()

    def _tell_highlighted(self) -> None:
        self.post_message(SessionHighlighted(self._pointed, self._query.words))

    @property
    def _search_line(self) -> SearchLine:
        return self.query_one(SearchLine)

    @property
    def _options(self) -> SessionOptions:
        return self.query_one(SessionOptions)

    @property
    def _pointed(self) -> SessionHit | None:
        place = self._options.highlighted
        return self._hits[place] if place is not None and place < len(self._hits) else None
