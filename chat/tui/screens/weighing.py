"""How the tokens of a reply are listed: the model weighs them when it is free, and a screen shows them."""

import threading
from functools import partial
from typing import TYPE_CHECKING

from textual import on
from textual.message import Message

from chat.conversation import Role
from chat.errors import GenerationError, ModelError
from chat.talk.commands import Call
from chat.tui.screens.tasks import TaskScreen

# Imported with the first list: the first frame does without.
if TYPE_CHECKING:
    from chat.records import StoredTurn
    from chat.talk.weighing import Weighed
    from chat.tui.screens.tokens import TokensScreen
    from chat.tui.widgets.turn import SaidTurn


class TokensWeighed(Message):
    """The tokens of a reply are weighed, or could not be; neither where that was stopped."""

    def __init__(self, screen: "TokensScreen", weighed: "Weighed | None", problem: str = "") -> None:
        super().__init__()
        self.screen, self.weighed, self.problem = screen, weighed, problem


class WeighingScreen(TaskScreen):
    """Lists the tokens of a reply on a key, with their probabilities."""

    async def turn_tokens(self, turn: "SaidTurn") -> None:
        """List the tokens of a reply."""
        if turn.stored is None:
            self.say("The reply is still being written.")
        else:
            await self._list_tokens(turn.stored)

    async def action_tokens(self) -> None:
        """List the tokens of the last reply."""
        replies = [] if self._session is None else self.session.turns
        await self._list_tokens(
            next((stored for stored in reversed(replies) if stored.turn.role is Role.ASSISTANT), None)
        )

    async def command_tokens(self, _: Call) -> None:
        """List the tokens of the last reply."""
        await self.action_tokens()

    async def _list_tokens(self, reply: "StoredTurn | None") -> None:
        from chat.talk.weighing import weigh, why_not
        from chat.tui.screens.tokens import TokensScreen

        if self._session is None:
            return
        generator, model = self._generator, self._model
        problem = why_not(reply, generator)
        if not problem and self.is_working:
            problem = "The model is at work: list the tokens when it has ended."
        if problem or reply is None or generator is None or model is None or reply not in self.session.turns:
            self.say(problem or "There is no reply to list the tokens of.")
            return
        stop = threading.Event()
        screen = TokensScreen(reply, stop)
        find = partial(weigh, generator, self.session.as_it_is(), reply, stop)
        # Before the model is asked: it may answer before the screen is there.
        await self.app.push_screen(screen)

        def job() -> TokensWeighed:
            try:
                return TokensWeighed(screen, find())
            except ModelError as error:
                return TokensWeighed(screen, None, str(error))
            # As with a reply: whatever a model raises is told, and its thread lives on.
            except Exception as error:
                return TokensWeighed(screen, None, str(GenerationError(f"the model failed: {type(error).__name__}")))

        model.ask(job)

    @on(TokensWeighed)
    def _show_tokens(self, message: TokensWeighed) -> None:
        # One that is being left has no parts any more, but its place still.
        if message.screen in self.app.screen_stack:
            message.screen.show(message.weighed, message.problem)
        self.prefill_draft()
