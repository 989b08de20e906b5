"""How the conversation screen sends messages, one after the other, and takes the replies."""

import time
from collections.abc import Callable
from typing import Final

from textual import on
from textual.timer import Timer

from chat.conversation import Conversation
from chat.errors import ChatError
from chat.generation import GenerationSettings, Loader, StopReason
from chat.records import Draft, StoredTurn
from chat.tui.messages import PromptCounted, ReplyAdvanced, ReplyEnded, RunFailed
from chat.tui.screens.model import ModelScreen
from chat.tui.widgets.status_row import State
from chat.tui.widgets.title_bar import TitleBar

REPLY_ROOM: Final = 32
"""Tokens that must be left for a reply."""
FLUSH_S: Final = 0.1
"""Seconds between two drawings of a reply that is being written."""


class TalkScreen(ModelScreen):
    """Sends what waits to be sent as soon as the model is free."""

    def __init__(self, *, load: Loader, checkpoint: str, is_demonstration: bool, settings: GenerationSettings) -> None:
        super().__init__(load=load, checkpoint=checkpoint, is_demonstration=is_demonstration, settings=settings)
        self._run = 0
        self._prompt_tokens = 0
        self._flush: Timer | None = None
        self._is_stale = False

    def model_is_free(self) -> None:
        """Send the next message."""
        self.send_next()

    async def submit(self, draft: Draft) -> None:
        """Send a message, or let it wait until the model is free."""
        self.say_nothing()
        self.session.waiting.append(draft)
        await self.composer.number_from(self.session.next_number)
        self.keep_draft()
        if self._generator is None and self._state is State.NOT_LOADED:
            self.start_loading()
        if self._generator is None or self.is_working:
            await self.show_waiting()
        self.send_next()

    async def show_waiting(self) -> None:
        """Show what waits to be sent, and the loading it waits for."""
        waiting = self.session.waiting
        if waiting and self._generator is None:
            await self.log_view.show_loading(self._checkpoint)
        elif not waiting:
            await self.log_view.hide_loading()
        await self.log_view.show_waiting(waiting, self.session.image_count + 1)
        await self.turns_changed()
        self.log_view.anchor()
        self.show_status()

    def send_next(self) -> None:
        """Begin with the first message that waits, if the model is free."""
        if self._generator is None or self._model is None or self.is_working or not self.session.waiting:
            return
        self._run += 1
        self._is_checking = True
        conversation = self.session.conversation_with(self.session.waiting[0], self._generator.facts)
        self._model.count(self._run, self._generator, conversation)

    @on(PromptCounted)
    async def _begin_reply(self, message: PromptCounted) -> None:
        if message.run != self._run or self._generator is None or not self.session.waiting:
            return
        self._is_checking = False
        limit = self._generator.facts.context_length
        room = min(REPLY_ROOM, self._settings.max_new_tokens)
        if message.tokens + room > limit:
            await self._give_back(
                f"This message does not fit: {message.tokens:,} tokens, at least {room} for the reply, of {limit:,}. "
                "Nothing was sent; shorten it, or /new begins again."
            )
            return
        first_number = self.session.image_count + 1
        settings = self._settings.seeded()
        try:
            stored, conversation = self.session.send(self._generator.facts, settings)
        except ChatError as error:
            await self._give_back(f"Not sent: {error}")
            return
        self._prompt_tokens = message.tokens
        await self._show_sent(stored, first_number)
        self._ask_model(conversation, settings)

    async def _show_sent(self, stored: StoredTurn, first_number: int) -> None:
        with self.app.batch_update():
            await self.show_waiting()
            await self.log_view.add_user_turn(stored, first_number)
            await self.log_view.begin_reply()
        self.query_one(TitleBar).show_title(self.session.title)
        self.keep_draft()

    def _ask_model(self, conversation: Conversation, settings: GenerationSettings) -> None:
        if self._generator is None or self._model is None:
            return
        self._state, self._started, self._first_token_at = State.READING, time.monotonic(), 0.0
        self._flush = self.set_interval(FLUSH_S, self._draw_reply)
        self._model.reply(self._run, self._generator, conversation, settings)
        self.show_status()

    async def take_back(self, position: int, *, to_edit: bool) -> None:
        """Take a waiting message back; to edit it, it goes in front of what is written."""
        if self._is_checking:
            # The first one is on its way to the model: what is counted must be what is sent.
            self._run += 1
            self._is_checking = False
        draft = self.session.take_back(position)
        if to_edit:
            await self.composer.put_back(draft, self.session.next_number)
        else:
            await self.composer.number_from(self.session.next_number)
        await self.show_waiting()
        self.keep_draft()
        self.send_next()

    async def _give_back(self, reason: str) -> None:
        """Put the first waiting message back into the composer, before what is written there."""
        await self.take_back(0, to_edit=True)
        self.say(reason)

    @on(ReplyAdvanced)
    def _take_chunk(self, message: ReplyAdvanced) -> None:
        if message.run != self._run:
            return
        if not self._first_token_at:
            self._first_token_at = time.monotonic()
        if self._state is State.READING:
            self._state = State.WRITING
        with self.saving_quietly():
            self.session.add(message.chunk)
        self._is_stale = True

    def _draw_reply(self) -> None:
        if self._is_stale:
            self._is_stale = False
            self.log_view.stream_reply(self.session.reply_text)
        self.show_status()
        self._show_context(self._prompt_tokens + self.session.reply_tokens)

    @on(ReplyEnded)
    async def _finish_reply(self, message: ReplyEnded) -> None:
        if message.run == self._run and self.session.is_replying:
            await self._end_reply(lambda: self.session.finish(message.reply))

    @on(RunFailed)
    async def _show_failure(self, message: RunFailed) -> None:
        if message.run != self._run:
            return
        if self.session.is_replying:
            await self._end_reply(lambda: self.session.fail(StopReason.ERROR), str(message.error))
        elif self._is_checking:
            self._is_checking = False
            await self._give_back(f"Not sent: {message.error}")

    async def _end_reply(self, end: Callable[[], StoredTurn], error: str = "") -> None:
        self._stop_drawing()
        self._state = State.READY
        with self.saving():
            end()
        await self.log_view.finish_reply(self.session.turns[-1], error)
        await self.turns_changed()
        self.count_context()
        self.send_next()

    def _stop_drawing(self) -> None:
        if self._flush is not None:
            self._flush.stop()
            self._flush = None

    def stop(self) -> bool:
        """Stop the reply, or else the loading; tells whether there was anything to stop."""
        if self._model is None:
            return False
        if self.session.is_replying:
            self._model.stop_reply()
            self._state = State.STOPPING
        elif self._state is State.LOADING:
            self._model.stop_loading()
            self._state = State.CANCELLING
        else:
            return False
        self.show_status()
        return True

    def put_away(self) -> None:
        """Keep everything as it is, and let go of the session."""
        if self._session is None:
            return
        self._run += 1
        self._is_checking = False
        self._stop_drawing()
        with self.saving():
            if self.session.is_replying:
                if self._model is not None:
                    self._model.stop_reply()
                self._state = State.READY
                self.session.fail(StopReason.CANCELLED)
            self.session.keep_draft(self.draft_to_keep())
