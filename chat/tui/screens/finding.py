"""How the conversation screen looks sessions up, and what is done with them from a list or by a command."""

from collections.abc import Callable, Sequence
from contextlib import closing
from typing import TYPE_CHECKING

from textual import on, work
from textual.worker import get_current_worker

from chat.drafts import NOTHING
from chat.errors import ChatError, ImageError, StoreError
from chat.tui.screens.branching import BranchingScreen
from chat.tui.widgets.session_messages import (
    PicturesCompared,
    SessionAct,
    SessionDeleted,
    SessionOpened,
    SessionPinned,
    SessionRenamed,
    SessionRestored,
    SessionsTaken,
    SessionsWanted,
)
from chat.tui.widgets.title_bar import TitleBar

if TYPE_CHECKING:
    from chat.session import SessionStore
    from chat.tui.widgets.session_list import SessionList
    from chat.tui.widgets.session_preview import SessionPreview

OpenStore = Callable[[], "SessionStore"]
Change = Callable[["SessionStore"], None]


class FindingScreen(BranchingScreen):
    """Searches on threads with stores of their own, so that typing never waits; what they find is for the list."""

    deleted: tuple[str, ...] = ()
    """The sessions that were deleted since the program began and are not back, the last one last."""
    _in_place = ""
    """The session in whose place the empty one was shown when it was deleted."""

    async def action_sessions(self) -> None:
        """Show the sessions, or go to them where they are in view."""
        await self.show_sessions()

    async def show_sessions(self, typed: str = "") -> None:
        """Show the sessions, or those with the words that were typed."""
        if self._session is None:
            return
        if self.session_pane is not None and self.session_pane.is_mounted:
            self.session_pane.focus_search(typed)
            return
        from chat.tui.screens.sessions import SessionsScreen

        await self.app.push_screen(SessionsScreen(self, typed))

    # Looking up

    @on(SessionsWanted)
    def _look_up_for_pane(self, message: SessionsWanted) -> None:
        message.stop()
        if self.session_pane is not None:
            self.look_up(self.session_pane, message)

    def look_up(self, sessions: "SessionList", wanted: SessionsWanted) -> None:
        """Look for what a list wants; it is told."""
        if self._store is not None:
            self._look_up(self._store.open_again, sessions, wanted)

    @work(thread=True, group="search", exclusive=True)
    def _look_up(self, open_store: OpenStore, sessions: "SessionList", wanted: SessionsWanted) -> None:
        worker = get_current_worker()
        if worker.is_cancelled:
            return
        from chat.session_search import search_sessions

        number, offset = wanted.number, wanted.offset

        def tell(done: int, of: int) -> None:
            sessions.post_message(PicturesCompared(number, done, of))

        try:
            with closing(open_store()) as store:
                found = search_sessions(
                    store,
                    wanted.query,
                    limit=wanted.limit,
                    offset=offset,
                    tell=tell,
                    is_wanted=lambda: not worker.is_cancelled,
                )
        except ImageError as error:
            sessions.post_message(SessionsTaken(number, offset, None, str(error)))
        except StoreError as error:
            problem = f"The sessions cannot be read: {error}"
            sessions.post_message(SessionsTaken(number, offset, None, problem))
        else:
            sessions.post_message(SessionsTaken(number, offset, found))

    def look_into(
        self, preview: "SessionPreview", session_id: str, words: Sequence[str], turn_id: int | None, step: int = 0
    ) -> None:
        """Read the part of a session in which something was found, or the next such part; the preview is told."""
        if self._store is not None:
            preview.number += 1
            preview.words = words
            self._look_into(self._store.open_again, preview, preview.number, session_id, turn_id, step)

    @work(thread=True, group="preview", exclusive=True)
    def _look_into(
        self,
        open_store: OpenStore,
        preview: "SessionPreview",
        number: int,
        session_id: str,
        turn_id: int | None,
        step: int,
    ) -> None:
        from chat.talk.excerpt import excerpt_of

        try:
            with closing(open_store()) as store:
                excerpt = excerpt_of(store, session_id, preview.words, turn_id, step)
        except ChatError as error:
            preview.post_message(preview.Taken(number, None, str(error)))
        else:
            preview.post_message(preview.Taken(number, excerpt))

    # Doing

    @on(SessionAct)
    async def _act_for_pane(self, message: SessionAct) -> None:
        message.stop()
        problem = await self.act(message)
        if problem:
            self.say(problem)
        if self.session_pane is not None:
            self.session_pane.tell(message, problem)

    async def act(self, message: SessionAct) -> str:
        """Do with a session what was asked for in a list. Gives what went wrong, if so."""
        match message:
            case SessionOpened():
                await self.open_at(message.session_id, message.turn_id)
                return ""
            case SessionDeleted():
                return await self.delete_session(message.session_id)
            case SessionRestored():
                return await self.restore_session(message.session_id)
            case SessionPinned():
                return await self.pin_session(message.session_id, message.is_pinned)
            case SessionRenamed():
                return await self.rename_session(message.session_id, message.title)
        return ""

    async def open_at(self, session_id: str, turn_id: int | None) -> None:
        """Show a session at a turn, whichever branch that is in."""
        await self.change_session(session_id)
        if turn_id is not None and self._session is not None and self.session.id == session_id:
            await self.attempt(lambda: self.show_branch(turn_id, is_found=True))

    async def delete_session(self, session_id: str) -> str:
        """Take a session out of the list; if it is the open one, a new one is shown. Gives what went wrong, if so."""
        from chat.talk.open_session import OpenSession

        if self._store is None:
            return ""
        is_open = session_id == self.session.id
        written = self._put_away() if is_open else NOTHING
        try:
            if is_open:
                self._require_kept()
            # Before anything is taken out: whatever cannot be read then is found out now.
            fresh = OpenSession(self._store)
            self._store.delete_session(session_id)
        except StoreError as error:
            if is_open:
                await self._stay(written)
            return f"Not deleted: {error}"
        self.deleted = (*self.deleted, session_id)
        if is_open:
            self._in_place = session_id
            await self._show_opened(fresh, fresh.draft)
        else:
            await self.show_pane()
        return ""

    async def restore_session(self, session_id: str) -> str:
        """Bring back a deleted session. Gives what went wrong, if so."""
        problem = await self._change("Not brought back", lambda store: store.restore_session(session_id))
        if not problem:
            self.deleted = tuple(one for one in self.deleted if one != session_id)
            if session_id == self._in_place and self.session.is_empty and not self.composer.draft:
                await self.change_session(session_id)
        return problem

    async def pin_session(self, session_id: str, is_pinned: bool) -> str:
        """Let a session stand before the others in the list, or among them again. Gives what went wrong, if so."""
        kind = "Not pinned" if is_pinned else "Still pinned"
        return await self._change(kind, lambda store: store.pin_session(session_id, is_pinned))

    async def rename_session(self, session_id: str, title: str) -> str:
        """Give a session a title, or with a blank one that of its first words. Gives what went wrong, if so."""

        def rename(store: "SessionStore") -> None:
            store.rename_session(session_id, title.strip())
            if session_id == self.session.id:
                self.session.title = store.find_session(session_id).title
                self.query_one(TitleBar).show_title(self.session.title)

        return await self._change("Not renamed", rename)

    async def _change(self, problem: str, change: Change) -> str:
        if self._store is None:
            return ""
        try:
            change(self._store)
        except StoreError as error:
            return f"{problem}: {error}"
        await self.show_pane()
        return ""
