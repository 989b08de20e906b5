"""Computes a prompt's tokens in parts, so that whoever waits can be told how far it is, and can stop it."""

import threading
from collections.abc import Generator, Mapping, Sequence
from typing import Final

from torch import Tensor

from chat.conversation import Image
from chat.generation import ReadProgress
from chat.models.engine import Engine
from chat.models.estimate import PREFILL_CHUNK
from chat.models.state import KeptState
from chat.models.tokens import Key

_LEAST_CHUNK: Final = 16
"""Tokens; with fewer, a CPU does little but wait for the weights."""
_QUICK: Final = 2 * 2**30
"""Bytes of weights that a CPU computes a whole chunk with in a second or a few."""


def prefill(
    engine: Engine,
    state: KeptState,
    keys: Sequence[Key],
    images: Mapping[str, Image],
    stop: threading.Event,
    chunk: int,
) -> Generator[ReadProgress, None, Tensor | None]:
    """Compute the tokens of a prompt that a state does not hold, and look at their pictures one by one.

    Args:
        engine: Computes.
        state: Holds the prompt's first tokens, and in the end all of them.
        keys: The prompt's tokens; the state must not hold the last of them.
        images: The conversation's pictures by digest.
        stop: Looked at before every chunk and every view of a picture.
        chunk: Tokens computed at once.

    Returns:
        The logits of the last token, (vocabulary,); None when stopped on the way.
    """
    begun = len(state)
    logits = None
    for start in range(begun, len(keys), chunk):
        part = keys[start : start + chunk]
        for digest in dict.fromkeys(digest for _, digest in part if digest):
            if stop.is_set() or not engine.features.see(images[digest], stop):
                return None
        if stop.is_set():
            return None
        logits = engine.compute(state, part, images)
        if len(state) < len(keys):
            yield ReadProgress(len(state) - begun, len(keys) - begun)
    return logits


def ended(steps: Generator[ReadProgress, None, Tensor | None]) -> Tensor | None:
    """What computing a prompt ends with, for whoever need not be told how far it is."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            logits: Tensor | None = end.value
            return logits


def draft_chunk_for(weights: int, device: str, *, is_offloaded: bool) -> int:
    """Tokens of a draft to compute at once, so that it is not long in the way of what is sent; 0 to compute none.

    Args:
        weights: The checkpoint's bytes.
        device: Where it computes.
        is_offloaded: Whether some of the weights are brought there anew for every chunk, however short it is.
    """
    if is_offloaded:
        return 0
    if device != "cpu":
        return PREFILL_CHUNK
    return max(_LEAST_CHUNK, min(PREFILL_CHUNK, PREFILL_CHUNK * _QUICK // max(weights, 1)))
