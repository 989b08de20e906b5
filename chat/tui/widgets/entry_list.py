"""What can be done, in groups: a list with two columns, whose keys come from elsewhere."""

import textwrap
from collections.abc import Sequence
from itertools import zip_longest
from typing import Final

from textual.content import Content
from textual.widgets.option_list import Option

from chat.talk.commands import USAGE_CELLS
from chat.tui.entries import Entry
from chat.tui.widgets.choices import Choices

_INDENT: Final = 2
_SCROLLBAR: Final = 1
_LEAST_TYPED: Final = 8
"""Columns for keys, in however narrow a window."""
_LEAST_WORDS: Final = 8
"""Columns for what an entry does."""
Group = tuple[str, Sequence[Entry]]


class EntryList(Choices, can_focus=False):
    """Entries in groups; the keys come from the search line."""

    def __init__(self) -> None:
        super().__init__(compact=True)
        self._groups: Sequence[Group] = ()
        self._steps: Sequence[str] = ()
        self._shown: list[Entry | None] = []
        """What each option is; None for what only says something."""

    def show(self, groups: Sequence[Group], steps: Sequence[str], *, choose: bool) -> None:
        """Show entries and, below them, sentences; the first entry chosen or none."""
        self._groups, self._steps = groups, steps
        self._draw()
        first = next((number for number, entry in enumerate(self._shown) if entry is not None), None)
        self.highlighted = first if choose else None
        if not choose:
            self.scroll_home(animate=False)

    def on_resize(self) -> None:
        """Fit the columns into the width."""
        chosen = self.highlighted
        self._draw()
        self.highlighted = chosen

    def entry(self, number: int | None) -> Entry | None:
        """What an option is; None where it is nothing that can be done."""
        return self._shown[number] if number is not None else None

    def _draw(self) -> None:
        width = self.app.size.width if not self.size.width else self.size.width
        rows: list[tuple[Content, Entry | None]] = []
        for heading, entries in self._groups:
            if entries:
                rows.append((_heading(heading, is_first=not rows), None))
                rows += [(_row(entry.typed, entry.words, width - _SCROLLBAR), entry) for entry in entries]
        if self._steps:
            rows.append((_heading("First steps", is_first=not rows), None))
            rows += [(_sentence(step, width - _SCROLLBAR), None) for step in self._steps]
        self._shown = [entry for _, entry in rows]
        self.clear_options()
        self.add_options(Option(content, disabled=entry is None) for content, entry in rows)


def _heading(text: str, *, is_first: bool) -> Content:
    return Content.assemble("" if is_first else "\n", (text, "bold"))


def _row(typed: str, what: str, width: int) -> Content:
    """Two columns; what does not fit into one goes on below in its own column."""
    left_width = max(_LEAST_TYPED, min(USAGE_CELLS, width - _INDENT - _LEAST_WORDS))
    room = max(1, width - _INDENT - left_width)
    left = textwrap.wrap(typed, left_width - 1) or [""]
    right = textwrap.wrap(what, room) or [""]
    return Content("\n").join(
        Content.assemble((f"{'':{_INDENT}}{begun:<{left_width}}", "$text-primary"), told)
        for begun, told in zip_longest(left, right, fillvalue="")
    )


def _sentence(text: str, width: int) -> Content:
    return Content("\n".join(textwrap.wrap(text, max(1, width - _INDENT), initial_indent="  ", subsequent_indent="  ")))
