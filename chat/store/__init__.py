"""Sessions in one SQLite file: who said what, the pictures' bytes, and where each reply came from.

Only this package knows SQLite. What it keeps and gives back is in `chat.records`; the tables are in
`chat.store.schema` and can be read by hand: `sqlite-utils tables sessions.db --schema`.
"""

from chat.store.files import default_path
from chat.store.opening import needs_update
from chat.store.sessions import SqliteStore, open_store

__all__ = ["SqliteStore", "default_path", "needs_update", "open_store"]
