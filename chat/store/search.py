"""Finds sessions by what their titles and turns say, and by their pictures.

What is found is gathered newest first and no further than is asked for, so that a word that stands everywhere takes no
longer than one that stands nowhere.
"""

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain, islice
from typing import TYPE_CHECKING, Final

from chat.search import Filters, Query, folded, holds, snippet
from chat.store import ids
from chat.store.columns import Column, legible
from chat.store.queries import (
    AS_LISTED,
    LISTED_IDS,
    NEWEST_TITLES,
    NEWEST_TURNS,
    SUMMARIES,
    TITLES_FOUND,
    TURN_IDS,
    TURN_TEXTS,
    TURNS_BEING_WRITTEN,
    TURNS_FOUND,
    TURNS_OF_SESSIONS,
    WITH_PREFIX,
)
from chat.store.summaries import summary_from
from chat.summaries import FoundSessions, PictureMatch, SessionHit, SessionSummary

if TYPE_CHECKING:
    from chat.likeness import Sought

MOST: Final = 1_000
"""Sessions that are gathered by their titles, and by their turns; of more it is only said that there are more."""
MOST_OF_SHORT: Final = 200
"""The same where only words are looked for that the index cannot be asked for."""
PAGES: Final = 5
"""Pages of sessions that are gathered at most, as far as they are no more than that."""
LEAST_PAGE: Final = 20
"""Sessions of the shortest page that this goes by: of a shorter one as many can be counted."""
LEAST_INDEXED: Final = 3
"""Characters of the shortest word that the index can be asked for."""
READ_FIRST: Final = 5_000
"""Titles and turns that are read for shorter words, before the index is asked for all that begins with them."""
LEAST_OF_ID: Final = 4
"""Letters of the shortest beginning of an id that is looked for: fewer begin some id by chance."""
FEW: Final = 200
"""Sessions that are read from end to end where the filters let no more through."""


def find(
    connection: sqlite3.Connection, query: Query, limit: int, offset: int, total: int, sought: "Sought | None" = None
) -> FoundSessions:
    """The sessions with these words, as the list has them: pinned ones first, then the one changed last.

    Before them comes the one whose id the only word is; the beginning of an id will do where nothing else is found.
    Where a picture is sought, those with a picture that is like it, the likest first. `total` is of all sessions.
    """
    conditions, values = _conditions(query.filters)
    if sought is not None:
        from chat.store.likenesses import matches

        return _find_like(connection, query, (limit, offset), (conditions, values), matches(connection, sought), total)
    if not query.words:
        rows = connection.execute(f"{SUMMARIES} {conditions} {AS_LISTED}", (*values, limit, offset))
        hits = tuple(SessionHit(summary_from(row)) for row in rows)
        counted = f"SELECT count(*) FROM sessions WHERE deleted_at IS NULL {conditions}"
        count = connection.execute(counted, values).fetchone()[0] if conditions else total
        return FoundSessions(hits, count, False, total)
    search = _Search(connection, query.words, conditions, values)
    found, are_titles_cut, are_turns_cut = _gather(search, search.most_for(limit, offset))
    named = _named(connection, query.words, conditions, values, is_whole=bool(found))
    if named is not None:
        found = [named, *(row for row in found if row["session_id"] != named["session_id"])]
    hits = tuple(
        SessionHit(_summary(connection, row["session_id"]), is_named=True)
        if row is named
        else _hit(connection, row, query.words, reads_on=are_turns_cut)
        for row in found[offset : offset + limit]
    )
    return FoundSessions(hits, len(found), are_titles_cut or are_turns_cut, total)


def _named(
    connection: sqlite3.Connection, words: Sequence[str], conditions: str, values: list[Column], *, is_whole: bool
) -> sqlite3.Row | None:
    """The session whose id the only word is; where a whole one is not asked for, the only one whose id begins so."""
    word = words[0].lower()
    is_asked = ids.is_id(word) or (not is_whole and len(word) >= LEAST_OF_ID and ids.is_prefix(word))
    if len(words) > 1 or not is_asked:
        return None
    named = connection.execute(f"{LISTED_IDS} {conditions} {WITH_PREFIX}", (*values, word, word)).fetchall()
    return named[0] if len(named) == 1 else None


def _find_like(
    connection: sqlite3.Connection,
    query: Query,
    page: tuple[int, int],
    filters: tuple[str, list[Column]],
    pictures: Mapping[str, PictureMatch],
    total: int,
) -> FoundSessions:
    """The sessions with these pictures that the words and filters let through."""
    import json

    limit, offset = page
    conditions = f"{filters[0]} AND sessions.id IN (SELECT value FROM json_each(?))"
    values = [*filters[1], json.dumps([*pictures])]
    is_cut = are_turns_cut = False
    if query.words:
        search = _Search(connection, query.words, conditions, values)
        found, are_titles_cut, are_turns_cut = _gather(search, search.most_for(limit, offset))
        is_cut = are_titles_cut or are_turns_cut
    else:
        found = connection.execute(f"{LISTED_IDS} {conditions} {AS_LISTED}", (*values, -1, 0)).fetchall()
    found.sort(key=lambda row: pictures[row["session_id"]].distance)
    hits = []
    for row in found[offset : offset + limit]:
        match = pictures[row["session_id"]]
        if query.words:
            hit = _hit(connection, row, query.words, reads_on=are_turns_cut)
        else:
            hit = SessionHit(_summary(connection, row["session_id"]), match.turn_id)
        hits.append(hit._replace(picture=match))
    return FoundSessions(tuple(hits), len(found), is_cut, total)


def _conditions(filters: Filters) -> tuple[str, list[Column]]:
    """What a session must be like, as SQL and its values."""
    conditions = ["sessions.image_count > 0"] if filters.has_picture else []
    values: list[Column] = []
    for condition, value in (
        ("instr(lower(sessions.checkpoint), ?) > 0", filters.checkpoint.lower()),
        ("sessions.updated_at >= ?", filters.after),
        ("sessions.updated_at < ?", filters.before),
    ):
        if value:
            conditions.append(condition)
            values.append(_valid(value))
    return "".join(f" AND {condition}" for condition in conditions), values


def _gather(search: "_Search", most: int) -> tuple[list[sqlite3.Row], bool, bool]:
    """One row for each session, in the list's order: its newest turn, or else its title.

    Returns:
        The rows, whether there are more titles, and whether there are more turns.
    """
    found: dict[str, sqlite3.Row] = {}
    cut: list[bool] = []
    for rows in (search.titles(), search.turns()):
        count, is_cut = 0, False
        for row in rows:
            known = found.get(row["session_id"])
            if known is not None and (known["turn_id"] or 0) >= (row["turn_id"] or 0):
                continue
            if known is None or known["turn_id"] is None:
                count += 1
            if count > most:
                is_cut = True
                break
            found[row["session_id"]] = row
        cut.append(is_cut)
    order = sorted(found.values(), key=_place, reverse=True)
    are_titles_cut, are_turns_cut = cut
    return order, are_titles_cut, are_turns_cut


def _place(row: sqlite3.Row) -> tuple[bool, str, int]:
    """Where a row stands in the list; those of which that cannot be read come last."""
    updated_at, number = row["updated_at"], row["number"]
    return (
        row["pinned_at"] is not None,
        updated_at if isinstance(updated_at, str) else "",
        number if isinstance(number, int) else 0,
    )


def _hit(connection: sqlite3.Connection, row: sqlite3.Row, words: Sequence[str], *, reads_on: bool) -> SessionHit:
    """What was found in a session; its turns are read where they may not have been come to, and only there."""
    session_id: str = row["session_id"]
    summary = _summary(connection, session_id)
    turn_ids = [row["turn_id"]]
    if row["turn_id"] is None:
        turn_ids = [turn_id for (turn_id,) in connection.execute(TURN_IDS, (session_id,))] if reads_on else []
    for turn_id in turn_ids:
        said = _text_of(connection, turn_id)
        if row["turn_id"] is not None or holds(said, words):
            return SessionHit(summary, turn_id, snippet(said, words))
    return SessionHit(summary)


def _summary(connection: sqlite3.Connection, session_id: str) -> SessionSummary:
    return summary_from(connection.execute(f"{SUMMARIES} AND id = ?", (session_id,)).fetchone())


def _text_of(connection: sqlite3.Connection, turn_id: int) -> str:
    return "\n".join(legible(text) for (text,) in connection.execute(TURN_TEXTS, (turn_id,)))


def _valid(text: str) -> str:
    """The text as SQLite can be asked for it: halves of surrogate pairs are in no index."""
    return text.encode(errors="replace").decode()


class _Search:
    """The titles and turns that hold the words, each the newest first."""

    def __init__(
        self, connection: sqlite3.Connection, words: Sequence[str], conditions: str, values: list[Column]
    ) -> None:
        self._connection = connection
        self._conditions, self._values = conditions, values
        self._words = words
        self._long = [word for word in words if len(word) >= LEAST_INDEXED]
        self._short = [word for word in words if len(word) < LEAST_INDEXED]
        self._are_few = bool(self._conditions) and self._has_few()

    def most_for(self, limit: int, offset: int) -> int:
        """Sessions to gather for a page: some pages, so that it can be told how many there are, and no more."""
        in_little_time = MOST if self._long else MOST_OF_SHORT
        return max(min(in_little_time, PAGES * max(limit, LEAST_PAGE)), offset + limit)

    def titles(self) -> Iterator[sqlite3.Row]:
        """The titles."""
        return self._found(TITLES_FOUND, NEWEST_TITLES)

    def turns(self) -> Iterator[sqlite3.Row]:
        """The turns; those being written are not in the index."""
        if self._are_few:
            return self._holding(self._rows(TURNS_OF_SESSIONS))
        return chain(self._holding(self._rows(TURNS_BEING_WRITTEN)), self._found(TURNS_FOUND, NEWEST_TURNS))

    def _has_few(self) -> bool:
        """Whether the filters let few sessions through; then those take their place."""
        import json

        passed = f"SELECT rowid FROM sessions WHERE deleted_at IS NULL {self._conditions} LIMIT ?"
        rows = [row for (row,) in self._connection.execute(passed, (*self._values, FEW + 1))]
        if len(rows) > FEW:
            return False
        self._conditions, self._values = "AND sessions.rowid IN (SELECT value FROM json_each(?))", [json.dumps(rows)]
        return True

    def _found(self, by_index: str, newest: str) -> Iterator[sqlite3.Row]:
        if self._are_few:
            return self._holding(self._rows(newest))
        long = [_quoted(word) for word in self._long]
        rows = self._rows(by_index, " AND ".join(long)) if long else self._rows(newest)
        if not self._short:
            return rows
        # Short words stand nearly everywhere: most often this is as far as it goes.
        return chain(self._holding(islice(rows, READ_FIRST)), self._spelled(by_index, long))

    def _rows(self, query: str, *asked: Column) -> Iterator[sqlite3.Row]:
        return self._connection.execute(query.format(filters=self._conditions), (*asked, *self._values))

    def _holding(self, rows: Iterable[sqlite3.Row]) -> Iterator[sqlite3.Row]:
        """Those of the rows whose text holds the words."""
        for row in rows:
            is_title = row["turn_id"] is None
            if holds(legible(row["text"]) if is_title else _text_of(self._connection, row["turn_id"]), self._words):
                yield row

    def _spelled(self, by_index: str, asked: Sequence[str]) -> Iterator[sqlite3.Row]:
        """What the index has for all three letters that begin with the short words."""
        alternatives = [self._beginning_with(word) for word in self._short]
        if all(alternatives):
            spelled = [f"({' OR '.join(map(_quoted, letters))})" for letters in alternatives]
            yield from self._rows(by_index, " AND ".join([*asked, *spelled]))

    def _beginning_with(self, word: str) -> list[str]:
        self._connection.execute(
            "CREATE VIRTUAL TABLE IF NOT EXISTS temp.indexed USING fts5vocab('main', 'words', 'row')"
        )
        first = _valid(folded(word))
        query = "SELECT term FROM temp.indexed WHERE term >= ? AND term < ?"
        return [term for (term,) in self._connection.execute(query, (first, f"{first}\U0010ffff"))]


def _quoted(word: str) -> str:
    escaped = _valid(word).replace('"', '""')
    return f'"{escaped}"'
