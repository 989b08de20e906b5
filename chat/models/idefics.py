"""Computes with IDEFICS: pictures to latents, tokens to logits.

A text token of IDEFICS attends to the latents of the newest picture before it, and to earlier text by self-attention.
So a picture's latents are computed once, and a forward pass is given only the pictures that its own tokens attend to.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import torch
from torch import Tensor
from transformers import IdeficsForVisionText2Text

from chat.conversation import Image
from chat.images import decode
from chat.models.features import KeptFeatures
from chat.models.state import KeptState
from chat.models.tokens import Key, PromptEncoder
from chat.prompt import END_OF_SEQUENCE, END_OF_UTTERANCE, IDEFICS

_LATENTS_KEPT: Final = 256
"""Pictures whose latents are kept; those of the largest checkpoint take 160 kB each in half precision."""


class IdeficsEngine:
    """A loaded IDEFICS checkpoint, base or instruct."""

    dialect = IDEFICS

    def __init__(self, model: IdeficsForVisionText2Text, encoder: PromptEncoder, image_processor: Any) -> None:
        """Take over a loaded checkpoint.

        Args:
            model: In evaluation mode.
            encoder: Of the checkpoint's tokenizer.
            image_processor: The checkpoint's; called with a list of pictures it gives pixel values (1, 3, size, size).
        """
        self.model = model
        self.encoder = encoder
        self._image_processor = image_processor
        ids = encoder.control_ids
        self.utterance_id = ids[END_OF_UTTERANCE]
        self.eos_ids = frozenset((ids[END_OF_SEQUENCE],))
        vocabulary = model.config.vocab_size + model.config.additional_vocab_size
        self.banned_ids = tuple(sorted(encoder.unsaid_ids(vocabulary, {self.utterance_id, *self.eos_ids})))
        self.image_size = int(image_processor.size["height"])
        self._latents = KeptFeatures(self._look, _LATENTS_KEPT)

    def _look(self, image: Image) -> Tensor:
        """The latents of a picture, (latents, width)."""
        processed = self._image_processor([decode(image)], return_tensors="pt")
        pixels = processed if isinstance(processed, Tensor) else processed["pixel_values"]
        pixels = pixels.to(self.model.device, self.model.dtype).reshape(1, *pixels.shape[-3:])
        latents: Tensor = self.model.model.vision_model(pixel_values=pixels).last_hidden_state
        if self.model.config.use_resampler:
            latents = self.model.model.perceiver_resampler(latents)
        return latents[0]

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
        latents, mask = self.attended(state.latest_image, keys, images)
        output = self.model(
            input_ids=torch.tensor([[token_id for token_id, _ in keys]], device=self.model.device),
            image_attention_mask=mask,
            past_key_values=state.cache,
            use_cache=True,
            logits_to_keep=1,
            **{self._latents_name: latents},
        )
        state.computed(keys)
        logits: Tensor = output.logits[0, -1]
        return logits

    @torch.inference_mode()
    def attended(self, latest: str, keys: Sequence[Key], images: Mapping[str, Image]) -> tuple[Tensor, Tensor]:
        """What tokens attend to.

        Args:
            latest: Digest of the newest picture before the tokens, or an empty string.
            keys: The tokens.
            images: The conversation's pictures by digest.

        Returns:
            Latents (1, pictures, latents, width) and the mask (1, tokens, pictures) of which token attends to which.
        """
        device = self.model.device
        newest: list[str] = []
        for _, digest in keys:
            latest = digest or latest
            newest.append(latest)
        order = list(dict.fromkeys(digest for digest in newest if digest))
        if not order:
            return self._no_picture(), torch.zeros(1, len(keys), 1, dtype=torch.long, device=device)
        latents = torch.stack([self._latents.of(images[digest]) for digest in order])
        columns = torch.tensor([order.index(digest) if digest else -1 for digest in newest], device=device)
        mask = columns[:, None] == torch.arange(len(order), device=device)
        return latents[None], mask[None].long()

    @property
    def _latents_name(self) -> str:
        return "perceiver_embeddings" if self.model.config.use_resampler else "image_encoder_embeddings"

    def _no_picture(self) -> Tensor:
        """Latents for text that attends to no picture; the cross-attention's gate lets nothing of them through."""
        config = self.model.config
        rows = config.perceiver_config.resampler_n_latents if config.use_resampler else 1
        return torch.zeros(1, 1, rows, config.vision_config.embed_dim, device=self.model.device, dtype=self.model.dtype)

    def generate_inputs(self, keys: Sequence[Key], images: Mapping[str, Image]) -> dict[str, Tensor]:
        """The arguments of transformers' own `generate` for a whole prompt."""
        latents, mask = self.attended("", keys, images)
        ids = torch.tensor([[token_id for token_id, _ in keys]], device=self.model.device)
        return {
            "input_ids": ids,
            "attention_mask": torch.ones_like(ids),
            "image_attention_mask": mask,
            "image_hidden_states": latents,
        }
