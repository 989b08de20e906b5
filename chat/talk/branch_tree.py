"""The branches of a session as rows of an outline: a row below goes on, rows inside are what may follow."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from chat.records import TreeTurn

DEEPEST: Final = 6
"""How deep inside a conversation still goes on inside the version that is shown."""
LONGEST_RUN: Final = 6
"""Turns one after the other, without a branch, that are shown; of more the middle is folded."""


@dataclass(slots=True)
class Row:
    """A turn, or turns that are folded, and what is inside it."""

    turn: TreeTurn | None
    """None for the place before the first turn, and for turns that are folded."""
    number: int = 0
    """Which version it is, from 1; 0 where it is the only one."""
    inside: list["Row"] = field(default_factory=list)


def rows_of(tree: Sequence[TreeTurn], *, folds: bool = True) -> list[Row]:
    """The outline.

    A turn that several follow has all of them inside, and each of these what follows itself. Deep inside, what follows
    the version that is shown, or else the one whose branch goes on the latest, stands below instead: so a conversation
    that branched off everywhere stays in one column. A version that several follow itself stands there once more.

    Args:
        tree: Every turn of a session, each after the one it follows.
        folds: Fold the middle of many turns one after the other.
    """
    following: dict[int | None, list[TreeTurn]] = defaultdict(list)
    newest: dict[int, int] = {}
    for turn in reversed(tree):
        following[turn.parent_id].insert(0, turn)
        newest[turn.id] = max((newest[later.id] for later in following[turn.id]), default=turn.id)
    rows: list[Row] = [Row(None)] if len(following[None]) > 1 else []
    # The turn before, the rows that go on from it, and how deep inside they are.
    lines: list[tuple[Row | None, list[Row], int]] = [(rows[0] if rows else None, rows, 0)]
    every_line = [rows]
    while lines:
        row, line, depth = lines.pop()
        while found := following[row.turn.id if row is not None and row.turn is not None else None]:
            if row is None or len(found) == 1:
                row = Row(found[0])
                line.append(row)
                continue
            if row.number and line is not row.inside:
                # Its own versions inside it would move every one to the right of the last.
                row = Row(row.turn, row.number)
                line.append(row)
            versions = [Row(turn, number) for number, turn in enumerate(found, start=1)]
            row.inside += versions
            main = max(versions, key=lambda one: (one.turn.is_shown, newest[one.turn.id]) if one.turn else (False, 0))
            goes_on_below = depth >= DEEPEST
            for one in versions:
                if one is not main or not goes_on_below:
                    every_line.append(one.inside)
                    lines.append((one, one.inside, depth + (1 if line is row.inside else 2)))
            if not goes_on_below:
                break
            row = main
    for line in every_line if folds else ():
        line[:] = _folded(line)
    return rows


def _folded(line: list[Row]) -> list[Row]:
    """A line whose long runs without a branch are folded in the middle."""
    folded: list[Row] = []
    run: list[Row] = []
    for row in [*line, None]:
        if row is not None and row.turn is not None and not (row.inside or row.number):
            run.append(row)
            continue
        if len(run) > LONGEST_RUN:
            run = [*run[:2], Row(None, inside=run[2:-2]), *run[-2:]]
        folded += [*run, *([row] if row is not None else [])]
        run = []
    return folded
