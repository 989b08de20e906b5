"""The conversation as it scrolls by: a window of what was said, and behind it what is under way."""

from collections.abc import Sequence

from textual.message import Message
from textual.widget import Widget

from chat.conversation import Role
from chat.records import Choice, LeftOut, StoredTurn
from chat.talk.said import Entry
from chat.tui.widgets.choice import ChoiceCommand, ChoiceTurn
from chat.tui.widgets.figure import Receipt
from chat.tui.widgets.left_out import LeftOutRule
from chat.tui.widgets.turn import ReplyTurn, SaidTurn, SystemTurn, UserTurn
from chat.tui.widgets.turn_window import Numbered
from chat.tui.widgets.unfinished_window import UnfinishedWindow


class ConversationLog(UnfinishedWindow):
    """The turns of a session. It follows its end until somebody scrolls away from it."""

    class EndLeft(Message):
        """The end was scrolled out of view, is so still with more lines below, or came back into view."""

        def __init__(self, lines_below: int | None) -> None:
            super().__init__()
            self.lines_below = lines_below
            """Lines that came since the end was left; None at the end."""

    def __init__(self) -> None:
        super().__init__()
        self._left_out = LeftOut()
        self._image_size: int | None = None
        self._shows_times = False

    @property
    def shows_times(self) -> bool:
        """Whether every turn says when it was said."""
        return self._shows_times

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
        self, entries: Sequence[Numbered], system: str = "", left_out: LeftOut | None = None
    ) -> None:
        """Show a session from its end; each entry comes with the number of its first picture."""
        self.forget_unfinished()
        self._entries, self._system = list(entries), system
        self._end_is_in_view()
        self._left_out = left_out or LeftOut()
        await self.show_from(max(0, len(self._entries) - self.window))
        self.anchor()

    async def show_system(self, system: str) -> None:
        """Show the text before the first turn, if the first turn is in view."""
        self._system = system
        await self.query(SystemTurn).remove()
        # Meanwhile another session's may be there.
        if self._system == system and system and not self.has_earlier and not self.query(SystemTurn):
            await self._turns.mount(SystemTurn(system), before=0 if self._turns.children else None)

    async def show_left_out(self, left_out: LeftOut) -> None:
        """Show what of the turns the model is not shown."""
        self._left_out = left_out
        gone: list[Widget] = []
        with self.app.batch_update():
            # Nothing is waited for before all of it is done: meanwhile other turns may come.
            for views in self._mounted:
                for rule in [view for view in views if isinstance(view, LeftOutRule)]:
                    views.remove(rule)
                    gone.append(rule)
                for turn in [view for view in views if isinstance(view, UserTurn)]:
                    turn.show_left_out(left_out.places(turn.turn_id))
                    if self._is_first_shown(turn.turn_id):
                        views.insert(0, LeftOutRule())
                        self._turns.mount(views[0], before=turn)
            await self._turns.remove_children(gone)

    def _is_first_shown(self, turn_id: int) -> bool:
        """Whether a message is the first that the model is shown, with others before it that it is not."""
        if not self._left_out.messages or turn_id in self._left_out.messages:
            return False
        before = 0
        for entry, _ in self._entries:
            if isinstance(entry, StoredTurn) and entry.turn.role is Role.USER:
                if entry.id == turn_id:
                    break
                before = entry.id
        return before in self._left_out.messages

    async def add_user_turn(self, stored: StoredTurn, first_number: int) -> None:
        """Add what the user said, before whatever waits."""
        await self._add(stored, first_number)

    async def _add(self, entry: Entry, first_number: int) -> None:
        views, is_at_last = self.views_of(entry, first_number), self.is_at_last
        # Before anything is waited for: meanwhile another session may be shown, which this is no part of.
        self.append(entry, first_number, views)
        if is_at_last:
            await self.mount_before_waiting(*views)

    def stream_reply(self, text: str, *, calmly: bool) -> bool:
        """Show what the reply says so far; False if some of it must be shown a little later.

        Args:
            text: All of it.
            calmly: Let the reply take further lines less often.
        """
        self.call_after_refresh(self._check_end)
        if not self.is_at_last:
            # It is shown when it is scrolled to.
            return False
        reply = self.reply
        # Its place may still be in the making when its first words are there.
        return reply is not None and reply.stream(text, calmly=calmly)

    async def finish_reply(self, stored: StoredTurn, error: str = "") -> None:
        """Show the complete reply."""
        self._is_replying = False
        reply = self.reply
        # Before anything is waited for, as above.
        self.append(stored, 0, [reply] if reply is not None else [])
        if reply is not None:
            await reply.finish(stored, error)
            reply.show_time(self._shows_times)
        self.call_after_refresh(self._check_end)

    async def finish_choice(self, choice: Choice) -> None:
        """Show how likely the labels are that were being ranked."""
        with self.app.batch_update():
            self._ranked, pending = None, self.pending_views()
            await self._add(choice, choice.number)
            await self._turns.remove_children(pending)
        self.call_after_refresh(self._check_end)

    def show_example(self, stored: StoredTurn) -> None:
        """Show whether a message is an example."""
        self._entries = [
            (stored if isinstance(entry, StoredTurn) and entry.id == stored.id else entry, number)
            for entry, number in self._entries
        ]
        for turn in self.query(UserTurn):
            if turn.turn_id == stored.id:
                turn.show_example(stored.is_example)

    def show_times(self, shows_times: bool) -> None:
        """Say of every turn when it was said, or of none."""
        self._shows_times = shows_times
        for turn in self.said_turns:
            turn.show_time(shows_times)

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Bring more turns before they are needed, and tell when the end is left or reached."""
        super().watch_scroll_y(old_value, new_value)
        self.bring_near(old_value, new_value)
        self._check_end()

    def watch_virtual_size(self) -> None:
        """Tell of lines that came below the view."""
        self._check_end()

    def _check_end(self) -> None:
        if self.is_at_last and self.scroll_y >= self.max_scroll_y - 1:
            self._end_is_in_view()
            return
        if self._left_at is None:
            self._left_at = self.virtual_size.height
        self.post_message(self.EndLeft(max(0, self.virtual_size.height - self._left_at) if self.is_at_last else 0))

    def _end_is_in_view(self) -> None:
        if self._left_at is not None:
            self._left_at = None
            self.post_message(self.EndLeft(None))

    def views_of(self, entry: Entry, first_number: int) -> list[Widget]:
        """The widgets that show a turn, or labels that were ranked."""
        views = self._new_views(entry, first_number)
        for view in views:
            if isinstance(view, SaidTurn):
                self.show_place(view)
                view.show_time(self._shows_times)
        return views

    def _new_views(self, entry: Entry, first_number: int) -> list[Widget]:
        if isinstance(entry, Choice):
            asked = ChoiceCommand(entry.ranking.labels, entry.images, entry.number)
            return [asked, ChoiceTurn(entry.facts.name, entry)]
        if entry.turn.role is Role.USER:
            rule: list[Widget] = [LeftOutRule()] if self._is_first_shown(entry.id) else []
            return [*rule, UserTurn(entry, first_number, self._image_size, self._left_out.places(entry.id))]
        facts = entry.generation.facts if entry.generation else None
        return [ReplyTurn(facts.name if facts else self._checkpoint, entry)]
