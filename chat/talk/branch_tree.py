"""The branches of a session as rows of an outline: what goes on is a row below, what branches off is a row inside."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from chat.records import TreeTurn

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

    A turn that several follow has all of them inside. What follows the one that is shown, or else the one whose branch
    goes on the latest, stands below: so the main line of a conversation stays in one column however often it branched
    off. A version that several follow itself stands there once more.

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
    lines: list[tuple[Row | None, int | None, list[Row]]] = [(rows[0] if rows else None, None, rows)]
    every_line = [rows]
    while lines:
        row, turn_id, line = lines.pop()
        while found := following[turn_id]:
            if row is None or len(found) == 1:
                row = Row(found[0])
                line.append(row)
            else:
                if row.number:
                    # Its own versions inside it would move every one to the right of the last.
                    row = Row(row.turn, row.number)
                    line.append(row)
                main = Row(max(found, key=lambda turn: (turn.is_shown, newest[turn.id])))
                for number, turn in enumerate(found, start=1):
                    one = main if turn is main.turn else Row(turn)
                    one.number = number
                    row.inside.append(one)
                    if one is not main:
                        every_line.append(one.inside)
                        lines.append((one, turn.id, one.inside))
                row = main
            turn_id = row.turn.id if row.turn else None
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
