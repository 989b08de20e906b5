"""How the conversation screen sends messages, one after the other, and takes the replies."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from textual import on

from chat.conversation import Conversation
from chat.drafts import Draft
from chat.errors import ChatError, StoreBusyError
from chat.generation import CheckpointFacts, GenerationSettings, StopReason
from chat.talk.marks import renumbered
from chat.talk.wording import overflow_in_words, sentence
from chat.tui.messages import ModelLost, PromptCounted, ReplyEnded, RunFailed
from chat.tui.screens.following import FollowingScreen
from chat.tui.widgets.composer import Composer
from chat.tui.widgets.status_row import State
from chat.tui.widgets.title_bar import TitleBar

# What is computed on the model's thread, and what comes after the first frame.
if TYPE_CHECKING:
    from chat.context import Overflow
    from chat.prompt import Said
    from chat.records import StoredTurn
    from chat.talk.remedies import Remedy
    from chat.tui.widgets.queued_turn import QueuedTurn


class TalkScreen(FollowingScreen):
    """Sends what waits to be sent as soon as the model is free.

    Another session may be shown by another task while a method here waits for widgets: after each wait it must see
    whether session or run are still the same.
    """

    def go_on(self) -> None:
        """Send the next message."""
        self.send_next()

    async def submit(self, *drafts: Draft) -> None:
        """Send messages, or let them wait until the model is free."""
        await self.enqueue(*drafts)

    async def enqueue(self, *drafts: Draft) -> None:
        """Let messages, or labels to be ranked, wait for their turn, which may be now; all in this session."""
        self.say_nothing()
        self._hold_waiting(is_held=False)
        session = self.session
        session.waiting.extend(drafts)
        await self.composer.number_from(session.next_number)
        if session is not self._session:
            return
        self.keep_draft()
        await self.log_view.go_last()
        if session is not self._session:
            return
        if self._generator is None and not self.is_loading:
            self.start_loading()
        if self._generator is None or self.is_working:
            await self.show_waiting()
        self.send_next()

    async def show_waiting(self) -> None:
        """Show what waits to be sent, and the loading it waits for."""
        session = self.session
        if session.waiting and self._generator is None:
            await self.log_view.show_loading(self._checkpoint)
        elif not session.waiting:
            await self.log_view.hide_loading()
        await self.log_view.show_waiting(session.waiting, session.number_of(0))
        if session is not self._session:
            # What was just drawn may stand in the other session's transcript.
            await self.show_waiting()
            return
        await self.turns_changed()
        self.show_status()

    def send_next(self) -> None:
        """Begin with the first message that waits, if the model is free and nobody has stopped it."""
        if self._generator is None or self._model is None or self.is_working:
            return
        if self._is_held or not self.session.waiting:
            return
        self._run += 1
        self._is_checking = True
        self._model.count(self._run, self._generator, *self.next_prompt(self._generator.facts))

    def next_prompt(self, facts: CheckpointFacts) -> "tuple[Conversation, GenerationSettings, str | Said]":
        """What the first message that waits asks the model, and how; and what the reply begins with."""
        from chat.talk.branches import settings_of
        from chat.talk.said import words_of

        draft = self.session.waiting[0]
        settings = settings_of(draft, self._settings, facts)
        return self.session.conversation_with(draft, facts), settings, words_of(draft, facts)

    def stop_checking(self) -> None:
        """Take the first waiting message back on its way to the model: what is counted must be what is sent."""
        if self._is_checking:
            self._run += 1
            self._is_checking = False

    @on(PromptCounted)
    async def _take_counted(self, message: PromptCounted) -> None:
        if message.run != self._run or self._generator is None or not self.session.waiting:
            return
        self._is_checking = False
        if message.overflow is not None:
            await self.tell_overflow(message.overflow, message.remedies)
            return
        await self.begin_next(message.run, message.tokens, self._generator.facts)

    async def tell_overflow(self, overflow: "Overflow", remedies: "tuple[Remedy, ...]") -> None:
        """Tell that the first waiting message does not fit, and what can be done about it."""
        await self.refuse(overflow_in_words(overflow), can_wait=overflow.exchanges > 0)

    async def begin_next(self, run: int, tokens: int, facts: CheckpointFacts) -> None:
        """Send the first message that waits; it has been counted, and it fits."""
        from chat.talk.branches import settings_of

        draft = self.session.waiting[0]
        settings = settings_of(draft, self._settings, facts).seeded()
        try:
            is_other = self.session.send(facts, settings, tokens)
        except StoreBusyError as error:
            # It goes on waiting, before those behind it.
            self.not_saved_because(str(error))
            await self.show_waiting()
            return
        except ChatError as error:
            await self.refuse(f"Not sent: {error}")
            return
        sent = self.session.turns[-1]
        self.keep_draft()
        self._prompt_tokens = tokens
        # Before anything is drawn: while that waits, another session may take this one's place.
        self._ask_model(run, settings)
        await self._show_sent(run, sent, is_other)
        if run == self._run:
            self.tell_sent(draft, facts)

    def tell_sent(self, draft: Draft, facts: CheckpointFacts) -> None:
        """Say what is worth saying of a message that was just sent."""

    def _ask_model(self, run: int, settings: GenerationSettings) -> None:
        if self._generator is None or self._model is None:
            return
        self._state = State.READING
        conversation = self.session.conversation(self._generator.facts)
        words = self.session.reply.words if self.session.reply else ""
        self.follow(self._model.reply(run, self._generator, conversation, settings, words))
        self.show_status()

    async def _show_sent(self, run: int, sent: "StoredTurn", is_other: bool) -> None:
        session = self.session
        self.query_one(TitleBar).show_title(session.title)
        with self.app.batch_update():
            if is_other:
                await self.composer.number_from(session.next_number)
                if run == self._run:
                    await self.log_view.show_changed(session.entries(), session.system)
                    await self.log_view.show_left_out(session.not_shown)
            await self.show_waiting()
            if run == self._run and not is_other:
                await self.log_view.add_user_turn(sent, session.image_count - len(sent.turn.images) + 1)
            if run == self._run:
                await self.log_view.begin_reply()

    async def take_back(self, position: int | None, *, to_edit: bool) -> None:
        """Take a waiting message back; to edit it, it goes in front of what is written. None was not in time."""
        session = self.session
        number = session.number_of(position or 0)
        draft = session.take_back(position) if position is not None else None
        if draft is None:
            return
        self.stop_checking()
        next_number = session.next_number
        if to_edit:
            await self.composer.put_back(renumbered(draft, number, next_number), next_number)
        else:
            await self.composer.number_from(next_number)
        if session is not self._session:
            return
        await self.show_waiting()
        self.keep_draft()
        self.send_next()

    async def on_queued_turn_taken_back(self, message: "QueuedTurn.TakenBack") -> None:
        """Take a waiting message back."""
        await self.take_back(message.position, to_edit=message.to_edit)
        self.composer.focus_text()

    async def refuse(self, reason: str, *, can_wait: bool = False) -> None:
        """Tell why the first waiting message was not sent.

        Where it can be sent as it is once something else has changed, or where others wait behind it, it goes on
        waiting: so all keep their order. Otherwise it is put back into the composer, before what is written there.
        """
        session = self.session
        if can_wait or len(session.waiting) > 1:
            await self.show_waiting()
        else:
            await self.take_back(0, to_edit=True)
        if session is self._session:
            self.say(reason)

    @on(ReplyEnded)
    async def _finish_reply(self, message: ReplyEnded) -> None:
        if message.run == self._run and self.session.is_replying:
            await self._end_reply(lambda: self.session.finish(message.reply))

    @on(RunFailed)
    async def _show_failure(self, message: RunFailed) -> None:
        from chat.talk.gone_pictures import failure_in_words

        if message.run != self._run:
            return
        if self.session.is_replying:
            await self._end_reply(lambda: self.session.fail(StopReason.ERROR), str(message.error))
        elif self._is_checking:
            self._is_checking = False
            await self.refuse(f"Not sent: {failure_in_words(message.error, self.session)}")

    async def _end_reply(self, end: "Callable[[], StoredTurn]", error: str = "") -> None:
        self.stop_following()
        self._state = self.resting_state
        session, ended = self.session, end()
        self.save()
        await self.log_view.finish_reply(ended, error)
        if session is not self._session:
            return
        await self.turns_changed()
        self.count_context()
        self.send_next()
        self.prefill_draft()

    @on(ModelLost)
    def _take_loss(self, message: ModelLost) -> None:
        """Say that the model is gone; what is asked of it fails by itself, and what waits is kept."""
        if message.generator is not self._generator:
            return
        self._generator = None
        self.stop_checking()
        self._rest()
        if not self.is_loading:
            self.query_one(TitleBar).show_failed(self._checkpoint)
        self.show_status()
        self.say(f"{sentence(str(message.error))} · /load loads it again")

    def stop(self) -> bool:
        """Stop the reply, or else the loading; tells whether there was anything to stop."""
        if self._model is None:
            return False
        if self.session.is_replying:
            self._model.stop_reply()
            self._state = State.STOPPING
            self.hold_waiting()
        elif self._loading is State.LOADING:
            self._model.stop_loading()
            self._loading = State.CANCELLING
            self._rest()
        else:
            return False
        self.show_status()
        return True

    def hold_waiting(self) -> None:
        """Send nothing of what waits until somebody asks for it: whoever stops the model does not mean the next one."""
        self._hold_waiting(is_held=bool(self.session.waiting))

    def _hold_waiting(self, *, is_held: bool) -> None:
        self._is_held = is_held
        self.log_view.hold_waiting(is_held=is_held)

    @on(Composer.SentNothing)
    def _send_held(self) -> None:
        """Enter in an empty message sends what was held back."""
        if self._session is not None and self._is_held:
            self._hold_waiting(is_held=False)
            self.send_next()
            self.show_status()

    def put_away(self) -> None:
        """Keep everything as it is, and let go of the session."""
        if self._session is None:
            return
        self._run += 1
        self._is_checking = False
        self.stop_following()
        if self.session.is_replying:
            if self._model is not None:
                self._model.stop_reply()
            self._state = self.resting_state
            self.session.fail(StopReason.CANCELLED)
        self.keep_draft(is_last=True)
