"""A line in which a path is typed and completed."""

import asyncio
import os
from typing import ClassVar

from textual.binding import BindingType
from textual.suggester import Suggester

from chat.safe_text import printable
from chat.tui.binding import Binding
from chat.tui.widgets.picture_tree import is_picture
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
            return await asyncio.to_thread(_completed, value) if value == self._typed else None


class PathInput(SafeInput):
    """Tab takes what is suggested; where nothing is, it goes on to the next place."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("tab", "complete", "Complete", show=False, tooltip="Complete the path, or go to the folders"),
        Binding("down", "app.focus_next", "Folders", show=False, tooltip="Go to the folders"),
    ]

    def __init__(self) -> None:
        super().__init__(placeholder="path · tab completes", id="path", suggester=PathSuggester(), compact=True)

    def action_complete(self) -> None:
        """Take what is suggested, or go on."""
        if self._suggestion and self._suggestion != self.value:
            self.value = self._suggestion
            self.cursor_position = len(self.value)
        else:
            self.screen.focus_next()


def _completed(value: str) -> str | None:
    """What is typed with the whole of the first name that begins so; reads the folder."""
    folder, _, beginning = value.rpartition("/")
    try:
        with os.scandir(os.path.expanduser(f"{folder}/" if "/" in value else ".")) as entries:
            fitting = [entry for entry in entries if entry.name.startswith(beginning)]
    except OSError:
        return None
    for entry in sorted(fitting, key=lambda entry: entry.name):
        if beginning or not entry.name.startswith("."):
            is_folder = os.path.isdir(entry.path)
            if printable(entry.name, multiline=False) == entry.name and (is_folder or is_picture(entry.name)):
                return f"{folder}/{entry.name}" + ("/" if is_folder else "") if "/" in value else entry.name
    return None
