"""A reply as it comes: written piece by piece, saved on the way, and kept however it ends."""

import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from chat.conversation import Conversation
from chat.errors import GenerationError, ModelError
from chat.generation import NO_REPLY, Chunk, GenerationSettings, ReadProgress, Reply, StopReason, TextGenerator
from chat.plain.model import TOLD_EVERY_S, Model, Stopped
from chat.plain.output import Output
from chat.plain.words import ending_of, named
from chat.plain.work import Tell, Work
from chat.records import StoredTurn
from chat.session import SessionStore
from chat.talk.open_session import OpenSession
from chat.talk.said import prompt_of
from chat.talk.saving import ReplySaver

if TYPE_CHECKING:
    from chat.prompt import Said


class ReplyVoice:
    """Tells the reply that a session has just begun."""

    def __init__(self, store: SessionStore, session: OpenSession, model: Model, output: Output) -> None:
        self._store = store
        self._session = session
        self._model = model
        self._output = output
        self._speaker = ""
        self._shown = 0
        self._problems: list[str] = []

    def tell(self, generator: TextGenerator, settings: GenerationSettings, save: Callable[[], object]) -> None:
        """Have it generated, tell it, and say in a line why it was cut, if it was.

        Args:
            generator: Replies.
            settings: How.
            save: Saves the session.

        Raises:
            GenerationError: The model failed; what it had said is kept.
        """
        session = self._session
        self._speaker = named(generator.facts.name)
        conversation = session.conversation(generator.facts)
        words = session.reply.words if session.reply else ""
        work = self._model.begin(lambda tell, stop: _generate(generator, conversation, settings, words, tell, stop))
        saver = self._saver()
        failure: ModelError | None = None
        try:
            ended = session.finish(self._followed(work, saver))
        except Stopped:
            ended = session.fail(StopReason.CANCELLED)
        except ModelError as error:
            failure, ended = error, session.fail(StopReason.ERROR)
        finally:
            if saver is not None:
                saver.stop()
            if session.is_replying:
                # The program ends, or its output cannot be written: nobody is left to speak to.
                work.stop.set()
                session.fail(StopReason.CANCELLED)
            save()
        self._end(ended, failure)

    def _saver(self) -> ReplySaver | None:
        """What saves the reply while it comes; nothing where the store has not opened it."""
        turn_id = self._session.reply.turn_id if self._session.reply else 0
        return ReplySaver(self._store.open_again, turn_id, self._problems.append) if turn_id else None

    def _followed(self, work: Work[Reply], saver: ReplySaver | None) -> Reply:
        told_at = time.monotonic()
        for piece in self._model.follow(work):
            if isinstance(piece, Reply):
                return piece
            if isinstance(piece, Chunk):
                self._session.add(piece)
                self._tell_more(self._session.reply_text)
                if saver is not None and self._session.reply is not None:
                    saver.take(self._session.reply_text, self._session.reply.token_ids)
            elif not self._shown and time.monotonic() - told_at >= TOLD_EVERY_S:
                told_at = time.monotonic()
                share = f": {piece.done / piece.total:.0%}" if isinstance(piece, ReadProgress) else ""
                self._output.notice(f"{self._speaker} is reading{share}.")
        return self._model.result(work)

    def _tell_more(self, text: str) -> None:
        if len(text) > self._shown:
            new = text[self._shown :]
            if self._shown:
                self._output.go_on(new)
            else:
                self._output.begin(self._speaker, new)
            self._shown = len(text)

    def _end(self, ended: StoredTurn, failure: ModelError | None) -> None:
        # Words that were held back until the end.
        self._tell_more(ended.turn.text)
        ending = ending_of(ended)
        if not self._shown and not ending:
            self._output.begin(self._speaker, "(no words)")
        self._output.end_line()
        for problem in filter(None, self._problems):
            self._output.notice(f"Not saved on the way: {problem}")
        if failure is not None:
            raise GenerationError(f"the model failed: {failure}")
        if ending:
            self._output.notice(f"({ending})")


def _generate(
    generator: TextGenerator,
    conversation: Conversation,
    settings: GenerationSettings,
    words: "str | Said",
    tell: Tell,
    stop: threading.Event,
) -> Reply:
    whole: Reply | None = None
    for piece in generator.generate(prompt_of(conversation, generator, words), settings, stop):
        tell(piece)
        if isinstance(piece, Reply):
            whole = piece
            # It is told; what the generator prepares after it is its own affair.
    if whole is None:
        raise GenerationError(NO_REPLY)
    return whole
