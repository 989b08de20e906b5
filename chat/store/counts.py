"""How many sessions there are: of a hundred thousand, counting them takes longer than finding a word in them."""

import sqlite3


class SessionCount:
    """Counts the sessions that are not deleted, anew only where something may have changed. Of one connection."""

    def __init__(self) -> None:
        self._counted_at = (-1, -1)
        self._count = 0

    def of(self, connection: sqlite3.Connection) -> int:
        """How many there are, within a transaction that only reads."""
        # What other connections have changed, and this one.
        at = (connection.execute("PRAGMA data_version").fetchone()[0], connection.total_changes)
        if at != self._counted_at:
            counted = connection.execute("SELECT count(*) FROM sessions WHERE deleted_at IS NULL").fetchone()
            self._counted_at, self._count = at, counted[0]
        return self._count
