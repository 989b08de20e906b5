"""How the conversation screen follows a reply while it is written: it takes, draws and saves what was said so far."""

import math
import time
from functools import partial
from queue import SimpleQueue
from typing import TYPE_CHECKING, Final

from textual import on
from textual.timer import Timer

from chat.generation import Chunk, GenerationSettings, ReadProgress
from chat.loading import Loader
from chat.tui import garbage
from chat.tui.messages import SavingTold
from chat.tui.screens.context import ContextScreen
from chat.tui.widgets.status_row import State

# Imported with the first reply.
if TYPE_CHECKING:
    from chat.talk.saving import ReplySaver

FLUSH_S: Final = 0.1
"""Seconds between two looks at a reply that is being written."""
TYPING_S: Final = 0.4
"""Seconds after a key in which the next one is expected."""
TYPING_FLUSH_S: Final = 0.2
"""Seconds between two looks while somebody types."""
REST_S: Final = 3.0
"""Seconds after a reply in which neither another one nor a key comes: nothing waits then for a look for garbage."""
ECHO_S: Final = 0.005
"""Seconds that the thread which writes to the terminal needs for a key's echo; drawing on would keep it from that."""


class FollowingScreen(ContextScreen):
    """Shows a reply as it grows, and has it saved."""

    def __init__(self, *, load: Loader, checkpoint: str, is_demonstration: bool, settings: GenerationSettings) -> None:
        super().__init__(load=load, checkpoint=checkpoint, is_demonstration=is_demonstration, settings=settings)
        self._run = 0
        self._prompt_tokens = 0
        self._chunks: SimpleQueue[ReadProgress | Chunk] = SimpleQueue()
        self._flush: Timer | None = None
        self._saver: ReplySaver | None = None
        self._resting: Timer | None = None
        self._is_stale = False
        self._typed_at = self._drawn_at = -math.inf

    def follow(self, chunks: "SimpleQueue[ReadProgress | Chunk]") -> None:
        """Follow a reply that has just been asked for; its pieces come one by one."""
        self._chunks = chunks
        self._started, self._first_token_at, self._read = time.monotonic(), 0.0, None
        # What the reply begins with is there before the model says anything.
        self._is_stale = bool(self.session.reply_text)
        self._flush = self.set_interval(FLUSH_S, self._look_at_reply)

    def typed(self) -> None:
        """Draw the reply behind the echo of a key: at any other time the next key would have to wait for it."""
        self._typed_at = time.monotonic()
        if self._flush is not None and self._typed_at - self._drawn_at > TYPING_FLUSH_S:
            self.call_after_refresh(self.set_timer, ECHO_S, self._draw_reply)

    def stop_following(self) -> None:
        """Take the last of the reply, and neither draw nor save it as it grows any more."""
        self._take_chunks()
        # What a reply that was given up says after this is nobody's.
        self._chunks = SimpleQueue()
        if self._flush is not None:
            self._flush.stop()
            self._flush = None
            self._collect_at_rest()
        if self._saver is not None:
            self._saver.stop()
            self._saver = None
        self._is_stale, self._reply_not_saved = False, ""

    def _collect_at_rest(self) -> None:
        if self._resting is not None:
            self._resting.stop()
        self._resting = self.set_timer(REST_S, self._collect)

    def _collect(self) -> None:
        if self._flush is not None:
            # The end of that reply comes, too.
            return
        if time.monotonic() - self._typed_at < REST_S:
            self._collect_at_rest()
        else:
            garbage.collect()

    @property
    def _is_typing(self) -> bool:
        return time.monotonic() - self._typed_at < TYPING_S

    def _look_at_reply(self) -> None:
        garbage.set_aside()
        if self._take_chunks():
            self._save_apart()
        if not self._is_typing:
            self._draw_reply()

    def _take_chunks(self) -> bool:
        """Take what was said since the last look; tells whether there was anything."""
        was_said = False
        while not self._chunks.empty():
            piece = self._chunks.get()
            if isinstance(piece, ReadProgress):
                self._read = piece
            else:
                self.session.add(piece)
                was_said = True
        if not was_said:
            return False
        self._is_stale = True
        if not self._first_token_at:
            self._first_token_at, self._first_tokens = time.monotonic(), self.session.reply_tokens
        if self._state is State.READING:
            self._state = State.WRITING
        return True

    def _draw_reply(self) -> None:
        if self._flush is None:
            return
        self._drawn_at = time.monotonic()
        if self._is_stale:
            self._is_stale = not self.log_view.stream_reply(self.session.reply_text, calmly=self._is_typing)
        self.show_status()
        self.show_context(self._prompt_tokens + self.session.reply_tokens)

    def _save_apart(self) -> None:
        """Have what was said so far saved on another thread, as soon as the store has a place for it."""
        reply = self.session.reply
        if reply is None or not reply.turn_id or self._store is None:
            return
        if self._saver is None:
            from chat.talk.saving import ReplySaver

            tell = partial(self._tell_saving, self._run)
            self._saver = ReplySaver(self._store.open_again, reply.turn_id, tell)
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
                self.save()
