"""What is under way behind the turns of a conversation, and what waits there."""

import time
from collections.abc import Sequence

from textual import work
from textual.css.query import NoMatches
from textual.widget import Widget

from chat.drafts import Draft
from chat.loading import LoadProgress
from chat.talk.said import RunningChoice
from chat.tui.widgets.changing_window import ChangingWindow
from chat.tui.widgets.choice import ChoiceCommand, ChoiceTurn
from chat.tui.widgets.loading import LoadingTurn
from chat.tui.widgets.queued_turn import QueuedTurn
from chat.tui.widgets.turn import ReplyTurn


class UnfinishedWindow(ChangingWindow):
    """Shows a reply that grows, labels that are being ranked, a checkpoint that is loaded, and messages that wait."""

    def __init__(self) -> None:
        super().__init__()
        self._checkpoint = ""
        self._is_replying = False
        self._ranked: RunningChoice | None = None
        self._waiting: tuple[Sequence[Draft], int] = ((), 1)
        self._is_held = False
        self._loading: LoadingTurn | None = None
        self._loading_since = time.monotonic()
        self._progress = LoadProgress("")

    def forget_unfinished(self) -> None:
        """Nothing is under way, and nothing waits."""
        self._is_replying, self._ranked, self._waiting, self._loading = False, None, ((), 1), None

    async def begin_reply(self) -> None:
        """Add a reply that will be streamed."""
        self._is_replying = True
        self._import_readers()
        if self.is_at_last:
            await self.mount_before_waiting(ReplyTurn(self._checkpoint))

    @work(thread=True, group="imports", exclusive=True, exit_on_error=False)
    def _import_readers(self) -> None:
        """Import what blocks are read with while the model reads: keys would wait for it later."""
        import markdown_it.tree
        import textual.highlight  # noqa: F401

        markdown_it.MarkdownIt("gfm-like")

    @property
    def reply(self) -> ReplyTurn | None:
        """The reply that is being written, where it is mounted."""
        # Asked for again and again while it grows: a query would look at every widget of every turn.
        turns = (turn for turn in reversed(self._turns.children) if isinstance(turn, ReplyTurn))
        return next((turn for turn in turns if turn.stored is None), None)

    async def begin_choice(self, running: RunningChoice) -> None:
        """Add labels that are being ranked."""
        self._ranked = running
        if self.is_at_last:
            await self.mount_before_waiting(*self._ranked_views())

    def _ranked_views(self) -> list[Widget]:
        if self._ranked is None:
            return []
        asked = self._ranked.asked
        command = ChoiceCommand(asked.labels, asked.shown, self._ranked.number)
        return [command, ChoiceTurn(self._ranked.facts.name)]

    async def drop_choice(self) -> None:
        """Take the labels that are being ranked away."""
        self._ranked = None
        await self._turns.remove_children(self.pending_views())

    def pending_views(self) -> list[Widget]:
        """The labels that are being ranked, with the command before them."""
        siblings = list(self._turns.children)
        pending = [turn for turn in self.query(ChoiceTurn) if turn.is_pending]
        return [view for turn in pending for view in (siblings[siblings.index(turn) - 1], turn)]

    async def show_waiting(self, waiting: Sequence[Draft], first_number: int) -> None:
        """Show the messages that wait to be sent, in the place of those shown before."""
        shown = self._waiting = (list(waiting), first_number)
        await self.query(QueuedTurn).remove()
        # Meanwhile others may wait, or these may have come into view as others do.
        if shown is self._waiting and self.is_at_last and not self.query(QueuedTurn):
            await self._turns.mount_all(self._queued_views())

    def _queued_views(self) -> list[Widget]:
        waiting, number = self._waiting
        queued: list[Widget] = []
        for position, draft in enumerate(waiting):
            queued.append(QueuedTurn(draft, position, number, is_held=self._is_held))
            number += len(draft.images)
        return queued

    def hold_waiting(self, *, is_held: bool) -> None:
        """Show whether the messages that wait are sent only when somebody asks for it."""
        if is_held != self._is_held:
            self._is_held = is_held
            for queued in self.query(QueuedTurn):
                queued.show_held(is_held)

    async def show_loading(self, checkpoint: str) -> None:
        """Show that a checkpoint is being loaded."""
        if self._loading is None:
            self._loading = LoadingTurn(checkpoint, self._loading_since, self._progress)
            if self.is_at_last:
                await self.mount_before_waiting(self._loading)

    def begin_loading(self) -> None:
        """Take the time from which the loading is measured."""
        self._loading_since = time.monotonic()
        self.show_progress(LoadProgress(""))

    def show_progress(self, progress: LoadProgress) -> None:
        """Show how far the loading has come, where it is shown at all."""
        self._progress = progress
        if self._loading is not None:
            self._loading.show_progress(progress)

    def show_problem(self, problem: str, cure: str) -> None:
        """Show why there is no model, where its loading was shown."""
        if self._loading is not None:
            self._loading.show_problem(problem, cure)

    async def hide_loading(self) -> None:
        """Take the loading away."""
        self._loading = None
        await self.query(LoadingTurn).remove()

    async def show_unfinished(self) -> None:
        """Show what is under way and what waits."""
        reply: list[Widget] = [ReplyTurn(self._checkpoint)] if self._is_replying else []
        loading: list[Widget] = []
        if self._loading is not None:
            # What was unmounted cannot be mounted again.
            self._loading = self._loading.again()
            loading = [self._loading]
        await self._turns.mount_all([*reply, *self._ranked_views(), *loading, *self._queued_views()])

    def unfinished_views(self) -> list[Widget]:
        """What is under way and what waits, as far as it is mounted."""
        reply = self.reply
        views: list[Widget] = [reply] if reply is not None else []
        return [*views, *self.pending_views(), *self.query(LoadingTurn), *self.query(QueuedTurn)]

    async def mount_before_waiting(self, *widgets: Widget) -> None:
        """Mount widgets behind the turns and before the messages that wait."""
        try:
            await self._turns.mount(*widgets, before=self.query(QueuedTurn).first())
        except NoMatches:
            await self._turns.mount(*widgets)
