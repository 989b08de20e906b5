"""How the conversation screen opens, changes and lists sessions."""

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from textual.events import Resize

from chat.conversation import Image
from chat.drafts import NOTHING, Draft, joined
from chat.errors import ChatError, StoreError
from chat.safe_text import short_line
from chat.tui import garbage
from chat.tui.screens.attaching import AttachingScreen
from chat.tui.widgets.title_bar import TitleBar

if TYPE_CHECKING:
    from chat.session import SessionStore
    from chat.talk.open_session import OpenSession
    from chat.tui.widgets.session_list import SessionList

READING_S: Final = 1.0
"""Seconds after which a warning can have been read; a key that was pressed before is no answer to it."""
PANE_FROM: Final = 160
"""Columns from which the sessions have a pane of their own."""


class BrowsingScreen(AttachingScreen):
    """Shows one session and knows of the others."""

    async def compose_rest(self) -> None:
        """Add what the first frame does without."""

    session_pane: "SessionList | None" = None
    """The list beside the conversation, where there is one."""

    async def begin(self, store: "SessionStore", session_id: str | None, images: Sequence[Image]) -> None:
        """Show a session, or a new one, now that there is a store."""
        await self.compose_rest()
        self._store = store
        self.log_view.show_checkpoint(self._checkpoint, None)
        # What was typed before this moment is as good as what was kept.
        await self.show_session(session_id, written=self.composer.draft)
        await self.composer.attach(images)
        self.start_loading()
        if self._is_demonstration:
            self.open_samples()

    async def show_session(self, session_id: str | None, *, written: Draft = NOTHING) -> None:
        """Show a stored session, or a new one for None; what is written goes behind its draft."""
        from chat.talk.open_session import OpenSession

        if self._store is None:
            return
        with garbage.paused():
            session = OpenSession(self._store, session_id)
        await self._show_opened(session, joined([session.draft, written]))

    async def _show_opened(self, session: "OpenSession", draft: Draft) -> None:
        if self._session is not None:
            self.forget_typed()
            if self._session is not session and self._session.has_unsaved:
                self._left.append(self._session)
        self._session = session
        # Before anything that takes time: from now on what the composer holds is this session's.
        await self.composer.show_draft(draft, session.next_number)
        if session is self._session:
            self.query_one(TitleBar).show_title(session.title)
            await self.log_view.show_entries(session.entries(), session.system, session.not_shown)
        if session is not self._session:
            return
        self.say_nothing()
        await self.turns_changed()
        self.show_status()
        # Behind the first sight of it: counting takes time from that.
        self.call_after_refresh(self.count_context)
        self.composer.focus_text()
        await self.offer_sample()

    async def change_session(self, session_id: str | None) -> None:
        """Keep this session as it is and show another; where that one cannot be read, this one stays."""
        if self._session is None:
            return
        if session_id == self.session.id:
            self.composer.focus_text()
            return
        before = self.session
        stopped = _stopped_in_words(before)
        written = self._put_away()
        try:
            self._require_kept()
            await self.show_session(session_id)
        except ChatError as error:
            await self._stay(written)
            self.say(str(error))
        else:
            if stopped and self._session is not before:
                self.say(stopped, is_problem=False)

    def leave(self, asked_at: float) -> bool:
        """Keep everything as it is; tells whether the program may end.

        Where something is not saved it may not, unless the user has asked for it knowing that.

        Args:
            asked_at: When the user asked, by the monotonic clock.
        """
        if self._session is None:
            return True
        self.keep_draft(is_last=True)
        knows = self._warned_at is not None and asked_at - self._warned_at >= READING_S
        if self._not_saved and not knows:
            self.say(f"Not saved; ctrl+q again leaves without it. {self._not_saved}")
            self._warned_at = time.monotonic()
            return False
        self.put_away()
        return True

    def _put_away(self) -> Draft:
        """Keep everything as it is, as far as it can be; gives the message being written."""
        written = joined([self.paths_to_keep(), self.draft_to_keep()])
        self.put_away()
        return written

    def _require_kept(self) -> None:
        """Raise StoreError where the message being written would be lost with the session."""
        if self.session.has_unsaved_draft:
            raise StoreError(f"Your message is not saved: {self._not_saved}")

    async def _stay(self, written: Draft) -> None:
        """Go on with the session that was put away."""
        await self._show_opened(self.session, written)
        await self.show_waiting()
        self.send_next()

    async def turns_changed(self) -> None:
        """An empty conversation shows the welcome in the transcript's place."""
        is_empty = self.session.is_empty
        self.set_class(not is_empty, "-talking")
        self.query_one(TitleBar).show_talking(not is_empty)
        self.query_one(TitleBar).show_title(self.session.title)
        await self.show_pane()

    async def on_resize(self, event: Resize) -> None:
        """The sessions have their own pane where there is room for it."""
        if self._session is not None:
            await self.show_pane()

    async def show_pane(self) -> None:
        """Show the sessions as they are now, in their pane, where there is room for one and anything to show."""
        if self._store is None:
            return
        try:
            has_pane = self.app.size.width >= PANE_FROM and bool(self._store.sessions(limit=1))
        except StoreError as error:
            # What is shown stays as it is.
            self.say(f"The sessions cannot be read: {error}")
            return
        if not has_pane:
            if self.session_pane is not None:
                pane, self.session_pane = self.session_pane, None
                await pane.remove()
            return
        if self.session_pane is None:
            from chat.tui.widgets.session_list import SessionList

            self.session_pane = SessionList(is_pane=True)
            await self.query_one("#panes").mount(self.session_pane, before=0)
        # There may be no room for it by now, or it may still be getting its parts: then it is shown after that.
        if self.session_pane is not None and self.session_pane.is_mounted:
            self.session_pane.show(self.session.id)


def _stopped_in_words(session: "OpenSession") -> str:
    """What becomes of the reply that is being written in a session as that is left; empty where there is none."""
    if not session.is_replying:
        return ""
    kept = "was stopped; what was said is kept" if session.reply_text else "was stopped before its first word"
    return f"The reply in “{short_line(session.title, 40)}” {kept}."
