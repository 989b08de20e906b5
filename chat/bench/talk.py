"""One long conversation, the same for both sides: how long each takes to the first token of a turn, and per token."""

import io
import random
import statistics
import threading
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from chat.bench.recipe import Answer, Recipe, pace
from chat.conversation import Conversation, Image, Turn, assistant_turn, user_turn
from chat.errors import GenerationError
from chat.generation import NO_REPLY, Chunk, GenerationSettings, Reply
from chat.images import read_image
from chat.models.generator import ModelGenerator
from chat.prompt import serialize

USER_TOKENS: Final = 30
REPLY_TOKENS: Final = 16
PICTURE_EVERY: Final = 4
"""Turns from one new picture to the next."""

_PICTURE_SIZE: Final = (320, 240)
_WORDS: Final = (
    "cat dog sun sky sea car red one two big old new day boy man toy hat box cup map bus bed egg fox cow pig hen ant "
    "bee owl arm leg eye ear lip jam pie tea ice oil pen ink key jar pot pan mat rug bag net rod oar"
).split(" ")


@dataclass(frozen=True, slots=True)
class TurnFigures:
    """A turn as both sides answered it; of several runs the medians."""

    turn: int
    """From 1."""
    images: int
    """Pictures in the conversation up to this turn."""
    has_new_image: bool
    prompt_tokens: int
    recipe_first_token_s: float
    engine_first_token_s: float
    engine_prefilled_first_token_s: float
    """The same where the question was read before it was sent, as happens in a pause while it is typed."""
    recipe_tokens_per_s: float
    engine_tokens_per_s: float
    engine_afterwards_s: float
    """What the engine spends on the next question as soon as a reply has ended; the recipe spends nothing."""
    same_token_ids: bool

    @property
    def sooner(self) -> float:
        """How many times sooner the engine's first token comes."""
        return self.recipe_first_token_s / self.engine_first_token_s

    @property
    def faster(self) -> float:
        """How many times the recipe's tokens per second the engine gives."""
        return self.engine_tokens_per_s / self.recipe_tokens_per_s if self.recipe_tokens_per_s else 0.0


@dataclass(frozen=True, slots=True)
class Talk:
    """What the user says, turn by turn."""

    turns: tuple[Turn, ...]
    measured: frozenset[int]
    """Turns, from 1, that both sides answer; the others are the engine's alone."""

    @property
    def whole(self) -> Conversation:
        """The conversation with empty replies, up to the last question."""
        turns: list[Turn] = []
        for turn in self.turns:
            turns += [turn, assistant_turn("")]
        return Conversation(tuple(turns[:-1]))


@dataclass(frozen=True, slots=True)
class _Run:
    """A turn of one run."""

    recipe: Answer
    engine: Answer
    prefilled: Answer
    images: int


def write_talk(count: Callable[[str], int], turns: int, measured: Collection[int], first_picture: int) -> Talk:
    """Make up a conversation.

    Args:
        count: Tells how many tokens a text takes.
        turns: How many the user has.
        measured: Which of them both sides answer.
        first_picture: The turn that brings the first picture; every fourth after it brings another.
    """
    rng = random.Random(first_picture)
    said: list[Turn] = []
    for number in range(1, turns + 1):
        text = _text(count, rng)
        is_new = number >= first_picture and (number - first_picture) % PICTURE_EVERY == 0
        said.append(user_turn(_picture(number), text) if is_new else user_turn(text))
    return Talk(tuple(said), frozenset(measured))


def run_talk(
    talk: Talk, generator: ModelGenerator, recipe: Recipe, repeats: int, tell: Callable[[int, int], object]
) -> Iterator[TurnFigures]:
    """Hold a conversation several times over, and yield the figures of its measured turns.

    Args:
        talk: What the user says.
        generator: The engine; what it has kept is let go of before each run.
        recipe: Of the same weights.
        repeats: How many times; both sides answer by turns, so that whatever else the machine does meets both.
        tell: Told which run and which turn is being answered, both from 1.
    """
    runs: dict[int, list[_Run]] = {number: [] for number in sorted(talk.measured)}
    for repeat in range(1, repeats + 1):
        generator.forget()
        conversation = Conversation()
        for number, turn in enumerate(talk.turns, 1):
            tell(repeat, number)
            conversation = conversation.with_turn(turn)
            recipe.show(turn.images)
            if (repeat, number) == (1, 1):
                # Its first answer pays for whatever is done once; the engine's first turn is not measured either.
                recipe.answer(conversation, REPLY_TOKENS)
            engine, reply = _answer(generator, conversation)
            if number in talk.measured:
                generator.prefill(serialize(conversation, generator.dialect), threading.Event())
                prefilled, _ = _answer(generator, conversation)
                answers = (recipe.answer(conversation, REPLY_TOKENS), engine, prefilled)
                runs[number].append(_Run(*answers, len(conversation.images)))
            conversation = conversation.with_turn(reply)
    for number, measured in runs.items():
        if measured:
            yield _figures(number, bool(talk.turns[number - 1].images), measured)


def _figures(number: int, has_new_image: bool, runs: Sequence[_Run]) -> TurnFigures:
    def median(value: Callable[[_Run], float]) -> float:
        return statistics.median(map(value, runs))

    return TurnFigures(
        turn=number,
        images=runs[0].images,
        has_new_image=has_new_image,
        prompt_tokens=runs[0].engine.prompt_tokens,
        recipe_first_token_s=median(lambda run: run.recipe.first_token_s),
        engine_first_token_s=median(lambda run: run.engine.first_token_s),
        engine_prefilled_first_token_s=median(lambda run: run.prefilled.first_token_s),
        recipe_tokens_per_s=median(lambda run: run.recipe.tokens_per_s),
        engine_tokens_per_s=median(lambda run: run.engine.tokens_per_s),
        engine_afterwards_s=median(lambda run: run.engine.afterwards_s),
        same_token_ids=all(
            (run.recipe.token_ids, run.recipe.prompt_tokens) == (answer.token_ids, answer.prompt_tokens)
            for run in runs
            for answer in (run.engine, run.prefilled)
        ),
    )


def _answer(generator: ModelGenerator, conversation: Conversation) -> tuple[Answer, Turn]:
    """The engine's answer, measured from the conversation to the ids as the recipe's is, and the turn it becomes."""
    started = time.perf_counter()
    times: list[float] = []
    reply: Reply | None = None
    settings = GenerationSettings(max_new_tokens=REPLY_TOKENS)
    for piece in generator.generate(serialize(conversation, generator.dialect), settings, threading.Event()):
        if isinstance(piece, Chunk) and piece.token_id is not None:
            times.append(time.perf_counter())
        elif isinstance(piece, Reply):
            reply, ended = piece, time.perf_counter()
    if reply is None or not times:
        raise GenerationError(NO_REPLY)
    answer = Answer(reply.token_ids, reply.prompt_tokens, times[0] - started, pace(times), time.perf_counter() - ended)
    # A recipe knows texts alone. Where the text of a reply would be read as other ids, both sides read those.
    is_read_back = generator.engine.encoder.reply_ids(reply.text) == reply.spoken_ids
    return answer, assistant_turn(reply.text, reply.spoken_ids if is_read_back and reply.text else ())


def _text(count: Callable[[str], int], rng: random.Random) -> str:
    """Words that take as many tokens as a question of the user shall have, or as few more as can be."""
    text = rng.choice(_WORDS)
    while count(f" {text}") < USER_TOKENS:
        text += f" {rng.choice(_WORDS)}"
    return text


def _picture(number: int) -> Image:
    """A picture like no other."""
    from PIL import Image as PillowImage

    width, height = _PICTURE_SIZE
    file = io.BytesIO()
    pixels = random.Random(number).randbytes(width * height * 3)
    PillowImage.frombytes("RGB", (width, height), pixels).save(file, "PNG")
    return read_image(file.getvalue(), f"noise {number}")
