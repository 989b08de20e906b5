"""How the message being written goes through the user's own editor."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import ClassVar

from textual.app import SuspendNotSupported
from textual.binding import BindingType

from chat.errors import ChatError, UsageError
from chat.safe_text import short_line
from chat.talk.commands import Call
from chat.tui.binding import Binding
from chat.tui.screens.tasks import TaskScreen


class DraftingScreen(TaskScreen):
    """Lends the terminal to an editor; whatever becomes of that, the message is kept."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+g", "editor", "Editor", show=False, tooltip="Write the message in your editor")
    ]

    configured_editor = ""
    """The command that the config names."""
    lent_terminal: Callable[[], AbstractContextManager[None]] = nullcontext
    """Surrounds what another program does in the terminal."""

    async def action_editor(self) -> None:
        """Write the message in the editor."""
        try:
            await self._edit()
        except ChatError as error:
            self.say(short_line(str(error), 400))

    async def command_editor(self, _: Call) -> None:
        """Write a message in the editor."""
        await self._edit()

    async def _edit(self) -> None:
        if self._session is None:
            return
        from chat.tui.editor import edited, editor_command

        command = editor_command(self.configured_editor)
        self.keep_draft()
        self.say_nothing()
        problem: ChatError | None = None
        text = ""
        try:
            # The event loop waits: what is drawn meanwhile would be drawn over the editor.
            with self.lent_terminal(), self.app.suspend():
                # Whatever left this block as an error would leave the terminal as it is.
                try:
                    text = edited(self.composer.draft.text, command)
                except ChatError as error:
                    problem = error
        except SuspendNotSupported as error:
            raise UsageError("This terminal cannot be lent to an editor.") from error
        if problem is not None:
            raise problem
        self.composer.show_text(text)
        self.composer.focus_text()
