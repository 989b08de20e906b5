"""The end of the program: by a key, a command, a signal or an error; what could not be kept is said."""

import asyncio
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from textual import on

from chat.config import Config
from chat.errors import ChatError, StoreError
from chat.tui.ending import Ending
from chat.tui.key_order import SETTLE_S, KeysInOrderApp, settled
from chat.tui.messages import QuitWanted
from chat.tui.themed import ThemedApp

if TYPE_CHECKING:
    from chat.tui.screens.chat import ChatScreen

PROGRAM_ERROR: Final = 4
"""Exit code of an error that nobody caught."""


class LeavingApp(KeysInOrderApp, ThemedApp):
    """Ends in order. It returns the error that ended it, or None."""

    chat: "ChatScreen"
    """The conversation, which says whether everything is kept."""

    def __init__(self, config: Config) -> None:
        # Made while the terminal is still as it was.
        self.ending = Ending()
        self._quitting: asyncio.Task[None] | None = None
        """Held here, since the event loop itself holds no task."""
        self._has_left = False
        """Whether the program ends because somebody wanted it to."""
        super().__init__(config)

    def listen_to_signals(self) -> None:
        """Have signals end the program, where it has a terminal."""
        if not self.is_headless:
            self.ending.listen(self._quit_by_signal)

    async def action_quit(self) -> None:
        """Leave; everything is kept, or it is said first that it cannot be."""
        asked_at = time.monotonic()
        await self._settle()
        await self._quit_in_turn(asked_at)

    @on(QuitWanted)
    async def _quit_by_command(self) -> None:
        await self._quit_in_turn(time.monotonic())

    async def _quit_in_turn(self, asked_at: float) -> None:
        if self.chat.leave(asked_at):
            self._leave(0)
            return
        while self.screen is not self.chat:
            # What has to be said is said there.
            await self.pop_screen()

    async def _settle(self) -> None:
        """Wait until the keys that were pressed before have had their effect: this one has overtaken them."""
        pumps = [*(self.focused or self.chat).ancestors_with_self][:-1]
        with suppress(TimeoutError):
            async with asyncio.timeout(SETTLE_S):
                await settled(pumps * len(pumps))

    def _handle_exception(self, error: Exception) -> None:
        """Keep everything and leave after an error that nobody caught; `failure` is for whoever ran the program.

        In the place of Textual's own, which prints the program's insides and ends with the code of a found difference.
        """
        if self._exception is not None or self._has_left:
            # Everything is kept by then, and screens that are taken apart cannot do what a late key asks.
            return
        # As Textual does it, for the sake of its test pilot, which raises this error again.
        self._exception = error
        self._exception_event.set()
        failure = self.failure
        self._return_code = failure.exit_code if isinstance(failure, ChatError) else PROGRAM_ERROR
        if not self.is_headless:
            self.ending.limit(self._return_code, f"idefics-chat: an error of the program: {type(failure).__name__}\n")
        # What failed may be what is needed to keep things; the program ends all the same.
        with suppress(Exception):
            self.chat.put_away()
        self.chat.close_model()
        self._close_messages_no_wait()

    def _quit_by_signal(self, exit_code: int) -> None:
        self._quitting = asyncio.create_task(self._quit_settled(exit_code))

    async def _quit_settled(self, exit_code: int) -> None:
        await self._settle()
        self.chat.put_away()
        self._leave(exit_code)

    def _leave(self, exit_code: int) -> None:
        """End the program, with a line about what could not be kept."""
        self._has_left = True
        lost = StoreError(f"not everything is saved: {self.chat.not_saved}") if self.chat.not_saved else None
        exit_code = exit_code or (lost.exit_code if lost else 0)
        if not self.is_headless:
            self.ending.limit(exit_code, f"idefics-chat: {lost}\n" if lost else "")
        self.chat.close_model()
        self.exit(lost, return_code=exit_code)
