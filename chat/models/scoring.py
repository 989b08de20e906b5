"""How likely texts are as what follows a prompt: the prompt is computed once, and all texts behind it together.

The tokens of a text see the prompt and their own text alone, so one forward pass over all of them, laid one behind the
other, gives what a pass for each text with the whole prompt would give.
"""

import math
import threading
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import torch
from torch import Tensor

from chat.conversation import Image
from chat.errors import GenerationError
from chat.generation import Score
from chat.models.engine import Engine
from chat.models.state import KeptState
from chat.models.tokens import PromptEncoder
from chat.prompt import Control, Picture, Prompt, Said, Words
from chat.safe_text import short_line

MOST_TOKENS: Final = 512
"""Of texts that are computed at once; more would need much memory for their logits."""

Continuation = tuple[int, ...]
"""The ids of a text that follows a prompt."""


def continuations(encoder: PromptEncoder, prompt: Prompt, texts: Sequence[str]) -> list[Continuation]:
    """The ids of texts as they stand behind a prompt: after a space, or at once where the prompt ends in a picture.

    Raises:
        GenerationError: A text has no tokens.
    """
    # What comes before the prompt's last control token has no part in how the texts behind it are cut into tokens.
    borders = [place for place, one in enumerate(prompt.segments) if isinstance(one, Control | Picture | Said)]
    ending = prompt.segments[borders[-1] :] if len(borders) > 1 else ()
    tail = Prompt((prompt.segments[0], *(ending or prompt.segments[1:])))
    opened = encoder.encode(tail).token_ids
    space = " " if borders[-1] < len(prompt.segments) - 1 else ""
    found = []
    for text in texts:
        whole = encoder.encode(Prompt((*tail.segments, Words(space + text)))).token_ids
        shared = next((n for n, (a, b) in enumerate(zip(opened, whole, strict=False)) if a != b), len(opened))
        if shared < len(opened) or len(whole) == len(opened):
            raise GenerationError(
                f"the label {short_line(text, 60)} cannot stand behind this prompt: word it otherwise"
            )
        found.append(whole[len(opened) :])
    return found


def scores(
    engine: Engine,
    state: KeptState,
    logits: Tensor,
    texts: Sequence[Continuation],
    images: Mapping[str, Image],
    stop: threading.Event,
) -> tuple[Score, ...] | None:
    """The log-likelihoods of texts behind a prompt; None when stopped on the way.

    Args:
        engine: Computes.
        state: Holds the prompt, and is left as it is.
        logits: Of the prompt's last token, (vocabulary,).
        texts: The ids of each.
        images: The prompt's pictures by digest.
        stop: Looked at before every part of the texts.

    Raises:
        GenerationError: A log-likelihood is infinite or no number, as half precision can make it.
    """
    first = logits.float().log_softmax(-1)
    sums = [float(first[text[0]]) for text in texts]
    for part in _parts(texts):
        if stop.is_set():
            return None
        branches = [texts[place][:-1] for place in part]
        found = engine.compute_branches(state, branches, images).float().log_softmax(-1)
        wanted = torch.tensor([token_id for place in part for token_id in texts[place][1:]], device=found.device)
        likelihoods = found.gather(1, wanted[:, None])[:, 0].split([len(branch) for branch in branches])
        for place, own in zip(part, likelihoods, strict=True):
            sums[place] += float(own.double().sum())
    if not all(math.isfinite(total) for total in sums):
        raise GenerationError("the model's likelihoods are no numbers: load it with another --dtype")
    return tuple(Score(total, len(text)) for total, text in zip(sums, texts, strict=True))


def _parts(texts: Sequence[Continuation]) -> Iterator[list[int]]:
    """Places of the texts of two tokens or more, so many at once as memory allows."""
    part: list[int] = []
    tokens = 0
    for place, text in enumerate(texts):
        if len(text) < 2:
            continue
        if part and tokens + len(text) > MOST_TOKENS:
            yield part
            part, tokens = [], 0
        part.append(place)
        tokens += len(text)
    if part:
        yield part
