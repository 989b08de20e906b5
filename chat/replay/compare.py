"""A recorded conversation asked again of another model: the same messages and pictures, answer beside answer.

Knows no loading, no files and no screen.
"""

import threading
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Final

from chat.context import overflow
from chat.conversation import Conversation, Role, assistant_turn
from chat.errors import ChatError, ContextFullError, GenerationError
from chat.generation import (
    NO_REPLY,
    CheckpointFacts,
    Chunk,
    GenerationSettings,
    Reply,
    Score,
    StopReason,
    TextGenerator,
)
from chat.prompt import Prompt, begun, serialize
from chat.records import Generation, StoredTurn
from chat.replay.recorded_prompts import RecordedPrompts
from chat.replay.recording import RecordedExchange, Recording
from chat.replay.similarity import chrf
from chat.session import continued, conversation_of
from chat.talk.shown import shown_turns

_NO_ANSWER: Final = Reply(
    text="",
    token_ids=(),
    stop_reason=StopReason.ERROR,
    prompt_tokens=0,
    cached_tokens=0,
    seed=None,
    first_token_s=0.0,
    total_s=0.0,
)
"""Takes the place of one in the history: a message that a model failed on is left out of what it is shown."""

_BROKEN_OFF: Final = (None, StopReason.CANCELLED, StopReason.ERROR)
"""Ends of replies that would have gone on."""


class History(StrEnum):
    """What a model is shown of the replies before the one that it gives."""

    RECORDED = "recorded"
    """The recorded ones: each answer is to what the recorded reply was to."""
    FED_FORWARD = "fed_forward"
    """Its own: the conversation goes as it would have gone with this model."""


@dataclass(frozen=True, slots=True)
class AnswerPiece:
    """A piece of an answer, as it is said."""

    position: int
    """Of the message that it answers; see `ComparedTurn`."""
    text: str


@dataclass(frozen=True, slots=True)
class ComparedTurn:
    """What a model answers to a recorded message, beside the recorded reply."""

    position: int
    """Of the message among the branch's turns, from 1."""
    message: StoredTurn
    recorded: StoredTurn | None
    """None where the message never got a reply."""
    settings: GenerationSettings
    """That the answer was given with."""
    words: str = ""
    """What the recorded reply was begun with: the answer was begun with it, too."""
    reply: Reply | None = None
    """The answer; None where there is none, because of `problem`."""
    problem: str = ""
    """Why there is no answer, in one line."""
    score: Score | None = None
    """How likely the model finds `said` after the recorded history; None where `unscored` tells why not."""
    unscored: str = ""
    """Why there is no score, in one line; empty too where there is no recorded text."""
    left_out_messages: int = 0
    """How many messages the model is not shown, because somebody decided so before the recorded reply was given."""
    left_out_pictures: int = 0
    """How many pictures it is not shown, those of these messages included."""

    @property
    def said(self) -> str:
        """What of the recorded reply its model said, and was not given to begin with."""
        return self.recorded.turn.text.removeprefix(self.words).strip() if self.recorded is not None else ""

    @property
    def is_same(self) -> bool | None:
        """Whether the answer is the recorded reply, white space around them aside; None where one is missing.

        Of a recorded reply that was stopped, failed or was interrupted, as far as it goes; None where it has no word.
        """
        texts = self._texts
        return None if texts is None else texts[0] == texts[1]

    @property
    def similarity(self) -> float | None:
        """How like the recorded reply the answer is, from 0 to 1, by `chrf`; None where `is_same` is."""
        texts = self._texts
        return None if texts is None else chrf(*texts)

    @property
    def _texts(self) -> tuple[str, str] | None:
        """The answer, and the recorded reply; of the answer to one that would have gone on, no more than that says."""
        if self.reply is None or self.recorded is None:
            return None
        answer, recorded = self.reply.text.strip(), self.recorded.turn.text.strip()
        generation = self.recorded.generation
        if generation is None or generation.stop_reason not in _BROKEN_OFF:
            return answer, recorded
        return (answer[: len(recorded)], recorded) if self.said else None


def compared_turns(
    generator: TextGenerator,
    recording: Recording,
    *,
    stop: threading.Event,
    history: History = History.RECORDED,
    overrides: Mapping[str, Any] | None = None,
) -> Iterator[AnswerPiece | ComparedTurn]:
    """Yield what a model answers to each message of a recording: the pieces as they are said, then the turn.

    A message or a picture that is left out at present is left out of what is asked where it was left out of the
    recorded prompt, too; see `RecordedPrompts.left_out`.

    What fails, a missing picture or a conversation too long for this model among it, is told in its turn, and the rest
    goes on. An answer that `stop` cuts short is no turn; there are none after it.

    Args:
        generator: The model, loaded.
        recording: What is asked again.
        stop: Ends it when set.
        history: What the model is shown of earlier replies.
        overrides: Names and values of `GenerationSettings` that hold in the place of the recorded ones.
    """
    run = _Run(generator, recording, history, overrides or {}, stop)
    for exchange in recording.exchanges:
        yield from run.exchange(exchange)
        if stop.is_set():
            return


class _Run:
    """A recording on its way through a model."""

    def __init__(
        self,
        generator: TextGenerator,
        recording: Recording,
        history: History,
        overrides: Mapping[str, Any],
        stop: threading.Event,
    ) -> None:
        self._generator, self._recording, self._history = generator, recording, history
        self._overrides, self._stop = overrides, stop
        self._prompts = RecordedPrompts(recording.turns, recording.left_out)
        self._left_out = recording.left_out
        self._recorded: list[StoredTurn] = []
        self._own: list[StoredTurn] = []

    def exchange(self, exchange: RecordedExchange) -> Iterator[AnswerPiece | ComparedTurn]:
        """Answer a message, and take it and its reply into the history."""
        message = exchange.message
        self._recorded.append(message)
        self._own.append(message)
        settings = self._settings(exchange.answer)
        self._left_out = self._prompts.left_out(exchange.position)
        turn = self._begun(ComparedTurn(exchange.position, message, exchange.reply, settings))
        try:
            answer = yield from self._answer(turn)
        except ChatError as error:
            turn, answer = replace(turn, problem=str(error)), _NO_ANSWER
        else:
            turn = replace(turn, reply=answer)
        if not self._stop.is_set():
            turn = self._scored(turn)
        if not self._stop.is_set():
            yield turn
        generation = Generation.of(answer, self._generator.facts, settings)
        self._own.append(replace(message, turn=assistant_turn(answer.text), generation=generation))
        self._recorded += [exchange.answer] if exchange.answer is not None else []

    def _settings(self, reply: StoredTurn | None) -> GenerationSettings:
        generation = reply.generation if reply is not None else None
        recorded = GenerationSettings() if generation is None else generation.settings
        if generation is not None and generation.seed is not None:
            recorded = replace(recorded, seed=generation.seed)
        return replace(recorded, **self._overrides).seeded()

    def _begun(self, turn: ComparedTurn) -> ComparedTurn:
        """The turn with what is left out of what the model sees of it, and what its answer begins with."""
        turns = self._history_shown
        shown = tuple(shown_turns(turns, self._left_out))
        return replace(
            turn,
            words=self._words(turn),
            left_out_messages=_message_count(turns) - _message_count(shown),
            left_out_pictures=_picture_count(turns) - _picture_count(shown),
        )

    def _words(self, turn: ComparedTurn) -> str:
        if turn.recorded is None or turn.recorded.generation is None:
            return ""
        # The history of the recorded prompt is that of the checkpoint which gave the reply.
        prompt = self._prompt(self._conversation(self._recorded, turn.recorded.generation.facts))
        try:
            return self._prompts.words(turn.position, prompt, self._generator)
        except ChatError:
            # What is wrong is told where the answer fails of it.
            return ""

    @property
    def _history_shown(self) -> Sequence[StoredTurn]:
        return self._own if self._history is History.FED_FORWARD else self._recorded

    def _answer(self, turn: ComparedTurn) -> Generator[AnswerPiece, None, Reply]:
        conversation = self._conversation(self._history_shown)
        facts = self._generator.facts
        found = overflow(
            conversation,
            lambda part: self._generator.count_tokens(self._prompt(part)),
            context_length=facts.context_length,
            max_new_tokens=turn.settings.max_new_tokens,
        )
        if found is not None:
            raise ContextFullError(str(found), found)
        prompt, words = begun(self._prompt(conversation), turn.words), turn.words
        for piece in self._generator.generate(prompt, turn.settings, self._stop):
            if isinstance(piece, Reply):
                return replace(piece, text=continued(turn.words, piece.text))
            if isinstance(piece, Chunk) and piece.text:
                yield AnswerPiece(turn.position, continued(words, piece.text))
                words = ""
        raise GenerationError(NO_REPLY)

    def _scored(self, turn: ComparedTurn) -> ComparedTurn:
        """The turn with how likely the model finds what was said."""
        if not turn.said:
            return turn
        try:
            prompt = begun(self._prompt(self._conversation(self._recorded)), turn.words)
            scores = self._generator.score(prompt, [turn.said], self._stop)
        except ChatError as error:
            return replace(turn, unscored=str(error))
        return replace(turn, score=scores[0] if scores else None)

    def _conversation(self, turns: Sequence[StoredTurn], facts: CheckpointFacts | None = None) -> Conversation:
        shown = shown_turns(turns, self._left_out)
        return conversation_of(shown, system=self._recording.system, facts=facts or self._generator.facts)

    def _prompt(self, conversation: Conversation) -> Prompt:
        return serialize(conversation, self._generator.dialect)


def _message_count(turns: Iterable[StoredTurn]) -> int:
    return sum(stored.turn.role is Role.USER for stored in turns)


def _picture_count(turns: Iterable[StoredTurn]) -> int:
    return sum(len(stored.turn.images) for stored in turns)
