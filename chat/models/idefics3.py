"""Computes with Idefics3, SmolVLM and SmolVLM2: pictures to the vectors of `<image>` tokens, tokens to logits.

A picture is a run of tokens like any other, whose embeddings come from the vision tower. So a picture is looked at
once, and whatever follows attends to it through the kept state. Every picture is one tile: it is not cut into parts.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import torch
from torch import Tensor

from chat.conversation import Image
from chat.images import decode
from chat.models.features import KeptFeatures
from chat.models.state import KeptState
from chat.models.tokens import Key, PromptEncoder
from chat.prompt import END_OF_UTTERANCE, IMAGE, Dialect

_FEATURES_KEPT: Final = 64
"""Pictures whose features are kept; those of the largest checkpoint take 1.4 MB each in half precision."""


class Idefics3Engine:
    """A loaded checkpoint of the Idefics3 kind."""

    def __init__(self, model: Any, encoder: PromptEncoder, image_processor: Any, dialect: Dialect) -> None:
        """Take over a loaded checkpoint.

        Args:
            model: In evaluation mode; `Idefics3ForConditionalGeneration` or `SmolVLMForConditionalGeneration`.
            encoder: Of the checkpoint's tokenizer.
            image_processor: Gives, for a list of one picture, pixel values (1, 1, 3, size, size) and their mask.
            dialect: That of the checkpoint's chat template.
        """
        self.model = model
        self.encoder = encoder
        self.dialect = dialect
        self._image_processor = image_processor
        ids = encoder.control_ids
        self.utterance_id = ids[END_OF_UTTERANCE]
        self.eos_ids = _eos_ids(model) & encoder.added_ids
        vocabulary = model.config.text_config.vocab_size
        self.banned_ids = tuple(sorted(encoder.unsaid_ids(vocabulary, {self.utterance_id, *self.eos_ids})))
        self.image_size = int(model.config.vision_config.image_size)
        self._image_tokens = encoder.picture_ids.count(ids[IMAGE])
        self._features = KeptFeatures(self._look, _FEATURES_KEPT)

    def _look(self, image: Image) -> Tensor:
        """The features of a picture, (image tokens, width)."""
        processed = self._image_processor([decode(image)], return_tensors="pt")
        seen = self.model.model.get_image_features(
            processed["pixel_values"].to(self.model.device), processed["pixel_attention_mask"].to(self.model.device)
        )
        features: Tensor = seen.pooler_output[0]
        return features

    @torch.inference_mode()
    def compute(self, state: KeptState, keys: Sequence[Key], images: Mapping[str, Image]) -> Tensor:
        """Compute tokens after those in the state and add them to it.

        Args:
            state: What is computed already.
            keys: The tokens to compute, at least one; all tokens of a picture or none.
            images: The conversation's pictures by digest.

        Returns:
            The logits of the last token, (vocabulary,).
        """
        output = self.model(
            inputs_embeds=self._embedded(keys, images),
            past_key_values=state.cache,
            use_cache=True,
            logits_to_keep=1,
        )
        state.computed(keys)
        logits: Tensor = output.logits[0, -1]
        return logits

    def _embedded(self, keys: Sequence[Key], images: Mapping[str, Image]) -> Tensor:
        """The vectors that the language model gets for tokens, (1, tokens, width)."""
        embedded: Tensor = self.model.get_input_embeddings()(self._ids(keys))
        places = [place for place, (_, digest) in enumerate(keys) if digest]
        if places:
            features = torch.cat([self._features.of(images[keys[place][1]]) for place in places[:: self._image_tokens]])
            embedded[0, places] = features.to(embedded.device, embedded.dtype)
        return embedded

    def _ids(self, keys: Sequence[Key]) -> Tensor:
        return torch.tensor([[token_id for token_id, _ in keys]], device=self.model.device)

    @torch.inference_mode()
    def generate_inputs(self, keys: Sequence[Key], images: Mapping[str, Image]) -> dict[str, Tensor]:
        """The arguments of transformers' own `generate` for a whole prompt."""
        ids = self._ids(keys)
        return {
            "input_ids": ids,
            "attention_mask": torch.ones_like(ids),
            "inputs_embeds": self._embedded(keys, images),
        }


def _eos_ids(model: Any) -> frozenset[int]:
    """Every id that the checkpoint's files call an end of text.

    Where a file is silent, transformers puts in the id of another tokenizer: it may be that of a plain word here, so
    only those that are tokens of their own may end a reply.
    """
    found: set[int] = set()
    for source in (model.generation_config, model.config, model.config.text_config):
        named = getattr(source, "eos_token_id", None)
        found.update(named if isinstance(named, list) else [] if named is None else [named])
    return frozenset(found)
