"""Sessions in one SQLite file: who said what, the pictures' bytes, and where each reply came from.

Only this package knows SQLite. What it keeps and gives back is in `chat.records` and `chat.summaries`; the tables are
in `chat.store.schema` and can be read by hand: `sqlite-utils tables sessions.db --schema`.
"""

from typing import TYPE_CHECKING

from chat.store.files import default_path
from chat.store.listing import SessionLists, open_lists
from chat.store.opening import needs_update

__all__ = ["SessionLists", "SqliteStore", "default_path", "needs_update", "open_lists", "open_store"]

if TYPE_CHECKING:
    from chat.store.sessions import SqliteStore, open_store
else:

    def __getattr__(name: str) -> object:
        """The whole store, with what reads turns and pictures, once it is asked for: lists do without."""
        if name not in ("SqliteStore", "open_store"):
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from chat.store import sessions

        return getattr(sessions, name)
