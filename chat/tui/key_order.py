"""Keys that come faster than what they do: each goes to what the one before it has left in charge."""

import asyncio
from collections import deque
from contextlib import suppress
from typing import Final

from textual.app import App, ScreenStackError
from textual.dom import DOMNode
from textual.events import Event, Key, Paste

from chat.errors import ChatError

SETTLE_S: Final = 0.5
"""Seconds that a key may take at most before those behind it are let through."""
QUIET_ROUNDS: Final = 4
"""Times that everything in the way of a key is through with what it had to do, and the focus stays where it is."""
_LEAVING: Final = frozenset(("enter", "escape", "up", "down", "tab", "shift+tab"))
"""Keys by which a line of text may be left although it takes them itself."""
_HELD_DOWN: Final = frozenset(("up", "down", "left", "right", "pageup", "pagedown", "shift+left", "shift+right"))
"""Keys that are held down to go far."""
MOST_AHEAD: Final = 3
"""Of a key that is held down, as many wait at most."""


async def settled(pumps: list[DOMNode]) -> None:
    """Wait until all of these have done what waits for them, one after the other.

    What a widget makes of a key goes from queue to queue, and joins each behind what waits there already.
    """
    for pump in pumps:
        is_through = asyncio.Event()
        if pump.call_later(is_through.set):
            await is_through.wait()


class KeysInOrderApp(App[ChatError]):
    """Holds keys and pastes back while a key is under way that may move the focus or open a screen.

    Textual gives a key to what has the focus when it arrives, and that of several which arrive together is the same for
    all: of `e` and the words typed right behind it, the turn would get the words too. What is typed into a text is
    never held back for the sake of what was typed before it.
    """

    _held: deque[Key | Paste] | None = None
    """What waits for a key under way; None where there is none."""
    _under_way: asyncio.Task[None] | None = None
    """Held here, since the event loop itself holds no task."""

    async def on_event(self, event: Event) -> None:
        """Take an event, or hold it back."""
        if not isinstance(event, Key | Paste) or event.is_forwarded:
            await super().on_event(event)
        elif self._held is not None:
            if not _goes_too_far(event, self._held):
                self._held.append(event)
        else:
            if isinstance(event, Key) and self._may_move_focus(event):
                self._held = deque()
                self._under_way = asyncio.create_task(self._let_through(self._way))
            await super().on_event(event)

    def _may_move_focus(self, key: Key) -> bool:
        focused = self.focused
        if focused is None or not focused.check_consume_key("a", "a"):
            return True
        if focused.check_consume_key(key.key, key.character):
            return False
        bound = self.screen.active_bindings.get(key.key)
        return key.key in _LEAVING or (bound is not None and bound.node is not focused)

    @property
    def _way(self) -> list[DOMNode]:
        """What a key passes."""
        return [*(self.focused or self.screen).ancestors_with_self]

    async def _let_through(self, way: list[DOMNode]) -> None:
        """Let what was held back through as soon as the key has had its effect."""
        try:
            # As the program ends there are no screens.
            with suppress(TimeoutError, ScreenStackError):
                async with asyncio.timeout(SETTLE_S):
                    rounds = 0
                    while rounds < QUIET_ROUNDS:
                        await settled(way)
                        rounds = rounds + 1 if way == self._way else 0
                        way = self._way
        finally:
            self.call_later(self._take_held)

    async def _take_held(self) -> None:
        held, self._held = self._held or deque(), None
        while held:
            await self.on_event(held.popleft())
            if self._held is not None:
                # What came meanwhile waits in the queue of the app, behind this.
                self._held.extend(held)
                return


def _goes_too_far(event: Key | Paste, held: deque[Key | Paste]) -> bool:
    """Whether a key is held down and comes faster than what it moves is drawn: that has to end when it is let go."""
    if not isinstance(event, Key) or event.key not in _HELD_DOWN or len(held) < MOST_AHEAD:
        return False
    return all(isinstance(one, Key) and one.key == event.key for one in [*held][-MOST_AHEAD:])
