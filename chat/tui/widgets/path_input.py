"""A line in which a path is typed and completed."""

import asyncio
import os
from typing import ClassVar

from textual import events, work
from textual.binding import BindingType
from textual.message import Message
from textual.suggester import Suggester

from chat.safe_text import printable
from chat.tui.binding import Binding
from chat.tui.widgets.bound_keys import run_bound
from chat.tui.widgets.picture_tree import Kind, entry_of
from chat.tui.widgets.safe_input import SafeInput


class PathSuggester(Suggester):
    """Completes the name of a folder or a picture."""

    def __init__(self) -> None:
        super().__init__(use_cache=False, case_sensitive=True)
        self._reading = asyncio.Lock()
        self._typed = ""

    async def get_suggestion(self, value: str) -> str | None:
        """The first name in the folder that begins as typed."""
        self._typed = value
        # One folder at a time, and none that nobody waits for any more: a slow disk would take every thread there is.
        async with self._reading:
            fitting = await asyncio.to_thread(_fitting, value) if value == self._typed else []
        return fitting[0] if fitting else None


class PathInput(SafeInput):
    """Tab completes what is typed so far; where that is complete, it goes on to the next place.

    Folders are read on another thread: what is typed in the meantime comes behind what is completed.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("tab", "complete", "Complete", show=False, tooltip="Complete the path, or go to the folders"),
        Binding("down", "app.focus_next", "Folders", show=False, tooltip="Go to the folders"),
    ]

    class Undecided(Message):
        """Tab adds nothing: several names begin as typed, or none does."""

        def __init__(self, typed: str, fitting: list[str]) -> None:
            super().__init__()
            self.typed = typed
            self.fitting = fitting

    def __init__(self) -> None:
        super().__init__(
            placeholder="path · tab completes",
            id="path",
            suggester=PathSuggester(),
            compact=True,
            # The next letter would replace what is typed.
            select_on_focus=False,
        )
        self._to_complete: list[str] = []
        """What was typed before the cursor at each tab that is not answered."""
        self._is_entered = False
        """Whether enter was pressed behind a tab that is not answered."""

    async def _on_key(self, event: events.Key) -> None:
        """Take keys in the order of typing."""
        await self.take_key(event)

    async def take_key(self, event: events.Key) -> None:
        """Take a key that was pressed here, or in the folders while the focus came back from them.

        A character takes the focus; any other key goes where that is.
        """
        focused = self.screen.focused
        if event.is_printable and event.character is not None:
            self.replace(event.character, *sorted(self.selection))
            self.screen.set_focus(self)
        elif focused is not None and focused is not self:
            focused.post_message(events.Key(event.key, event.character))
        elif not await run_bound(self, event.key):
            return
        event.stop()
        event.prevent_default()

    def action_complete(self) -> None:
        """Complete what is typed before the cursor, or go on where nothing is."""
        typed = self.value[: self.cursor_position]
        if not typed:
            self.screen.focus_next()
            return
        self._to_complete.append(typed)
        if len(self._to_complete) == 1:
            self._complete()

    async def action_submit(self) -> None:
        """Enter the path, after it is completed."""
        if self._to_complete:
            self._is_entered = True
        else:
            await super().action_submit()

    @work(group="complete")
    async def _complete(self) -> None:
        while self._to_complete:
            typed = self._to_complete[0]
            fitting = await asyncio.to_thread(_fitting, typed)
            waiting = self._to_complete[1:]
            completed = _common_beginning(fitting) or typed
            self._to_complete = [completed + more.removeprefix(typed) for more in waiting if more.startswith(typed)]
            self._take(typed, completed, fitting)
        if self._is_entered:
            self._is_entered = False
            await super().action_submit()

    def _take(self, typed: str, completed: str, fitting: list[str]) -> None:
        """Put what is completed in the place of what was typed, unless that was changed since."""
        if not self.value.startswith(typed):
            return
        if completed != typed:
            place = self.cursor_position + len(completed) - len(typed)
            self.value = completed + self.value.removeprefix(typed)
            self.cursor_position = place
        elif fitting != [typed]:
            self.post_message(self.Undecided(typed, fitting))
        elif self.value == typed and not self._is_entered:
            self.screen.focus_next()


def _common_beginning(fitting: list[str]) -> str:
    """What all of them begin with; they come in order, so what the first and the last share."""
    if not fitting:
        return ""
    first, last = fitting[0], fitting[-1]
    parted = (place for place, (one, other) in enumerate(zip(first, last, strict=False)) if one != other)
    return first[: next(parted, len(first))]


def _fitting(typed: str) -> list[str]:
    """The paths of folders and pictures that begin as typed, in order, folders with their slash; reads the folder."""
    folder, slash, beginning = typed.rpartition("/")
    is_folder_without_slash = beginning == ".." or (beginning.startswith("~") and not slash)
    if is_folder_without_slash and os.path.isdir(os.path.expanduser(typed)):
        return [f"{typed}/"]
    try:
        with os.scandir(os.path.expanduser(f"{folder}/") if slash else ".") as entries:
            found = [entry_of(entry) for entry in entries if entry.name.startswith(beginning)]
    except OSError:
        return []
    names = [
        path.name + ("/" if kind is Kind.FOLDER else "")
        for path, kind in found
        if kind in (Kind.FOLDER, Kind.PICTURE)
        and (beginning or not path.name.startswith("."))
        and printable(path.name, multiline=False) == path.name
    ]
    # A folder without anything to choose is complete.
    return [f"{folder}{slash}{name}" for name in sorted(names)] or ([] if beginning else [typed])
