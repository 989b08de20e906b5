"""A database that somebody has changed who knows none of its rules, and what a check says of it."""

import sqlite3
import threading
from contextlib import closing
from pathlib import Path

from chat.store.checks import Check, Difference


def found_in(path: Path) -> list[Difference]:
    return list(Check(path, lambda _: None, threading.Event()).differences())


def change(path: Path, *statements: str) -> None:
    """Change a database as somebody would who knows none of its rules."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA ignore_check_constraints = ON")
        for statement in statements:
            connection.execute(statement)
