"""How the conversation screen sends messages, one after the other, and takes the replies."""

import math
import time
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Final

from textual import on
from textual.timer import Timer

from chat.errors import ChatError
from chat.generation import GenerationSettings, Loader, StopReason
from chat.records import Draft, StoredTurn
from chat.session import SessionStore
from chat.tui.marks import renumbered
from chat.tui.messages import PromptCounted, ReplyAdvanced, ReplyEnded, RunFailed, SavingTold
from chat.tui.screens.model import ModelScreen
from chat.tui.widgets.status_row import State
from chat.tui.widgets.title_bar import TitleBar

# Imported with the first reply.
if TYPE_CHECKING:
    from chat.tui.saving import ReplySaver

REPLY_ROOM: Final = 32
"""Tokens that must be left for a reply."""
FLUSH_S: Final = 0.1
"""Seconds between two drawings of a reply that is being written."""
TYPING_S: Final = 0.4
"""Seconds after a key in which the next one is expected."""


class TalkScreen(ModelScreen):
    """Sends what waits to be sent as soon as the model is free.

    Another session may be shown by another task while a method here waits for widgets: after each wait it must see
    whether session or run are still the same.
    """

    open_store: Callable[[], SessionStore] | None = None
    """Opens the store once more, for the thread that saves a reply while it is written."""

    def __init__(self, *, load: Loader, checkpoint: str, is_demonstration: bool, settings: GenerationSettings) -> None:
        super().__init__(load=load, checkpoint=checkpoint, is_demonstration=is_demonstration, settings=settings)
        self._run = 0
        self._prompt_tokens = 0
        self._flush: Timer | None = None
        self._saver: ReplySaver | None = None
        self._is_stale = False
        self._typed_at = self._drawn_at = -math.inf

    def model_is_free(self) -> None:
        """Send the next message."""
        self.send_next()

    async def submit(self, draft: Draft) -> None:
        """Send a message, or let it wait until the model is free."""
        self.say_nothing()
        session = self.session
        session.waiting.append(draft)
        await self.composer.number_from(session.next_number)
        if session is not self._session:
            return
        self.keep_draft()
        if self._generator is None and self._state is State.NOT_LOADED:
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
        facts = self._generator.facts
        room = min(REPLY_ROOM, self._settings.max_new_tokens)
        if message.tokens + room > facts.context_length:
            await self._give_back(
                f"This message does not fit: {message.tokens:,} tokens, at least {room} for the reply, "
                f"of {facts.context_length:,}. Nothing was sent; shorten it, or /new begins again."
            )
            return
        settings = self._settings.seeded()
        try:
            is_other = self.session.send(facts, settings)
        except ChatError as error:
            await self._give_back(f"Not sent: {error}")
            return
        sent = self.session.turns[-1]
        self.save_unsaved()
        self.keep_draft()
        self._prompt_tokens = message.tokens
        # Before anything is drawn: while that waits, another session may take this one's place.
        self._ask_model(message.run, settings)
        await self._show_sent(message.run, sent, is_other)

    def _ask_model(self, run: int, settings: GenerationSettings) -> None:
        if self._generator is None or self._model is None:
            return
        self._state, self._started, self._first_token_at = State.READING, time.monotonic(), 0.0
        self._flush = self.set_interval(FLUSH_S, self._draw_unless_typing)
        self._model.reply(run, self._generator, self.session.conversation(self._generator.facts), settings)
        self.show_status()

    async def _show_sent(self, run: int, sent: StoredTurn, is_other: bool) -> None:
        session = self.session
        self.query_one(TitleBar).show_title(session.title)
        with self.app.batch_update():
            if is_other:
                await self.composer.number_from(session.next_number)
                if run == self._run:
                    await self.log_view.show_turns(list(session.numbered()), session.system)
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
        if self._is_checking:
            # The first one is on its way to the model: what is counted must be what is sent.
            self._run += 1
            self._is_checking = False
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

    async def _give_back(self, reason: str) -> None:
        """Put the first waiting message back into the composer, before what is written there."""
        session = self.session
        await self.take_back(0, to_edit=True)
        if session is self._session:
            self.say(reason)

    @on(ReplyAdvanced)
    def _take_chunk(self, message: ReplyAdvanced) -> None:
        if message.run != self._run:
            return
        if not self._first_token_at:
            self._first_token_at = time.monotonic()
        if self._state is State.READING:
            self._state = State.WRITING
        self.session.add(message.chunk)
        self._is_stale = True
        self._save_apart()

    def _save_apart(self) -> None:
        """Have what was said so far saved on another thread, as soon as the store has a place for it."""
        reply = self.session.reply
        if reply is None or not reply.turn_id or self.open_store is None:
            return
        if self._saver is None:
            from chat.tui.saving import ReplySaver

            tell = partial(self._tell_saving, self._run)
            self._saver = ReplySaver(self.open_store, reply.turn_id, tell)
        self._saver.take(reply.text, reply.token_ids)

    def _tell_saving(self, run: int, problem: str) -> None:
        self.post_message(SavingTold(run, problem))

    @on(SavingTold)
    def _show_saving(self, message: SavingTold) -> None:
        if message.run == self._run and self.session.is_replying:
            self._reply_not_saved = message.problem
            self.show_status()
            if self._not_saved and not message.problem:
                # The store works again, and not for the reply alone.
                self.keep_draft()

    def _draw_unless_typing(self) -> None:
        if time.monotonic() - self._typed_at > TYPING_S:
            self._draw_reply()

    def typed(self) -> None:
        """Draw the reply behind the echo of a key: at any other time the next key would have to wait for it."""
        self._typed_at = time.monotonic()
        if self._flush is not None and self._typed_at - self._drawn_at > FLUSH_S:
            self.call_after_refresh(self._draw_reply)

    def _draw_reply(self) -> None:
        if self._flush is None:
            return
        self._drawn_at = time.monotonic()
        if self._is_stale:
            self._is_stale = not self.log_view.stream_reply(self.session.reply_text)
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
        self._stop_following()
        self._state = State.READY
        session, ended = self.session, end()
        self.save_unsaved()
        await self.log_view.finish_reply(ended, error)
        if session is not self._session:
            return
        await self.turns_changed()
        self.count_context()
        self.send_next()

    def _stop_following(self) -> None:
        """Neither draw nor save the reply any more as it grows."""
        if self._flush is not None:
            self._flush.stop()
            self._flush = None
        if self._saver is not None:
            self._saver.stop()
            self._saver = None
        self._is_stale, self._reply_not_saved = False, ""

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
        self._stop_following()
        if self.session.is_replying:
            if self._model is not None:
                self._model.stop_reply()
            self._state = State.READY
            self.session.fail(StopReason.CANCELLED)
        self.save_unsaved()
        self.keep_draft()
        if self.session.has_unsaved:
            self._left.append(self.session)
