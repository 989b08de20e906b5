"""How the conversation is read with the keys: turn by turn, each with what can be done with it."""

from inspect import isawaitable

from chat.tui.screens.tasks import TaskScreen
from chat.tui.widgets.turn import SaidTurn


class ReadingScreen(TaskScreen):
    """Moves the focus from turn to turn; what a key asks of a turn is done by the method `turn_` and its name."""

    async def on_said_turn_asked(self, message: SaidTurn.Asked) -> None:
        """Do what was asked of a turn."""
        done = getattr(self, f"turn_{message.name}")(message.turn)
        if isawaitable(done):
            await done

    def read_last(self) -> bool:
        """Go to the last turn; tells whether there is one."""
        turns = self.log_view.said_turns
        if turns:
            self._go_to(turns[-1])
        return bool(turns)

    def turn_previous(self, turn: SaidTurn) -> None:
        """Go to the turn above."""
        turns = self.log_view.said_turns
        self._go_to(turns[max(0, turns.index(turn) - 1)])

    def turn_next(self, turn: SaidTurn) -> None:
        """Go to the turn below; below the last one is the message."""
        turns = self.log_view.said_turns
        if turn is turns[-1]:
            self.composer.focus_text()
        else:
            self._go_to(turns[turns.index(turn) + 1])

    def turn_first(self, _: SaidTurn) -> None:
        """Go to the first turn."""
        self._go_to(self.log_view.said_turns[0])

    def turn_last(self, _: SaidTurn) -> None:
        """Go to the last turn."""
        self.read_last()

    def _go_to(self, turn: SaidTurn) -> None:
        turn.focus(scroll_visible=False)
        self.log_view.scroll_to_widget(turn, animate=False)
