"""Tokens by their ids alone, and in the place where two runs part: their texts, and how likely each was there."""

import threading
from collections.abc import Sequence

from chat.errors import GenerationError, MemoryFullError, ModelLostError
from chat.generation import TextGenerator
from chat.prompt import Control, Prompt
from chat.replay.verified import FirstDifference, TokenThere
from chat.seen import WeighedToken


def texts_of(generator: TextGenerator, token_ids: Sequence[int]) -> list[str]:
    """The texts of a reply's tokens; empty ones where the checkpoint does not have all of these tokens."""
    # Weighed after next to nothing: the port tells no texts without likelihoods.
    beginning = Prompt((Control(generator.dialect.begin),))
    weighed = _weighed(generator, beginning, token_ids, threading.Event())
    return [token.text for token in weighed] if weighed else [""] * len(token_ids)


def parted(
    generator: TextGenerator,
    prompt: Prompt,
    recorded: Sequence[int],
    regenerated: Sequence[int],
    stop: threading.Event,
) -> FirstDifference | None:
    """The first token in which two replies to a prompt differ; None when stopped on the way.

    Args:
        generator: Tells how likely either token was.
        prompt: Both replies are to it.
        recorded: The ids of one.
        regenerated: The ids of the other, which are not the same.
        stop: Ends it.

    Raises:
        GenerationError: The model is gone, or memory did not suffice.
    """
    place = first_difference(recorded, regenerated)
    same, one, other = tuple(regenerated[:place]), recorded[place : place + 1], regenerated[place : place + 1]
    found = FirstDifference(
        place,
        _there(generator, prompt, same, one[0], stop) if one else None,
        _there(generator, prompt, same, other[0], stop) if other else None,
    )
    return None if stop.is_set() else found


def first_difference(one: Sequence[int], other: Sequence[int]) -> int:
    """The first place in which two sequences differ; the length of the shorter one where that is all of it."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((place for place, (first, second) in pairs if first != second), min(len(one), len(other)))


def _there(
    generator: TextGenerator, prompt: Prompt, before: tuple[int, ...], token_id: int, stop: threading.Event
) -> TokenThere:
    weighed = _weighed(generator, prompt, (*before, token_id), stop)
    return TokenThere.of(weighed[-1]) if weighed else TokenThere(token_id, "")


def _weighed(
    generator: TextGenerator, prompt: Prompt, token_ids: Sequence[int], stop: threading.Event
) -> tuple[WeighedToken, ...] | None:
    """Tokens with their likelihoods; None when stopped, and where the checkpoint does not have all of them."""
    try:
        return generator.weigh(prompt, token_ids, stop, 1)
    except (MemoryFullError, ModelLostError):
        raise
    except GenerationError:
        # Ids of a file may be anything.
        return None
