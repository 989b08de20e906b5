"""Computes with IDEFICS: pictures to latents, tokens to logits.

A text token of IDEFICS attends to the latents of the newest picture before it, and to earlier text by self-attention.
So a picture is looked at once, and a forward pass meets only the pictures that its own tokens attend to.
"""

import threading
from collections.abc import Callable, Mapping, Sequence
from itertools import groupby
from typing import Any

import torch
from torch import Tensor
from transformers import IdeficsForVisionText2Text

from chat.conversation import Image
from chat.images import decode
from chat.models.features import KeptFeatures
from chat.models.idefics_decoder import IdeficsDecoder
from chat.models.kv_cache import cropped
from chat.models.layout import branching, following, side_by_side
from chat.models.padded import PaddedState
from chat.models.preprocessing import view_of
from chat.models.sights import Sight, StackedSights, Stretch, StretchSights
from chat.models.state import KeptState
from chat.models.tokens import Key, PromptEncoder
from chat.prompt import END_OF_SEQUENCE, END_OF_UTTERANCE, IDEFICS, IDEFICS_BASE
from chat.seen import SeenPicture


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
        attentions = [layer.self_attn for layer in model.model.layers]
        width = sum(one.k_proj.out_features + one.v_proj.out_features for one in attentions)
        self.token_bytes = width * model.dtype.itemsize
        rows = model.config.perceiver_config.resampler_n_latents if model.config.use_resampler else _patch_count(model)
        crossed = [layer.cross_attn for layer in model.model.gated_cross_attn_layers]
        width = sum(one.k_proj.out_features + one.v_proj.out_features for one in crossed)
        self.picture_bytes = rows * (model.config.vision_config.embed_dim + width) * model.dtype.itemsize
        self.features = KeptFeatures(self._look)
        """Of every picture the latents (1, latents, width), and behind them what the decoder makes of them."""

    @torch.inference_mode()
    def _look(self, image: Image, _: threading.Event | None) -> tuple[Tensor, ...]:
        latents = self._patches(image)
        if self.model.config.use_resampler:
            latents = self.model.model.perceiver_resampler(latents)
        return (latents, *self._decoder.sight(latents))

    def _pixels(self, image: Image) -> Tensor:
        processed = self._image_processor([decode(image)], return_tensors="pt")
        pixels = processed if isinstance(processed, Tensor) else processed["pixel_values"]
        return pixels.reshape(1, *pixels.shape[-3:])

    def preprocess(self, image: Image) -> SeenPicture:
        """The square that a picture is squashed to; see `Engine.preprocess`."""
        return SeenPicture(view_of(self._pixels(image)[0], self._image_processor))

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
        sights = StretchSights([_stretches(_newest_pictures(state.latest_image, keys), self._sight_of(images))])
        layout = following(len(state), len(keys), self._like)
        logits = self._decoder.logits(self._ids([keys]), sights, layout, state.cache)
        state.computed(keys)
        return logits[0, -1]

    @torch.inference_mode()
    def compute_rows(self, state: PaddedState, columns: Sequence[Sequence[Key]]) -> Tensor:
        """Compute tokens of several prompts side by side; see `Engine.compute_rows`."""
        layout = side_by_side(len(state), len(columns[0]), state.padding, self._like)
        sights: StackedSights | StretchSights
        if len(state) < state.width:
            newest = [_newest_pictures(state.latest_image(row), keys) for row, keys in enumerate(columns)]
            sights = StretchSights([_stretches(row, lambda digest: state.seen[digest][1:]) for row in newest])
        else:
            sights = state.sights = state.sights or self._stacked(state)
        logits = self._decoder.logits(self._ids(columns), sights, layout, state.cache)
        state.computed(columns)
        return logits[:, -1]

    @staticmethod
    def _stacked(state: PaddedState) -> StackedSights:
        """What rows look at while they go on: no reply shows a picture, so that the newest one stays the newest."""
        latest = [state.latest_image(row) for row in range(len(state.rows))]
        return StackedSights([state.seen[digest][1:] if digest else None for digest in latest])

    @torch.inference_mode()
    def compute_branches(
        self, state: KeptState, branches: Sequence[Sequence[int]], images: Mapping[str, Image]
    ) -> Tensor:
        """Compute several ways on from what is in the state; see `Engine.compute_branches`."""
        keys = [(token_id, "") for branch in branches for token_id in branch]
        newest = _newest_pictures(state.latest_image, keys)
        sights = StretchSights([_stretches(newest, self._sight_of(images))])
        layout = branching(len(state), [len(branch) for branch in branches], self._like)
        with cropped(state.cache):
            return self._decoder.logits(self._ids([keys]), sights, layout, state.cache, only_last=False)[0]

    def _sight_of(self, images: Mapping[str, Image]) -> Callable[[str], Sight]:
        return lambda digest: self.features.of(images[digest])[1:]

    @property
    def _like(self) -> Tensor:
        """Of the dtype and on the device in which scores are computed."""
        return torch.empty(0, dtype=self.model.dtype, device=self.model.device)

    def _ids(self, rows: Sequence[Sequence[Key]]) -> Tensor:
        return torch.tensor([[token_id for token_id, _ in keys] for keys in rows], device=self.model.device)

    @torch.inference_mode()
    def generate_inputs(self, keys: Sequence[Key], images: Mapping[str, Image]) -> dict[str, Tensor]:
        """The arguments of transformers' own `generate` for a whole prompt."""
        ids = self._ids([keys])
        newest = _newest_pictures("", keys)
        order = list(dict.fromkeys(digest for digest in newest if digest))
        patches = [self._patches(images[digest]) for digest in order] or [self._no_picture()]
        columns = torch.tensor([order.index(digest) if digest else -1 for digest in newest], device=ids.device)
        mask = columns[:, None] == torch.arange(len(patches), device=ids.device)
        return {
            "input_ids": ids,
            "attention_mask": torch.ones_like(ids),
            "image_attention_mask": mask[None].long(),
            "image_hidden_states": torch.stack(patches, dim=1),
        }

    @torch.inference_mode()
    def _patches(self, image: Image) -> Tensor:
        """What the vision tower makes of a picture, (1, patches, width); `generate` resamples it by itself."""
        pixels = self._pixels(image).to(self.model.device, self.model.dtype)
        patches: Tensor = self.model.model.vision_model(pixel_values=pixels).last_hidden_state
        return patches

    def _no_picture(self) -> Tensor:
        """Patches for a prompt without pictures; the cross-attention's gate lets nothing of them through."""
        shape = (1, _patch_count(self.model), self.model.config.vision_config.embed_dim)
        return torch.zeros(shape, device=self.model.device, dtype=self.model.dtype)


def _patch_count(model: Any) -> int:
    """Vectors that the vision tower makes of a picture."""
    return int(model.model.vision_model.embeddings.num_positions)


def _stretches(newest: Sequence[str], sight_of: Callable[[str], Sight]) -> list[Stretch]:
    """A row's tokens by the picture that they look at, of each of which the newest one's digest is given."""
    stretches: list[Stretch] = []
    end = 0
    for digest, run in groupby(newest):
        start, end = end, end + len(list(run))
        stretches.append(Stretch(start, end, sight_of(digest) if digest else None))
    return stretches


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
