"""How the conversation is read with the keys: turn by turn, each with what can be done with it."""

from inspect import isawaitable
from typing import TYPE_CHECKING

from chat.errors import UsageError
from chat.talk.commands import Call
from chat.tui.screens.tasks import TaskScreen

# The widgets of turns come after the first frame.
if TYPE_CHECKING:
    from chat.tui.widgets.log import ConversationLog
    from chat.tui.widgets.turn import SaidTurn


class ReadingScreen(TaskScreen):
    """Moves the focus from turn to turn; what a key asks of a turn is done by the method `turn_` and its name."""

    async def on_said_turn_asked(self, message: "SaidTurn.Asked") -> None:
        """Do what was asked of a turn."""
        if not message.turn.is_attached or not self.is_active:
            # It was scrolled far away, or another session or a dialog was opened, since the key was pressed.
            return
        done = getattr(self, f"turn_{message.name}")(message.turn)
        if isawaitable(done):
            await done

    def read_last(self) -> bool:
        """Go to the last turn that is mounted; tells whether there is one."""
        turns = self.log_view.said_turns
        if turns:
            self._go_to(turns[-1])
        return bool(turns)

    def read_upward(self) -> bool:
        """Go to the turn that was found as long as it is in view, or else to the last; tells whether there is one."""
        found = self.log_view.found_in_view
        if found is None:
            return self.read_last()
        self._go_to(found)
        return True

    async def turn_previous(self, turn: "SaidTurn") -> None:
        """Go to the turn above."""
        if self.log_view.said_turns[:1] == [turn]:
            await self.log_view.show_earlier()
        turns = self.log_view.said_turns
        if turn in turns:
            self._go_to(turns[max(0, turns.index(turn) - 1)])

    async def turn_next(self, turn: "SaidTurn") -> None:
        """Go to the turn below; below the last one is the message."""
        if self.log_view.said_turns[-1:] == [turn]:
            await self.log_view.show_later()
        # Meanwhile another session may be shown.
        turns = self.log_view.said_turns
        if turns[-1:] == [turn]:
            self.composer.focus_text()
        elif turn in turns:
            self._go_to(turns[turns.index(turn) + 1])

    async def turn_first(self, _: "SaidTurn") -> None:
        """Go to the first turn."""
        await self.log_view.go_first()
        if turns := self.log_view.said_turns:
            turns[0].focus(scroll_visible=False)

    async def turn_last(self, _: "SaidTurn") -> None:
        """Go to the last turn."""
        await self.log_view.go_last()
        self.read_last()

    def turn_command(self, _: "SaidTurn") -> None:
        """Go to the message, and begin a command where nothing is written."""
        self.composer.focus_text()
        if not self.composer.draft.text:
            self.composer.insert("/")

    async def turn_bottom(self, _: "SaidTurn") -> None:
        """Go to the end, and follow it."""
        await self.log_view.go_last()

    def _go_to(self, turn: "SaidTurn") -> None:
        log = self.log_view
        turn.focus(scroll_visible=False)
        if turn.region:
            log.scroll_to_widget(turn, animate=False)
        else:
            # It has no place yet.
            self.call_after_refresh(log.scroll_to_widget, turn, animate=False)

    # The window

    async def on_earlier_turns_wanted(self) -> None:
        """Show turns before those in view."""
        await self.log_view.show_earlier()

    async def on_later_turns_wanted(self) -> None:
        """Show turns after those in view."""
        await self.log_view.show_later()

    async def on_below_notice_wanted(self) -> None:
        """Show the end, and follow it."""
        await self.log_view.go_last()

    def on_conversation_log_end_left(self, message: "ConversationLog.EndLeft") -> None:
        """Say that the conversation goes on below, or that it does not any more."""
        self.show_below(message.lines_below)

    def show_below(self, lines_below: int | None) -> None:
        """Say how many lines came below the view; None where the end is in view."""

    async def show_last(self) -> None:
        """Go to the last turn."""
        await self.log_view.go_last()
        self.call_after_refresh(self.read_last)

    async def command_last(self, _: Call) -> None:
        """Go to the last turn."""
        if not self.session.turns:
            raise UsageError("Nothing was said yet.")
        await self.show_last()

    # Details and times

    async def turn_details(self, turn: "SaidTurn") -> None:
        """Show what is known of a turn, or do not any more."""
        if turn.stored is None:
            self.say("The reply is still being written.", is_problem=False)
        else:
            await turn.toggle_details()
            self.call_after_refresh(self.log_view.scroll_to_widget, turn, animate=False)

    async def show_last_details(self) -> None:
        """Show what is known of the last reply, or do not any more."""
        await self.log_view.go_last()
        replies = [turn for turn in self.log_view.said_turns if turn.stored and turn.stored.generation]
        if not replies:
            self.say("There is no reply yet.")
        else:
            await self.turn_details(replies[-1])

    async def command_details(self, _: Call) -> None:
        """Show what is known of the last reply, or do not any more."""
        await self.show_last_details()

    def toggle_times(self) -> None:
        """Say of every turn when it was said, or do not any more."""
        shows_times = not self.log_view.shows_times
        self.log_view.show_times(shows_times)
        self.say(
            "Each turn says when it was said · /times again hides it" if shows_times else "The times are hidden.",
            is_problem=False,
        )

    async def command_times(self, _: Call) -> None:
        """Say of every turn when it was said, or do not any more."""
        self.toggle_times()
