"""How likely each token of a reply was, and what could have stood in its place: one pass over tokens that are known.

The tokens are computed as one way on from the prompt, part by part where there are many, since the logits of a token
take far more memory than what is kept of it.
"""

import math
import threading
from collections.abc import Mapping, Sequence

from torch import Tensor

from chat.conversation import Image
from chat.errors import GenerationError
from chat.models.decoding import token_texts
from chat.models.describing import TokenNames
from chat.models.engine import Engine
from chat.models.scoring import MOST_TOKENS
from chat.models.state import KeptState
from chat.seen import Alternative, WeighedToken


def check_ids(engine: Engine, token_ids: Sequence[int]) -> None:
    """Raise GenerationError for ids that the checkpoint does not have."""
    unknown = [token_id for token_id in token_ids if not engine.encoder.name(token_id)]
    if unknown:
        raise GenerationError(f"the checkpoint has no token {unknown[0]:,}: another one gave this reply")


def weighed(
    engine: Engine,
    state: KeptState,
    logits: Tensor,
    token_ids: Sequence[int],
    images: Mapping[str, Image],
    stop: threading.Event,
    alternatives: int,
) -> tuple[WeighedToken, ...] | None:
    """The tokens of a reply with their likelihoods; None when stopped on the way.

    Args:
        engine: Computes.
        state: Holds the prompt; most of the reply may be added to it.
        logits: Of the prompt's last token, (vocabulary,).
        token_ids: The reply's, at least one.
        images: The prompt's pictures by digest.
        stop: Looked at before every part of the reply.
        alternatives: Of every place, how many of the likeliest tokens to tell.

    Raises:
        GenerationError: A likelihood is infinite or no number, as half precision can make it.
    """
    names = TokenNames(engine.encoder)
    found = [_of_place(logits[None], token_ids[:1], names, alternatives)]
    # The last token is weighed by the logits of the one before it.
    given = token_ids[:-1]
    for start in range(0, len(given), MOST_TOKENS):
        if stop.is_set():
            return None
        part = given[start : start + MOST_TOKENS]
        rows = engine.compute_branches(state, [part], images)
        found.append(_of_place(rows, token_ids[start + 1 : start + 1 + len(part)], names, alternatives))
        if start + MOST_TOKENS < len(given):
            engine.compute(state, [(token_id, "") for token_id in part], images)
    weights = [weight for part_weights in found for weight in part_weights]
    texts = token_texts(engine.encoder, token_ids)
    return tuple(
        WeighedToken(token_id, names.of(token_id) if engine.encoder.is_hidden(token_id) else text, *weight)
        for token_id, text, weight in zip(token_ids, texts, weights, strict=True)
    )


def _of_place(
    rows: Tensor, token_ids: Sequence[int], names: TokenNames, alternatives: int
) -> list[tuple[float, int, tuple[Alternative, ...]]]:
    """Log-probability, rank and alternatives of tokens, each by its row of logits (tokens, vocabulary)."""
    likelihoods = rows.float().log_softmax(-1)
    best = likelihoods.topk(min(alternatives, likelihoods.shape[-1]))
    found = []
    for row, token_id, values, ids in zip(
        likelihoods, token_ids, best.values.tolist(), best.indices.tolist(), strict=True
    ):
        own = float(row[token_id])
        if not math.isfinite(own):
            raise GenerationError("the model's likelihoods are no numbers: load it with another --dtype")
        others = tuple(Alternative(other, names.of(other), value) for other, value in zip(ids, values, strict=True))
        found.append((own, 1 + int((row > own).sum()), others))
    return found
