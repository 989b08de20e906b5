"""Sessions as the list has them, also those of which something cannot be read."""

import sqlite3
from collections.abc import Callable, Mapping
from typing import Any, Final

from chat.store.columns import legible, text_from, time_from, whole_from
from chat.summaries import SessionSummary

_COLUMNS: Final[Mapping[str, tuple[Callable[[object], Any], Any]]] = {
    "id": (text_from, ""),
    "title": (text_from, ""),
    "created_at": (time_from, ""),
    "updated_at": (time_from, ""),
    "turn_count": (whole_from, 0),
    "image_count": (whole_from, 0),
    "checkpoint": (text_from, ""),
    "system": (text_from, ""),
}
"""What each column is read with, and what stands in the place of what cannot be read."""


def summary_from(row: sqlite3.Row) -> SessionSummary:
    """The summary of a row that `chat.store.queries.SUMMARIES` gives; what it cannot be read for is in `problem`."""
    try:
        return _summary(row, {name: read(row[name]) for name, (read, _) in _COLUMNS.items()})
    except (TypeError, ValueError):
        return _summary_of_damaged(row)


def _summary_of_damaged(row: sqlite3.Row) -> SessionSummary:
    held: dict[str, Any] = {}
    problems: list[str] = []
    for name, (read, otherwise) in _COLUMNS.items():
        column = row[name]
        try:
            held[name] = read(column)
        except (TypeError, ValueError) as error:
            held[name] = legible(column) if read is text_from else otherwise
            problems.append(f"{name}: {error}")
    return _summary(row, held, "; ".join(problems))


def _summary(row: sqlite3.Row, held: Mapping[str, Any], problem: str = "") -> SessionSummary:
    return SessionSummary(**held, is_pinned=row["pinned_at"] is not None, problem=problem)
