"""A window of a long conversation: some turns are mounted, those before and after come as they are scrolled to."""

from collections import deque
from collections.abc import Iterable, Sequence
from typing import Final

from textual.app import ComposeResult
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.events import Click
from textual.geometry import Size
from textual.layout import DockArrangeResult
from textual.message import Message
from textual.scrollbar import ScrollBar
from textual.widget import Widget
from textual.widgets import Static

from chat.talk.said import Entry
from chat.talk.wording import count_in_words
from chat.tui.glyphs import GLYPHS
from chat.tui.widgets.turn import SaidTurn, SystemTurn, TurnView

PAGE: Final = 20
"""Turns that come at once when they are scrolled to."""
MOST_MOUNTED: Final = 60
"""Turns that are mounted at most, but for the tallest windows; with each it takes longer to lay the screen out, and
keys wait for that."""
LEAST: Final = 8
"""Turns that are mounted in the lowest window."""

Numbered = tuple[Entry, int]
"""What the transcript shows, with the number of its first picture."""


class EarlierTurns(Static):
    """Stands above the first mounted turn and brings those before it."""

    class Wanted(Message):
        """The turns before are to be shown."""

    def __init__(self, count: int) -> None:
        super().__init__(_hint(GLYPHS.up, count, "earlier turn", "scroll up"), markup=False)

    def on_click(self, event: Click) -> None:
        """Ask for them."""
        event.stop()
        self.post_message(self.Wanted())


class LaterTurns(Static):
    """Stands below the last mounted turn and brings those after it."""

    class Wanted(Message):
        """The turns after are to be shown."""

    def __init__(self, count: int) -> None:
        super().__init__(_hint(GLYPHS.down, count, "later turn", "scroll down"), markup=False)

    def on_click(self, event: Click) -> None:
        """Ask for them."""
        event.stop()
        self.post_message(self.Wanted())


class TurnWindow(VerticalScroll, can_focus=False):
    """Mounts what is near to what is in view. What is in view stays in its place when others come or go."""

    def __init__(self) -> None:
        super().__init__()
        self._entries: list[Numbered] = []
        self._first = 0
        """The first entry that is mounted."""
        self._mounted: deque[list[Widget]] = deque()
        """The widgets of the mounted entries, in order."""
        self._system = ""
        self._kept: tuple[Widget, int] | None = None
        """A turn in view, and where it stood before others came or went above it."""
        self._left_at: int | None = None
        """The height when the end was left."""
        self._is_bringing = False
        """Whether more turns were asked for and are not there yet."""
        self._showings = 0
        """How often all the turns gave their place to others."""

    def compose(self) -> ComposeResult:
        """A place for the turns; it fills the view, or few turns would hang at its lower end."""
        yield Vertical(id="turns")

    @property
    def window(self) -> int:
        """Turns that surely fill the window, each taking two rows or more; no more are mounted at first."""
        return max(LEAST, self.app.size.height // 2)

    @property
    def most_mounted(self) -> int:
        """Turns that are mounted at most: those in view, and always more above and below than come at once."""
        return max(MOST_MOUNTED, 3 * self.window)

    @property
    def said_turns(self) -> list[SaidTurn]:
        """The mounted turns, in order."""
        return list(self._turns.query_children(SaidTurn))

    @property
    def is_at_last(self) -> bool:
        """Whether the last turn is mounted."""
        return self._first + len(self._mounted) == len(self._entries)

    @property
    def has_earlier(self) -> bool:
        """Whether there are turns before the first mounted one."""
        return self._first > 0

    @property
    def _turns(self) -> Vertical:
        return self.query_one("#turns", Vertical)

    async def show_earlier(self) -> None:
        """Show a page of turns more, above those in view; as many of those far below are let go."""
        self._is_bringing = False
        if not self.has_earlier:
            return
        first = max(0, self._first - PAGE)
        views = [self.views_of(*numbered) for numbered in self._entries[first : self._first]]
        with self.app.batch_update():
            self._first = first
            self._mounted.extendleft(reversed(views))
            many = max(0, len(self._mounted) - self.most_mounted)
            gone = _flat([self._mounted.pop() for _ in range(many)])
            if gone:
                gone += self.unfinished_views()
                self.anchor(False)
            self._keep_in_view(gone)
            await self._turns.remove_children([*gone, *self._hints()])
            await self._turns.mount_all([*self._top(), *_flat(views)], before=0)
            if gone:
                await self._turns.mount_all(self._bottom())

    async def show_later(self) -> None:
        """Show a page of turns more, below those in view; as many of those far above are let go."""
        self._is_bringing = False
        if self.is_at_last:
            return
        end = self._first + len(self._mounted)
        views = [self.views_of(*numbered) for numbered in self._entries[end : end + PAGE]]
        with self.app.batch_update():
            self._mounted.extend(views)
            many = max(0, len(self._mounted) - self.most_mounted)
            gone = _flat([self._mounted.popleft() for _ in range(many)])
            self._first += many
            self._keep_in_view(gone)
            await self._turns.remove_children([*gone, *self._hints()])
            await self._turns.mount_all(self._top(), before=0)
            await self._turns.mount_all([*_flat(views), *self._bottom()])
            if self.is_at_last:
                await self.show_unfinished()
                # The end is followed again as soon as it is scrolled to.
                self._anchored = True
                self.release_anchor()

    async def go_first(self) -> None:
        """Show the first turns."""
        if self.has_earlier:
            await self.show_from(0)
        self.anchor(self.is_at_last)
        self.scroll_home(animate=False, immediate=True)

    async def go_last(self) -> None:
        """Show the last turns, and follow the end."""
        self.mark_found(None)
        if not self.is_at_last:
            await self.show_from(max(0, len(self._entries) - self.window))
        self.anchor()

    def mark_found(self, found: SaidTurn | None) -> None:
        """Mark the turn that was looked for, and no other."""
        for turn in self.said_turns:
            turn.set_class(turn is found, "-found")

    @property
    def found_in_view(self) -> SaidTurn | None:
        """The turn that was looked for, where it is in view."""
        found = (turn for turn in self.said_turns if turn.has_class("-found"))
        return next((turn for turn in found if turn.region.overlaps(self.region)), None)

    async def show_from(self, first: int) -> None:
        """Show a window of turns from one of them on; what is shown by another task meanwhile takes their place."""
        self._showings += 1
        showing = self._showings
        with self.app.batch_update():
            await self._turns.remove_children()
            if showing != self._showings:
                return
            self._first = first
            views = [self.views_of(*numbered) for numbered in self._entries[first : first + self.window]]
            self._mounted = deque(views)
            await self._turns.mount_all([*self._top(), *_flat(views), *self._bottom()])
            if showing == self._showings and self.is_at_last:
                await self.show_unfinished()

    async def show_unfinished(self) -> None:
        """Show what stands behind the last turn that is complete."""

    def views_of(self, entry: Entry, first_number: int) -> list[Widget]:
        """The widgets that show an entry."""
        raise NotImplementedError

    def append(self, entry: Entry, first_number: int, views: list[Widget]) -> None:
        """Take another last entry, whose widgets are mounted by whoever knows their place."""
        is_at_last = self.is_at_last
        self._entries.append((entry, first_number))
        if is_at_last:
            self._mounted.append(views)

    def bring_near(self, before: float, now: float) -> None:
        """Bring more turns before they are needed, when the view has moved."""
        if self._is_bringing:
            return
        # At the end nobody is on the way to the top, but the window may have become larger than its turns.
        near = 1 if self._anchored and not self._anchor_released else self.size.height
        if now < before and now < near and self.has_earlier:
            self._is_bringing = True
            self.post_message(EarlierTurns.Wanted())
        elif now > before and self.max_scroll_y - now < near and not self.is_at_last:
            self._is_bringing = True
            self.post_message(LaterTurns.Wanted())

    def arrange(self, size: Size, optimal: bool = False) -> DockArrangeResult:
        """Lay the turns out; where some came or went above the view, the view goes along in the same frame."""
        arranged = super().arrange(size, optimal)
        if self._kept is None:
            return arranged
        (kept, before), self._kept = self._kept, None
        if self._anchored and not self._anchor_released:
            return arranged
        width = next(placement.region.width for placement in arranged.placements if placement.widget is self._turns)
        for placement in self._turns.arrange(Size(width, 0)).placements:
            if placement.widget is kept:
                self._shift(placement.region.y - before)
        return arranged

    def _keep_in_view(self, gone: Sequence[Widget]) -> None:
        """Remember where a turn stands that stays, for the view to go along with it; the focus leaves those that go."""
        staying = [view for view in self._turns.children if isinstance(view, TurnView) and view not in gone]
        in_view = [view for view in staying if view.region.overlaps(self.region)]
        place = (in_view or staying)[:1]
        self._kept = (place[0], place[0].virtual_region.y) if place else None
        focused = self.screen.focused
        if focused is not None and any(view in gone for view in focused.ancestors_with_self):
            for turn in [view for view in in_view if isinstance(view, SaidTurn)][:1]:
                turn.focus(scroll_visible=False)

    def _shift(self, change: int) -> None:
        if not change:
            return
        if self._left_at is not None:
            self._left_at += change
        place = max(0, self.scroll_y + change)
        # As Textual does it where the end is followed: setting the place as usual would ask for another layout.
        self.set_reactive(Widget.scroll_y, place)
        self.set_reactive(Widget.scroll_target_y, place)
        self.vertical_scrollbar.set_reactive(ScrollBar.position, place)

    def unfinished_views(self) -> list[Widget]:
        """The widgets behind the last turn that is complete."""
        return []

    def _hints(self) -> list[Widget]:
        return [*self.query(EarlierTurns), *self.query(LaterTurns)]

    def _top(self) -> list[Widget]:
        """What stands above the first mounted turn: the way to those before it, or the text before all of them."""
        if self.has_earlier:
            return [EarlierTurns(self._first)]
        return [SystemTurn(self._system)] if self._system and not self.query(SystemTurn) else []

    def _bottom(self) -> list[Widget]:
        """What stands below the last mounted turn, where others come after it."""
        later = len(self._entries) - self._first - len(self._mounted)
        return [LaterTurns(later)] if later > 0 else []


def _flat(views: Iterable[list[Widget]]) -> list[Widget]:
    return [view for some in views for view in some]


def _hint(sign: str, count: int, noun: str, way: str) -> Content:
    return Content.styled(f"{sign} {count_in_words(count, noun)} · {way} or click", "$quiet")
