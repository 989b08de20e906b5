"""Replies to several prompts, computed side by side: every step reads the weights once for all of them."""

import threading
from collections.abc import Iterator, Sequence
from typing import Final

from torch import Tensor

from chat.errors import GenerationError
from chat.generation import CheckpointFacts, GenerationSettings, Reply, StopReason
from chat.models.engine import Engine
from chat.models.padded import PADDING, PaddedState
from chat.models.tokens import Key
from chat.models.writing import Writing
from chat.prompt import Prompt

PART: Final = 1024
"""Tokens of all prompts together that are computed at once."""
_FREE_SHARE: Final = 0.5
"""Of the free memory, what rows may take; the rest is for the work itself."""
_FULL: Final = 0.75
"""Of the rows computed, those that are still being written; with fewer, the others are let go of."""


def write_batch(
    engine: Engine,
    facts: CheckpointFacts,
    requests: Sequence[tuple[Prompt, GenerationSettings]],
    stop: threading.Event,
) -> Iterator[tuple[int, Reply]]:
    """Yield the replies as they end, each with its place among the requests; see `TextGenerator.generate_batch`."""
    writings = [Writing(engine, facts, prompt, settings, stop) for prompt, settings in requests]
    room = max(len(one.keys) for one in writings) + max(one.most_new for one in writings)
    state = PaddedState([len(one.keys) for one in writings], room, engine.model.device)
    logits = _read(engine, state, writings, stop)
    rows: list[int] = list(range(len(writings)))
    """The place of the writing of every row."""
    while True:
        if logits is None or stop.is_set():
            for place in rows:
                if writings[place].reply is None:
                    yield place, _ended(writings[place], StopReason.CANCELLED)
            return
        for row, place in enumerate(rows):
            if writings[place].reply is None:
                _, reason = writings[place].choose(logits[row])
                if reason:
                    yield place, _ended(writings[place], reason)
        open_rows = [row for row, place in enumerate(rows) if writings[place].reply is None]
        if not open_rows:
            return
        if len(open_rows) < len(rows) * _FULL:
            state.keep_rows(open_rows)
            rows = [rows[row] for row in open_rows]
        logits = engine.compute_rows(state, [[_next(writings[place])] for place in rows])


def rows_that_fit(engine: Engine, free: int, tokens: int, images: int) -> int:
    """How many rows so much free memory holds, at least 1.

    Args:
        engine: Computes them.
        free: Bytes.
        tokens: Of the longest row, its reply included.
        images: The most that one of them has.
    """
    logits = 5 * engine.model.config.get_text_config().vocab_size * 4
    # What was seen in a picture is held once for itself and once beside that of the other rows.
    row = tokens * engine.token_bytes + images * 2 * engine.picture_bytes + logits
    return max(1, int(free * _FREE_SHARE / row))


def _next(writing: Writing) -> Key:
    """The token to go on with; of a reply that has ended whatever comes is nobody's."""
    return PADDING if writing.reply else (writing.last_id, "")


def _ended(writing: Writing, reason: StopReason) -> Reply:
    for _ in writing.end(reason):
        pass
    if writing.reply is None:
        raise GenerationError("a reply ended without its words")
    return writing.reply


def _read(engine: Engine, state: PaddedState, writings: Sequence[Writing], stop: threading.Event) -> Tensor | None:
    """Compute the prompts; gives the logits of their last tokens (rows, vocabulary), None when stopped on the way."""
    rows = [[PADDING] * (state.width - len(one.keys)) + one.keys for one in writings]
    part = max(1, PART // len(rows))
    logits = None
    for start in range(0, state.width, part):
        columns = [row[start : start + part] for row in rows]
        for writing, keys in zip(writings, columns, strict=True):
            for digest in dict.fromkeys(digest for _, digest in keys if digest):
                if stop.is_set() or not engine.features.see(writing.images[digest], stop):
                    return None
                state.look(writing.images, digest, engine.features)
        if stop.is_set():
            return None
        logits = engine.compute_rows(state, columns)
    return logits
