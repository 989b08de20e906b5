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

    def __init__(
        self, settings: GenerationSettings, banned: Sequence[int], prompt_ids: Sequence[int], device: torch.device
    ) -> None:
        """Prepare for one reply.

        Args:
            settings: Greedy where the temperature is 0, else sampled.
            banned: Ids that are never chosen.
            prompt_ids: For the repetition penalty; what is chosen is added to them.
            device: Where the logits are.
        """
        self._banned = torch.tensor(list(banned), dtype=torch.long, device=device)
        self._processors = LogitsProcessorList()
        self._has_penalty = settings.repetition_penalty != 1.0
        # Nothing but the penalty looks at earlier tokens, and a long conversation has many.
        self._sequence = torch.tensor([list(prompt_ids) if self._has_penalty else []], dtype=torch.long, device=device)
        if self._has_penalty:
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

    def choose(self, logits: Tensor) -> int:
        """The next token, after logits (vocabulary,) of the last position."""
        scores = logits.float().clone()
        scores[self._banned] = -torch.inf
        scores = self._processors(self._sequence, scores[None])
        if self._random is None:
            chosen = scores.argmax(-1, keepdim=True)
        else:
            chosen = torch.multinomial(scores.softmax(-1), 1, generator=self._random)
        if self._has_penalty:
            self._sequence = torch.cat((self._sequence, chosen), dim=1)
        return int(chosen)
