"""Saves a reply while it is written, on a thread of its own: keys must not wait for the disk.

A store belongs to the thread that opened it, so the thread opens one for itself and closes it when the reply is over.
"""

import threading
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from typing import Final

from chat.errors import ChatError
from chat.session import SAVE_EVERY_S, SessionStore

RETRY_S: Final = 3.0
"""Seconds of rest after a save that failed."""


class ReplySaver:
    """Keeps the latest of what one reply says: at most every half second, and also when no further token comes."""

    def __init__(self, open_store: Callable[[], SessionStore], turn_id: int, tell: Callable[[str], object]) -> None:
        """Begin the thread.

        Args:
            open_store: Opens the store once more; called on the thread.
            turn_id: Of the reply, which is open in the store.
            tell: Takes what the store complains of, once, and nothing ("") as soon as it saves again; called on the
                thread.
        """
        self._open_store = open_store
        self._turn_id = turn_id
        self._tell_to = tell
        self._problem = ""
        self._latest: tuple[str, Sequence[int]] | None = None
        self._is_over = threading.Event()
        threading.Thread(target=self._work, name="saver", daemon=True).start()

    def take(self, text: str, token_ids: Sequence[int]) -> None:
        """Take all that the reply says so far, in the place of what was taken before."""
        self._latest = (text, tuple(token_ids))

    def stop(self) -> None:
        """Save nothing more and say nothing more: the reply is over.

        Returns at once. A save that is under way comes before the reply's end or is refused by the store, since nothing
        late changes a reply that is closed; nobody hears of that.
        """
        self._is_over.set()

    def _work(self) -> None:
        pause = SAVE_EVERY_S
        while not self._is_over.wait(pause):
            try:
                with closing(self._open_store()) as store:
                    self._save_until_over(store)
            except ChatError as error:
                self._tell(str(error))
                pause = RETRY_S

    def _save_until_over(self, store: SessionStore) -> None:
        saved = None
        while not self._is_over.is_set():
            latest = self._latest
            if latest is not None and latest is not saved:
                store.save_reply(self._turn_id, *latest)
                saved = latest
                self._tell("")
            self._is_over.wait(SAVE_EVERY_S)

    def _tell(self, problem: str) -> None:
        if problem != self._problem and not self._is_over.is_set():
            self._problem = problem
            # The event loop may have ended since: then nobody is left to hear it.
            with suppress(RuntimeError):
                self._tell_to(problem)
