"""Computes with IDEFICS: pictures to latents, tokens to logits.

A text token of IDEFICS attends to the latents of the newest picture before it, and to earlier text by self-attention.
So a picture is looked at once, and a forward pass meets only the pictures that its own tokens attend to.
"""

import threading
from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

import torch
from torch import Tensor
from transformers import IdeficsForVisionText2Text

from chat.conversation import Image
from chat.images import decode
from chat.models.features import KeptFeatures
from chat.models.idefics_decoder import IdeficsDecoder, Stretch
from chat.models.state import KeptState
from chat.models.tokens import Key, PromptEncoder
from chat.prompt import END_OF_SEQUENCE, END_OF_UTTERANCE, IDEFICS, IDEFICS_BASE


class IdeficsEngine:
    """A loaded IDEFICS checkpoint, base or instruct."""

    def __init__(self, model: IdeficsForVisionText2Text, encoder: PromptEncoder, image_processor: Any) -> None:
        """Take over a loaded checkpoint.

        Args:
            model: In evaluation mode.
            encoder: Of the checkpoint's tokenizer.
            image_processor: The checkpoint's; called with a list of pictures it gives pixel values (1, 3, size, size).
        """
        self.model = model
        self.encoder = encoder
        self._decoder = IdeficsDecoder(model)
        self._image_processor = image_processor
        ids = encoder.control_ids
        self.utterance_id = ids.get(END_OF_UTTERANCE)
        self.dialect = IDEFICS_BASE if self.utterance_id is None else IDEFICS
        self.eos_ids = frozenset((ids[END_OF_SEQUENCE],))
        vocabulary = model.config.vocab_size + model.config.additional_vocab_size
        self.banned_ids = tuple(sorted(encoder.unsaid_ids(vocabulary, {self.utterance_id, *self.eos_ids})))
        self.image_size = int(image_processor.size["height"])
        self.attends_packed = True
        self.features = KeptFeatures(self._look)
        """Of every picture the latents (1, latents, width), and behind them what the decoder makes of them."""

    @torch.inference_mode()
    def _look(self, image: Image, _: threading.Event | None) -> tuple[Tensor, ...]:
        processed = self._image_processor([decode(image)], return_tensors="pt")
        pixels = processed if isinstance(processed, Tensor) else processed["pixel_values"]
        pixels = pixels.to(self.model.device, self.model.dtype).reshape(1, *pixels.shape[-3:])
        latents: Tensor = self.model.model.vision_model(pixel_values=pixels).last_hidden_state
        if self.model.config.use_resampler:
            latents = self.model.model.perceiver_resampler(latents)
        return (latents, *self._decoder.sight(latents))

    @torch.inference_mode()
    def compute(self, state: KeptState, keys: Sequence[Key], images: Mapping[str, Image]) -> Tensor:
        """Compute tokens after those in the state and add them to it.

        Args:
            state: What is computed already.
            keys: The tokens to compute, at least one.
            images: The conversation's pictures by digest.

        Returns:
            The logits of the last token, (vocabulary,).
        """
        stretches: list[Stretch] = []
        end = 0
        for digest, run in groupby(_newest_pictures(state.latest_image, keys)):
            start, end = end, end + len(list(run))
            sight = self.features.of(images[digest])[1:] if digest else None
            stretches.append(Stretch(start, end, sight))
        logits = self._decoder.logits(self._ids(keys), stretches, state.cache)
        state.computed(keys)
        return logits

    def _ids(self, keys: Sequence[Key]) -> Tensor:
        return torch.tensor([[token_id for token_id, _ in keys]], device=self.model.device)

    @torch.inference_mode()
    def generate_inputs(self, keys: Sequence[Key], images: Mapping[str, Image]) -> dict[str, Tensor]:
        """The arguments of transformers' own `generate` for a whole prompt."""
        ids = self._ids(keys)
        newest = _newest_pictures("", keys)
        order = list(dict.fromkeys(digest for digest in newest if digest))
        latents = [self.features.of(images[digest])[0] for digest in order] or [self._no_picture()]
        columns = torch.tensor([order.index(digest) if digest else -1 for digest in newest], device=ids.device)
        mask = columns[:, None] == torch.arange(len(latents), device=ids.device)
        return {
            "input_ids": ids,
            "attention_mask": torch.ones_like(ids),
            "image_attention_mask": mask[None].long(),
            "image_hidden_states": torch.stack(latents, dim=1),
        }

    def _no_picture(self) -> Tensor:
        """Latents for a prompt without pictures; the cross-attention's gate lets nothing of them through."""
        config = self.model.config
        rows = config.perceiver_config.resampler_n_latents if config.use_resampler else 1
        return torch.zeros(1, rows, config.vision_config.embed_dim, device=self.model.device, dtype=self.model.dtype)


def _newest_pictures(latest: str, keys: Sequence[Key]) -> list[str]:
    """Of every token the digest of the newest picture up to it, or an empty string.

    Args:
        latest: The newest picture before the tokens.
        keys: The tokens.
    """
    newest: list[str] = []
    for _, digest in keys:
        latest = digest or latest
        newest.append(latest)
    return newest
