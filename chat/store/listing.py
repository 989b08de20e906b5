"""The store as far as it lists and finds sessions, which takes none of what reads their turns."""

from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from chat.store import ids, search
from chat.store.columns import Column
from chat.store.connection import Database, read_whatever
from chat.store.faults import not_understood, store_errors
from chat.store.files import make_private
from chat.store.opening import opened
from chat.store.queries import AS_LISTED, NEWEST, SUMMARIES, WITH_PREFIX
from chat.store.summaries import summary_from
from chat.store.updating import Tell
from chat.summaries import FoundSessions, SessionSummary

if TYPE_CHECKING:
    from chat.likeness import Sought
    from chat.search import Query


def open_database(path: Path, *, owns_folder: bool, wait_s: float | None, tell: Tell) -> Database:
    """Open the database in a file; see `chat.store.open_store`."""
    path = path.absolute()
    with store_errors(path):
        make_private(path, owns_folder=owns_folder)
        connection = opened(path, tell)
        if wait_s is not None:
            connection.execute(f"PRAGMA busy_timeout = {round(wait_s * 1000)}")
    return Database(path, connection)


def open_lists(path: Path, *, owns_folder: bool = False, tell: Tell = lambda _: None) -> "SessionLists":
    """Open the lists of the store in a file, which is created where there is none; see `chat.store.open_store`."""
    return SessionLists(open_database(path, owns_folder=owns_folder, wait_s=None, tell=tell))


class SessionLists:
    """The lists of a store's sessions. Belongs to the thread that opened it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file; a second time does nothing."""
        self._database.close()

    def find_session(self, id_or_prefix: str) -> SessionSummary:
        """The session with this id, or the only one whose id begins so."""
        found = self._found(id_or_prefix)
        if found.problem:
            raise not_understood(f"session {found.id}", found.problem)
        return found

    def session_id(self, id_or_prefix: str) -> str:
        """The whole id of a session, whatever of the session can be read."""
        return self._found(id_or_prefix).id

    def _found(self, id_or_prefix: str) -> SessionSummary:
        prefix = id_or_prefix.lower()
        if not ids.is_prefix(prefix):
            raise ids.unknown(id_or_prefix)
        found = self._summaries(WITH_PREFIX, prefix, prefix)
        if not found:
            raise ids.unknown(id_or_prefix)
        if len(found) > 1:
            raise ids.ambiguous(id_or_prefix)
        return found[0]

    def latest_session(self) -> SessionSummary | None:
        """The session whose turns or system text changed last."""
        return next(iter(self._summaries(NEWEST)), None)

    def sessions(self, *, limit: int = 200, offset: int = 0) -> list[SessionSummary]:
        """Sessions: those that are pinned, then the others; of each the one changed last first, other than by title."""
        return self._summaries(AS_LISTED, limit, offset)

    def search(
        self, query: "Query", *, limit: int = 200, offset: int = 0, sought: "Sought | None" = None
    ) -> FoundSessions:
        """The sessions whose title or a turn holds all the words, in the order of `sessions`; see the protocol."""
        with self._database.reading() as connection:
            total = self._database.session_count.of(connection)
            return read_whatever(connection, lambda: search.find(connection, query, limit, offset, total, sought))

    def _summaries(self, conditions: str, *values: Column) -> list[SessionSummary]:
        with self._database.reading() as connection:
            query = f"{SUMMARIES} {conditions}"
            return read_whatever(connection, lambda: [*map(summary_from, connection.execute(query, values))])
