"""How the conversation screen keeps what was written and said, and what it does where the store refuses."""

from typing import TYPE_CHECKING, Any, Final

from textual.timer import Timer

from chat.drafts import Draft
from chat.errors import StoreBusyError, StoreError
from chat.tui.compositor import OnceCompositor
from chat.tui.screens.layer import SizedScreen
from chat.tui.widgets.composer import Composer

# The first frame does without.
if TYPE_CHECKING:
    from chat.session import SessionStore
    from chat.talk.open_session import OpenSession

RETRY_S: Final = 3.0
"""Seconds until what could not be saved is tried again."""


class KeepingScreen(SizedScreen[None]):
    """Knows the session in use, and those that were left before the store had taken all of them."""

    def __init_subclass__(cls, *, is_whole: bool = False, **options: Any) -> None:
        """Leave the parts of the conversation screen as they are; the whole of them alone is ever shown.

        For each class Textual gathers bindings, reactives and names of all its bases, which takes longer the more there
        are.

        Args:
            is_whole: It is the screen that is shown.
            options: Textual's, for that one.
        """
        if is_whole:
            super().__init_subclass__(**options)

    def __init__(self) -> None:
        super().__init__()
        self._compositor = OnceCompositor()
        self._store: SessionStore | None = None
        self._session: OpenSession | None = None
        self._left: list[OpenSession] = []
        """Put away with something that the store had refused."""
        self._not_saved = ""
        self._retry: Timer | None = None
        self._warned_at: float | None = None
        """When it was told that leaving would lose what is not saved."""

    @property
    def composer(self) -> Composer:
        """The message being written."""
        return self.query_one(Composer)

    @property
    def session(self) -> "OpenSession":
        """The session in use; there is one as soon as the store is open."""
        if self._session is None:
            raise RuntimeError("the store is not open yet")
        return self._session

    @property
    def not_saved(self) -> str:
        """Why not everything is in the store, if so."""
        return self._not_saved

    def save(self) -> None:
        """Save what the store does not have yet; what it refuses is told in the status row and tried again."""
        problem = ""
        for session in [*self._left, self.session]:
            try:
                session.save()
            except StoreBusyError as error:
                # Every other try would have keys wait as well.
                problem = str(error)
                break
            except StoreError as error:
                problem = problem or str(error)
        self._left = [session for session in self._left if session.has_unsaved]
        self.not_saved_because(problem)

    def not_saved_because(self, problem: str) -> None:
        """Tell what keeps something out of the store, and try again in a while; nothing does where that is empty."""
        if self._not_saved and not problem:
            self._warned_at = None
            # A message may have waited for the store.
            self.call_later(self.go_on)
        self._not_saved = problem
        if self._retry is not None:
            self._retry.stop()
        self._retry = self.set_timer(RETRY_S, self.save) if problem else None
        self.show_status()

    def keep_draft(self, *, is_last: bool = False) -> None:
        """Keep what is not sent yet; the last time before the session is left."""
        self.session.keep_draft(self.draft_to_keep(), self.paths_to_keep(), is_last=is_last)
        self.save()

    def draft_to_keep(self) -> Draft:
        """The message being written, as far as it is the user's."""
        return self.composer.draft

    def paths_to_keep(self) -> Draft:
        """The names of files that are being read for it."""
        return Draft()

    def show_status(self) -> None:
        """Show what the program is doing, and what is not saved."""

    def go_on(self) -> None:
        """Model or store are free again; whoever sends messages may send the next."""
