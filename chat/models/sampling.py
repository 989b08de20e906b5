"""Chooses the next token from logits, as transformers' `generate` does with the same settings and seed."""

from collections.abc import Sequence

import torch
from torch import Tensor
from transformers import (
    LogitsProcessorList,
    RepetitionPenaltyLogitsProcessor,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)

from chat.generation import GenerationSettings


class Sampler:
    """Chooses one token after another for one reply."""

    def __init__(self, settings: GenerationSettings, banned: Sequence[int], device: torch.device) -> None:
        """Prepare for one reply.

        Args:
            settings: Greedy where the temperature is 0, else sampled.
            banned: Ids that are never chosen.
            device: Where the logits are.
        """
        self._banned = torch.tensor(list(banned), dtype=torch.long, device=device)
        self._processors = LogitsProcessorList()
        if settings.repetition_penalty != 1.0:
            self._processors.append(RepetitionPenaltyLogitsProcessor(settings.repetition_penalty))
        self.seed: int | None = None
        """What sampling was seeded with; None for greedy decoding."""
        self._random: torch.Generator | None = None
        if settings.temperature > 0:
            self.seed = settings.seeded().seed
            self._random = torch.Generator(device=device).manual_seed(self.seed or 0)
            self._add_warpers(settings)

    def _add_warpers(self, settings: GenerationSettings) -> None:
        if settings.temperature != 1.0:
            self._processors.append(TemperatureLogitsWarper(settings.temperature))
        if settings.top_k:
            self._processors.append(TopKLogitsWarper(settings.top_k))
        if settings.top_p < 1.0:
            self._processors.append(TopPLogitsWarper(settings.top_p))

    def choose(self, logits: Tensor, token_ids: Sequence[int]) -> int:
        """The next token.

        Args:
            logits: (vocabulary,) of the last position.
            token_ids: Prompt and reply so far, for the repetition penalty.
        """
        scores = logits.float().clone()
        scores[self._banned] = -torch.inf
        if self._processors:
            sequence = torch.tensor([list(token_ids)], device=logits.device)
            scores = self._processors(sequence, scores[None])[0]
        if self._random is None:
            return int(scores.argmax())
        return int(torch.multinomial(scores.softmax(-1), 1, generator=self._random))
