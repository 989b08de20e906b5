"""The conversation as it scrolls by: the newest turns are mounted, older ones when they are scrolled to."""

import time
from collections.abc import Iterable, Sequence
from typing import Final

from textual.app import ComposeResult
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.css.query import NoMatches
from textual.events import Click
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Static

from chat.conversation import Role
from chat.generation import LoadProgress
from chat.records import Choice, Draft, LeftOut, StoredTurn
from chat.talk.said import Entry, RunningChoice
from chat.talk.wording import count_in_words
from chat.tui.glyphs import GLYPHS
from chat.tui.widgets.choice import ChoiceCommand, ChoiceTurn
from chat.tui.widgets.figure import Receipt
from chat.tui.widgets.left_out import LeftOutRule
from chat.tui.widgets.loading import LoadingTurn
from chat.tui.widgets.turn import QueuedTurn, ReplyTurn, SaidTurn, SystemTurn, UserTurn

PAGE: Final = 30
"""Earlier turns that come at once when they are scrolled to."""
LEAST: Final = 8
"""Turns that are mounted in the lowest window."""


class EarlierTurns(Static):
    """Stands above the first mounted turn and brings those before it."""

    class Wanted(Message):
        """The turns before are to be shown."""

    def __init__(self, count: int) -> None:
        noun = count_in_words(count, "earlier turn")
        super().__init__(Content.styled(f"{GLYPHS.up} {noun} · scroll up or click", "$quiet"), markup=False)

    def on_click(self, event: Click) -> None:
        """Ask for them."""
        event.stop()
        self.post_message(self.Wanted())


class ConversationLog(VerticalScroll, can_focus=False):
    """The turns of a session. It follows its end until somebody scrolls away from it."""

    class EndLeft(Message):
        """The end was scrolled out of view, is so still with more lines below, or came back into view."""

        def __init__(self, lines_below: int | None) -> None:
            super().__init__()
            self.lines_below = lines_below
            """Lines that came since the end was left; None at the end."""

    def __init__(self) -> None:
        super().__init__()
        self._earlier: list[tuple[Entry, int]] = []
        self._system = ""
        self._left_out = LeftOut()
        self._image_size: int | None = None
        self._checkpoint = ""
        self._left_at: int | None = None
        self._loading_since = time.monotonic()
        self._progress = LoadProgress("")

    def compose(self) -> ComposeResult:
        """A place for the turns; it fills the view, or few turns would hang at its lower end."""
        yield Vertical(id="turns")

    @property
    def window(self) -> int:
        """Turns that surely fill the window, each taking two rows or more.

        No more are mounted at first: with each it takes longer to lay the screen out, and keys wait for that.
        """
        return max(LEAST, self.app.size.height // 2)

    @property
    def said_turns(self) -> list[SaidTurn]:
        """The mounted turns, in order."""
        return list(self._turns.query_children(SaidTurn))

    @property
    def _turns(self) -> Vertical:
        return self.query_one("#turns", Vertical)

    def on_mount(self) -> None:
        """Follow the end."""
        self.anchor()

    def show_checkpoint(self, name: str, image_size: int | None) -> None:
        """Say which checkpoint replies and, where known, the side of the square it sees."""
        self._checkpoint = name
        if image_size is not None and image_size != self._image_size:
            self._image_size = image_size
            for receipt in self.query(Receipt):
                receipt.add_image_size(image_size)

    async def show_entries(
        self, entries: Sequence[tuple[Entry, int]], system: str = "", left_out: LeftOut | None = None
    ) -> None:
        """Show a session from its end; each entry comes with the number of its first picture."""
        self._left_out = left_out or LeftOut()
        with self.app.batch_update():
            await self._turns.remove_children()
            window = self.window
            self._earlier, self._system = list(entries[:-window]), system
            await self._turns.mount_all([*self._top(), *self._views(entries[-window:])])
            await self._show_rule()
        self.anchor()

    async def show_system(self, system: str) -> None:
        """Show the text before the first turn, if the first turn is in view."""
        self._system = system
        await self.query(SystemTurn).remove()
        if system and not self._earlier:
            await self._turns.mount(SystemTurn(system), before=0 if self._turns.children else None)

    async def show_earlier(self) -> None:
        """Show a page of turns more, above those in view, which stay where they are."""
        if not self._earlier:
            return
        page, self._earlier = self._earlier[-PAGE:], self._earlier[:-PAGE]
        height = self.virtual_size.height
        with self.app.batch_update():
            await self.query(EarlierTurns).remove()
            await self._turns.mount_all([*self._top(), *self._views(page)], before=0)
            await self._show_rule()

        def keep_place() -> None:
            self.scroll_to(y=self.scroll_y + self.virtual_size.height - height, animate=False, immediate=True)

        self.call_after_refresh(keep_place)

    async def show_left_out(self, left_out: LeftOut) -> None:
        """Show what of the turns the model is not shown."""
        self._left_out = left_out
        with self.app.batch_update():
            for turn in self.query(UserTurn):
                turn.show_left_out(left_out.places(turn.turn_id))
            await self._show_rule()

    async def _show_rule(self) -> None:
        """Let the rule stand below the last turn that is left out with what follows it, if that turn is mounted."""
        await self.query(LeftOutRule).remove()
        is_left_out = False
        for turn in self._turns.query_children(UserTurn):
            if is_left_out and turn.turn_id not in self._left_out.messages:
                await self._turns.mount(LeftOutRule(), before=turn)
                return
            is_left_out = turn.turn_id in self._left_out.messages
        if is_left_out:
            await self._mount_before_waiting(LeftOutRule())

    async def add_user_turn(self, stored: StoredTurn, first_number: int) -> None:
        """Add what the user said, before whatever waits."""
        await self._mount_before_waiting(UserTurn(stored, first_number, self._image_size))
        self.anchor()

    async def begin_reply(self) -> None:
        """Add a reply that will be streamed."""
        await self._mount_before_waiting(ReplyTurn(self._checkpoint))

    def stream_reply(self, text: str, *, calmly: bool) -> bool:
        """Show what the reply says so far; False if some of it must be shown a little later.

        Args:
            text: All of it.
            calmly: Let the reply take further lines less often.
        """
        self.call_after_refresh(self._check_end)
        turns = self.query(ReplyTurn)
        # Its place may still be in the making when its first words are there.
        return bool(turns) and turns.last().stream(text, calmly=calmly)

    async def finish_reply(self, stored: StoredTurn, error: str = "") -> None:
        """Show the complete reply."""
        await self.query(ReplyTurn).last().finish(stored, error)
        self.call_after_refresh(self._check_end)

    async def begin_choice(self, running: RunningChoice) -> None:
        """Add labels that are being ranked."""
        asked = ChoiceCommand(running.asked.labels, running.asked.shown, running.number)
        await self._mount_before_waiting(asked, ChoiceTurn(running.facts.name))
        self.anchor()

    async def drop_choice(self) -> None:
        """Take the labels that are being ranked away."""
        for turn in self.query(ChoiceTurn):
            if turn.is_pending:
                siblings = list(self._turns.children)
                await self._turns.remove_children([siblings[siblings.index(turn) - 1], turn])

    async def finish_choice(self, choice: Choice) -> None:
        """Show how likely the labels are that were being ranked."""
        with self.app.batch_update():
            await self.drop_choice()
            await self._mount_before_waiting(*self._views_of(choice, choice.number))
        self.call_after_refresh(self._check_end)

    def show_example(self, stored: StoredTurn) -> None:
        """Show whether a message is an example."""
        self._earlier = [
            (stored if isinstance(entry, StoredTurn) and entry.id == stored.id else entry, number)
            for entry, number in self._earlier
        ]
        for turn in self.query(UserTurn):
            if turn.turn_id == stored.id:
                turn.show_example(stored.is_example)

    async def show_waiting(self, waiting: Sequence[Draft], first_number: int) -> None:
        """Show the messages that wait to be sent, in the place of those shown before."""
        await self.query(QueuedTurn).remove()
        queued = []
        for position, draft in enumerate(waiting):
            queued.append(QueuedTurn(draft, position, first_number))
            first_number += len(draft.images)
        await self._turns.mount_all(queued)

    async def show_loading(self, checkpoint: str) -> None:
        """Show that a checkpoint is being loaded."""
        if not self.query(LoadingTurn):
            await self._mount_before_waiting(LoadingTurn(checkpoint, self._loading_since, self._progress))

    def begin_loading(self) -> None:
        """Take the time from which the loading is measured."""
        self._loading_since = time.monotonic()
        self.show_progress(LoadProgress(""))

    def show_progress(self, progress: LoadProgress) -> None:
        """Show how far the loading has come, where it is shown at all."""
        self._progress = progress
        for turn in self.query(LoadingTurn):
            turn.show_progress(progress)

    def show_problem(self, problem: str, cure: str) -> None:
        """Show why there is no model, where its loading was shown."""
        for turn in self.query(LoadingTurn):
            turn.show_problem(problem, cure)

    async def hide_loading(self) -> None:
        """Take the loading away."""
        await self.query(LoadingTurn).remove()

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Bring earlier turns at the top, and tell when the end is left or reached."""
        super().watch_scroll_y(old_value, new_value)
        if new_value <= 0 < old_value and self._earlier:
            self.post_message(EarlierTurns.Wanted())
        self._check_end()

    def _check_end(self) -> None:
        if self.scroll_y >= self.max_scroll_y - 1:
            if self._left_at is not None:
                self._left_at = None
                self.post_message(self.EndLeft(None))
            return
        if self._left_at is None:
            self._left_at = self.virtual_size.height
        self.post_message(self.EndLeft(max(0, self.virtual_size.height - self._left_at)))

    def _top(self) -> list[Widget]:
        """What stands above the first mounted turn: the way to those before it, or the text before all of them."""
        if self._earlier:
            return [EarlierTurns(len(self._earlier))]
        return [SystemTurn(self._system)] if self._system else []

    def _views(self, entries: Iterable[tuple[Entry, int]]) -> list[Widget]:
        return [view for entry, number in entries for view in self._views_of(entry, number)]

    def _views_of(self, entry: Entry, first_number: int) -> list[Widget]:
        if isinstance(entry, Choice):
            asked = ChoiceCommand(entry.ranking.labels, entry.images, entry.number)
            return [asked, ChoiceTurn(entry.facts.name, entry)]
        if entry.turn.role is Role.USER:
            return [UserTurn(entry, first_number, self._image_size, self._left_out.places(entry.id))]
        facts = entry.generation.facts if entry.generation else None
        return [ReplyTurn(facts.name if facts else self._checkpoint, entry)]

    async def _mount_before_waiting(self, *widgets: Widget) -> None:
        try:
            await self._turns.mount(*widgets, before=self.query(QueuedTurn).first())
        except NoMatches:
            await self._turns.mount(*widgets)
