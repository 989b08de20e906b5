"""How the conversation screen has labels ranked: in their place among the messages, and beside the conversation."""

import time
from dataclasses import replace
from typing import TYPE_CHECKING

from textual import on
from textual.timer import Timer

from chat.conversation import Conversation
from chat.generation import CheckpointFacts, GenerationSettings
from chat.loading import Loader
from chat.tui.messages import ChoiceEnded, ChoiceFailed
from chat.tui.screens.talk import TalkScreen
from chat.tui.widgets.status_row import STEP_S, State

if TYPE_CHECKING:
    from chat.prompt import Said


class ChoosingScreen(TalkScreen):
    """Ranks labels when it is their turn."""

    def __init__(self, *, load: Loader, checkpoint: str, is_demonstration: bool, settings: GenerationSettings) -> None:
        super().__init__(load=load, checkpoint=checkpoint, is_demonstration=is_demonstration, settings=settings)
        self._step: Timer | None = None

    def next_prompt(self, facts: CheckpointFacts) -> "tuple[Conversation, GenerationSettings, str | Said]":
        """What the first message that waits asks the model, and how; or the question which label it is."""
        from chat.talk.said import LABEL_ROOM, AskedChoice

        asked = self.session.waiting[0]
        if not isinstance(asked, AskedChoice):
            return super().next_prompt(facts)
        return self.session.conversation_for(asked, facts), replace(self._settings, max_new_tokens=LABEL_ROOM), ""

    async def begin_next(self, run: int, tokens: int, facts: CheckpointFacts) -> None:
        """Send the first message that waits, or rank its labels."""
        from chat.talk.said import AskedChoice

        asked = self.session.waiting[0]
        if not isinstance(asked, AskedChoice):
            await super().begin_next(run, tokens, facts)
            return
        if self._generator is None or self._model is None:
            return
        session, running = self.session, self.session.begin_choice(asked, facts)
        conversation = session.conversation_for(asked, facts)
        self._model.score(run, self._generator, conversation, asked.labels)
        self._state, self._started = State.CHOOSING, time.monotonic()
        self._step = self.set_interval(STEP_S, self.show_status)
        self.show_context(tokens)
        with self.app.batch_update():
            await self.show_waiting()
            if run == self._run and session.choosing is running:
                await self.log_view.begin_choice(running)

    @on(ChoiceEnded)
    async def _take_scores(self, message: ChoiceEnded) -> None:
        if message.run != self._run or self.session.choosing is None:
            return
        session = self.session
        if message.scores is None:
            await self._give_up()
            if session is self._session:
                await self.take_back(0, to_edit=True)
            if session is self._session:
                self.say("Stopped; the labels are in the message again.", is_problem=False)
            return
        self._stop_steps()
        choice = session.finish_choice(message.scores)
        self.keep_draft()
        await self.log_view.finish_choice(choice)
        if session is not self._session:
            return
        await self.turns_changed()
        self.show_status()
        self.count_context()
        self.send_next()
        self.prefill_draft()

    @on(ChoiceFailed)
    async def _show_choice_failure(self, message: ChoiceFailed) -> None:
        if message.run == self._run and self.session.choosing is not None:
            from chat.talk.gone_pictures import failure_in_words

            session = self.session
            await self._give_up()
            if session is self._session:
                await self.refuse(f"Not chosen: {failure_in_words(message.error, session)}")

    async def _give_up(self) -> None:
        """Put the labels that are being ranked back among what waits, before everything else."""
        self._stop_steps()
        self.session.give_up_choice()
        await self.log_view.drop_choice()

    def _stop_steps(self) -> None:
        self._state = self.resting_state
        if self._step is not None:
            self._step.stop()
            self._step = None

    def stop(self) -> bool:
        """Stop the ranking, the reply, or else the loading; tells whether there was anything to stop."""
        if self._model is None or self._session is None or self.session.choosing is None:
            return super().stop()
        self._model.stop_reply()
        self._state = State.STOPPING
        self.hold_waiting()
        self.show_status()
        return True

    def put_away(self) -> None:
        """Keep everything as it is, and let go of the session; labels that are being ranked wait in it again."""
        if self._session is not None and self.session.choosing is not None:
            if self._model is not None:
                self._model.stop_reply()
            self._stop_steps()
            self.session.give_up_choice()
        super().put_away()
