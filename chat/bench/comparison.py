"""Puts the engine and the guides' recipe side by side on the same weights, in one process."""

import gc
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from threading import Event
from typing import Any, Final

from chat.bench.recipe import Recipe, recipe_of
from chat.bench.silence import no_progress_bars
from chat.bench.talk import PICTURE_EVERY, REPLY_TOKENS, Talk, TurnFigures, run_talk, write_talk
from chat.errors import CheckpointError, GenerationError
from chat.loading import LoadProgress
from chat.models.families import family_of
from chat.models.generator import ModelGenerator
from chat.models.hub import find_folder
from chat.models.loading import load_generator
from chat.models.packed import PackedLinear
from chat.models.request import CheckpointRequest
from chat.prompt import serialize

_ALWAYS_MEASURED: Final = (2, 12)
"""Turns; the last one is measured as well."""


def load_both(
    request: CheckpointRequest, progress: Callable[[LoadProgress], None]
) -> tuple[ModelGenerator, Recipe, int]:
    """Load a checkpoint for both sides; gives the engine, the recipe and how many parameters they have.

    Raises:
        CheckpointError: It cannot be loaded, or was trained without a token that closes a turn.
    """
    generator = load_generator(request, progress, Event())
    if not isinstance(generator, ModelGenerator):
        raise TypeError(f"the loader gave a {type(generator).__name__}")
    if generator.engine.utterance_id is None:
        raise CheckpointError(f"{request.name} is no instruct checkpoint: the guides have no conversations for it")
    folder, _ = find_folder(request, progress, Event())
    model = _plain_model(generator, folder)
    recipe = recipe_of(model, folder, request.image_detail, generator.engine)
    # What is loaded stays: looking it over for garbage would fall, for a fifth of a second, on either side by chance.
    gc.freeze()
    return generator, recipe, int(model.num_parameters())


def _plain_model(generator: ModelGenerator, folder: Path) -> Any:
    """The model as transformers loads it: the engine's own, unless its layers were replaced by faster ones."""
    model = generator.engine.model
    if any(isinstance(module, PackedLinear) for module in model.modules()):
        model_class = family_of(generator.facts.family).model_class
        with no_progress_bars():
            return model_class.from_pretrained(
                folder, dtype=model.dtype, local_files_only=True, use_safetensors=True, trust_remote_code=False
            ).eval()
    return model


def fitting_turns(generator: ModelGenerator, turns: int) -> int:
    """How many turns of these a checkpoint has room for, with replies of full length.

    Raises:
        GenerationError: There is no room for two.
    """
    room = generator.facts.context_length
    while turns >= 2:
        talk = _talk(generator, turns, (), first_picture=1).whole
        tokens = generator.count_tokens(serialize(talk, generator.dialect)) + turns * REPLY_TOKENS
        if tokens <= room:
            return turns
        turns = min(turns - 1, turns * room // tokens)
    raise GenerationError(f"{generator.facts.name} has room for {room:,} tokens, less than two turns take")


def compare(
    generator: ModelGenerator, recipe: Recipe, turns: int, repeats: int, tell: Callable[[str], object]
) -> Iterator[TurnFigures]:
    """Hold two conversations of the same length, and yield the figures of their measured turns.

    In both a new picture comes with every fourth turn; in the second one with the last, in the first with another.

    Args:
        generator: The engine.
        recipe: Of the same weights.
        turns: Of the user, at least 2, all of which fit into the context.
        repeats: How often each conversation is held; medians are taken.
        tell: Told in words how far it is.
    """
    measured = {turn for turn in (*_ALWAYS_MEASURED, turns) if turn <= turns}
    with_picture = (turns - 1) % PICTURE_EVERY + 1
    for part, first_picture in enumerate((with_picture % PICTURE_EVERY + 1, with_picture), 1):
        own = {turn for turn in measured if (turn - first_picture) % PICTURE_EVERY == 0} if part == 2 else measured

        def told(repeat: int, turn: int, part: int = part) -> None:
            tell(f"conversation {part} of 2, run {repeat} of {repeats}, turn {turn} of {turns}")

        yield from run_talk(_talk(generator, turns, own, first_picture), generator, recipe, repeats, told)


def _talk(generator: ModelGenerator, turns: int, measured: Collection[int], first_picture: int) -> Talk:
    return write_talk(lambda text: len(generator.engine.encoder.encode_text(text)), turns, measured, first_picture)
