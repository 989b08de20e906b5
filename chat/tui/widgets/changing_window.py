"""A window of turns whose later ones can be others: branches that are switched in place."""

from collections import deque
from collections.abc import Mapping, Sequence
from itertools import chain, takewhile

from chat.records import StoredTurn
from chat.talk.said import Entry
from chat.tui.widgets.turn import SaidTurn
from chat.tui.widgets.turn_window import Numbered, TurnWindow


class ChangingWindow(TurnWindow):
    """Knows which version of how many a turn is, and shows others in the place of turns."""

    def __init__(self) -> None:
        super().__init__()
        self._places: Mapping[int, tuple[int, int]] = {}

    async def show_changed(self, entries: Sequence[Numbered], system: str) -> None:
        """Show other turns from the first one on that is another; those above stay where they are."""
        pairs = takewhile(lambda pair: _is_same(pair[0][0], pair[1][0]), zip(self._entries, entries, strict=False))
        same = sum(1 for _ in pairs)
        kept = min(same - self._first, len(self._mounted))
        self._entries, self._system = list(entries), system
        if kept <= 0:
            await self.show_from(max(0, len(self._entries) - self.window))
            self.anchor()
            return
        mounted, end = list(self._mounted), self._first + kept
        views = [self.views_of(*numbered) for numbered in self._entries[end : end + self.window]]
        gone = [*chain.from_iterable(mounted[kept:]), *self._hints(), *self.unfinished_views()]
        self._mounted = deque([*mounted[:kept], *views])
        with self.app.batch_update():
            await self._turns.remove_children(gone)
            await self._turns.mount_all(self._top(), before=0)
            await self._turns.mount_all([*chain.from_iterable(views), *self._bottom()])
            if self.is_at_last:
                await self.show_unfinished()

    def show_places(self, places: Mapping[int, tuple[int, int]]) -> None:
        """Show which version of how many each turn is that has several."""
        self._places = places
        for view in self.said_turns:
            self.show_place(view)

    def show_place(self, view: SaidTurn) -> None:
        """Show which version of how many a turn is."""
        if view.stored is not None:
            view.show_branch(*self._places.get(view.stored.id, (1, 1)))

    async def turn_with(self, turn_id: int) -> SaidTurn | None:
        """The view of a turn, which is mounted if it is not; None where it is none of those that are shown."""
        place = next((place for place, (entry, _) in enumerate(self._entries) if _id_of(entry) == turn_id), None)
        if place is None:
            return None
        if not self._first <= place < self._first + len(self._mounted):
            await self.show_from(max(0, place - 1))
        return next((view for view in self.said_turns if view.stored and view.stored.id == turn_id), None)


def _id_of(entry: Entry) -> int | None:
    return entry.id if isinstance(entry, StoredTurn) else None


def _is_same(entry: Entry, other: Entry) -> bool:
    """Whether two entries are one turn, which the store knows, or one choice."""
    return _id_of(entry) == _id_of(other) if _id_of(entry) else entry == other
