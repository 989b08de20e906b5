"""A recorded conversation asked again of another model: the same messages and pictures, answer beside answer.

Knows no loading, no files and no screen.
"""

import threading
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Final, NamedTuple

from chat.context import overflow
from chat.conversation import Conversation, Role, assistant_turn
from chat.errors import ChatError, ContextFullError, GenerationError
from chat.generation import NO_REPLY, Chunk, GenerationSettings, Reply, Score, StopReason, TextGenerator
from chat.prompt import Prompt, serialize
from chat.records import Generation, LeftOut, StoredTurn, exchanges_of
from chat.replay.similarity import chrf
from chat.session import conversation_of
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

NOTHING_LEFT_OUT: Final = LeftOut()


class History(StrEnum):
    """What a model is shown of the replies before the one that it gives."""

    RECORDED = "recorded"
    """The recorded ones: each answer is to what the recorded reply was to."""
    FED_FORWARD = "fed_forward"
    """Its own: the conversation goes as it would have gone with this model."""


@dataclass(frozen=True, slots=True)
class Recording:
    """One branch of a conversation, as it was recorded."""

    name: str
    """A session's id or a file's name."""
    turns: Sequence[StoredTurn]
    """From the first."""
    system: str = ""
    title: str = ""
    left_out: LeftOut = NOTHING_LEFT_OUT
    """What of the turns a model is not shown, because somebody decided so."""

    @property
    def exchanges(self) -> list["RecordedExchange"]:
        """The messages that there are to answer, each with the reply it got."""
        found: list[RecordedExchange] = []
        position = 1
        for message, reply in exchanges_of(self.turns):
            found.append(RecordedExchange(position, message, reply))
            position += 1 if reply is None else 2
        return found

    @property
    def exchange_count(self) -> int:
        """How many messages there are to answer."""
        return len(self.exchanges)


class RecordedExchange(NamedTuple):
    """A recorded message and the turn that answers it."""

    position: int
    """Of the message among the branch's turns, from 1."""
    message: StoredTurn
    answer: StoredTurn | None

    @property
    def reply(self) -> StoredTurn | None:
        """What the message was answered with; None too where a model failed before it had said a word."""
        if self.answer is None or self.answer.turn.text:
            return self.answer
        reason = self.answer.generation.stop_reason if self.answer.generation is not None else None
        return self.answer if reason is not None and reason is not StopReason.ERROR else None


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
    reply: Reply | None = None
    """The answer; None where there is none, because of `problem`."""
    problem: str = ""
    """Why there is no answer, in one line."""
    score: Score | None = None
    """How likely the model finds the recorded text after the recorded history; None where `unscored` tells why not."""
    unscored: str = ""
    """Why there is no score, in one line; empty too where there is no recorded text."""
    left_out_messages: int = 0
    """How many messages the model is not shown, because somebody decided so."""
    left_out_pictures: int = 0
    """How many pictures it is not shown, those of these messages included."""

    @property
    def is_same(self) -> bool | None:
        """Whether the answer is the recorded reply, white space around them aside; None where one is missing."""
        if self.reply is None or self.recorded is None:
            return None
        return self.reply.text.strip() == self.recorded.turn.text.strip()

    @property
    def similarity(self) -> float | None:
        """How like the recorded reply the answer is, from 0 to 1, by `chrf`; None where one is missing."""
        if self.reply is None or self.recorded is None:
            return None
        return chrf(self.reply.text, self.recorded.turn.text)


def compared_turns(
    generator: TextGenerator,
    recording: Recording,
    *,
    stop: threading.Event,
    history: History = History.RECORDED,
    overrides: Mapping[str, Any] | None = None,
) -> Iterator[AnswerPiece | ComparedTurn]:
    """Yield what a model answers to each message of a recording: the pieces as they are said, then the turn.

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
        self._recorded: list[StoredTurn] = []
        self._own: list[StoredTurn] = []

    def exchange(self, exchange: RecordedExchange) -> Iterator[AnswerPiece | ComparedTurn]:
        """Answer a message, and take it and its reply into the history."""
        message = exchange.message
        self._recorded.append(message)
        self._own.append(message)
        settings = self._settings(exchange.answer)
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
        """The turn with what is left out of what the model sees of it."""
        turns = self._history_shown
        shown = tuple(shown_turns(turns, self._recording.left_out))
        return replace(
            turn,
            left_out_messages=_message_count(turns) - _message_count(shown),
            left_out_pictures=_picture_count(turns) - _picture_count(shown),
        )

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
        for piece in self._generator.generate(self._prompt(conversation), turn.settings, self._stop):
            if isinstance(piece, Reply):
                return piece
            if isinstance(piece, Chunk) and piece.text:
                yield AnswerPiece(turn.position, piece.text)
        raise GenerationError(NO_REPLY)

    def _scored(self, turn: ComparedTurn) -> ComparedTurn:
        """The turn with how likely the model finds the recorded text."""
        text = turn.recorded.turn.text if turn.recorded is not None else ""
        if not text.strip():
            return turn
        try:
            prompt = self._prompt(self._conversation(self._recorded))
            scores = self._generator.score(prompt, [text], self._stop)
        except ChatError as error:
            return replace(turn, unscored=str(error))
        return replace(turn, score=scores[0] if scores else None)

    def _conversation(self, turns: Sequence[StoredTurn]) -> Conversation:
        shown = shown_turns(turns, self._recording.left_out)
        return conversation_of(shown, system=self._recording.system, facts=self._generator.facts)

    def _prompt(self, conversation: Conversation) -> Prompt:
        return serialize(conversation, self._generator.dialect)


def _message_count(turns: Iterable[StoredTurn]) -> int:
    return sum(stored.turn.role is Role.USER for stored in turns)


def _picture_count(turns: Iterable[StoredTurn]) -> int:
    return sum(len(stored.turn.images) for stored in turns)
