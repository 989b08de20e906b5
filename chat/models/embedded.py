"""Computes with Idefics2, Idefics3, SmolVLM and SmolVLM2: pictures to vectors of `<image>` tokens, tokens to logits.

A picture is a run of tokens like any other, whose embeddings come from the vision tower. So a picture is looked at
once, and whatever follows attends to it through the kept state. How many tokens stand for a picture, and into which
views of it they are parted, is the encoder's and the image processor's affair.
"""

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import torch
from torch import Tensor

from chat.conversation import Image
from chat.errors import GenerationError
from chat.images import decode
from chat.models.features import KeptFeatures, Seen
from chat.models.kv_cache import cropped
from chat.models.layout import branching, side_by_side
from chat.models.padded import PaddedState
from chat.models.preprocessing import seen_picture, view_of
from chat.models.state import KeptState
from chat.models.tokens import Key, PromptEncoder
from chat.prompt import END_OF_UTTERANCE, IMAGE, Dialect
from chat.seen import SeenPicture

if TYPE_CHECKING:
    import PIL.Image


@dataclass(frozen=True, slots=True)
class Eyes:
    """How a checkpoint is shown a picture."""

    processor: Any
    """The checkpoint's image processor, whose settings tell how pixels became values."""
    views: Callable[["PIL.Image.Image"], Mapping[str, Tensor]]
    """Gives a picture's `pixel_values` (1, views, 3, height, width) and their `pixel_attention_mask`."""
    grid: Callable[[Image], tuple[int, int]]
    """Tells the rows and columns of the tiles among the views; (0, 0) for a picture seen as a whole alone."""


_LARGE: Final = Image("0" * 64, 4096, 4096, "as large as is told apart", bytes)
"""Stands for a picture that takes as many tokens as any; its bytes are never read."""


class EmbeddedEngine:
    """A loaded checkpoint of a family whose pictures become embeddings among those of the words."""

    def __init__(
        self,
        model: Any,
        encoder: PromptEncoder,
        dialect: Dialect,
        eyes: Eyes,
    ) -> None:
        """Take over a loaded checkpoint.

        Args:
            model: In evaluation mode; a class of transformers with `get_image_features`.
            encoder: Of the checkpoint's tokenizer.
            dialect: That of the checkpoint's chat template.
            eyes: How it is shown a picture.
        """
        self.model = model
        self.encoder = encoder
        self.dialect = dialect
        self._eyes = eyes
        ids = encoder.control_ids
        self.utterance_id: int | None = ids[END_OF_UTTERANCE]
        self.eos_ids = _eos_ids(model) & encoder.added_ids
        vocabulary = model.config.text_config.vocab_size
        self.banned_ids = tuple(sorted(encoder.unsaid_ids(vocabulary, {ids[END_OF_UTTERANCE], *self.eos_ids})))
        self.image_size = int(model.config.vision_config.image_size)
        self.features = KeptFeatures(self._look)
        self.attends_packed = False
        text = model.config.text_config
        head = getattr(text, "head_dim", None) or text.hidden_size // text.num_attention_heads
        self.token_bytes = 2 * text.num_hidden_layers * text.num_key_value_heads * head * model.dtype.itemsize
        places = encoder.picture_ids(_LARGE).count(ids[IMAGE])
        self.picture_bytes = places * text.hidden_size * model.dtype.itemsize

    @torch.inference_mode()
    def _look(self, image: Image, stop: threading.Event | None) -> tuple[Tensor] | None:
        """The features of a picture, one tensor (image tokens, width); None when stopped between two views of it."""
        processed = self._eyes.views(decode(image))
        pixels = processed["pixel_values"].to(self.model.device)
        masks = processed["pixel_attention_mask"].to(self.model.device)
        # One view after the other: some are large, and the memory for one is enough.
        seen: list[Tensor] = []
        for view in zip(pixels.split(1, dim=1), masks.split(1, dim=1), strict=True):
            if stop is not None and stop.is_set():
                return None
            seen.append(self.model.model.get_image_features(*view).pooler_output[0])
        features = torch.cat(seen)
        places = self.encoder.picture_ids(image).count(self.encoder.control_ids[IMAGE])
        if len(features) != places:
            raise GenerationError(
                f"{image.name} takes {places:,} tokens of the prompt and the checkpoint sees it as {len(features):,}: "
                "its preprocessor_config.json and config.json do not fit together"
            )
        return (features,)

    def preprocess(self, image: Image) -> SeenPicture:
        """The views of a picture; see `Engine.preprocess`."""
        processed = self._eyes.views(decode(image))
        pixels, masks = processed["pixel_values"][0], processed["pixel_attention_mask"][0]
        views = [view_of(one, self._eyes.processor, mask) for one, mask in zip(pixels, masks, strict=True)]
        return seen_picture(views, *self._eyes.grid(image))

    @torch.inference_mode()
    def compute(self, state: KeptState, keys: Sequence[Key], images: Mapping[str, Image]) -> Tensor:
        """Compute tokens after those in the state and add them to it.

        Args:
            state: What is computed already.
            keys: The tokens to compute, at least one; they may begin or end within a picture.
            images: The conversation's pictures by digest.

        Returns:
            The logits of the last token, (vocabulary,).
        """
        output = self.model(
            inputs_embeds=self._embedded(keys, images, state.shown),
            cache=state.cache,
            use_cache=True,
            logits_to_keep=1,
        )
        state.computed(keys)
        logits: Tensor = output.logits[0, -1]
        return logits

    @torch.inference_mode()
    def compute_rows(self, state: PaddedState, columns: Sequence[Sequence[Key]]) -> Tensor:
        """Compute tokens of several prompts side by side; see `Engine.compute_rows`."""
        rows = [
            self._embedded_seen(keys, state.seen, partial(_shown, state.rows[row])) for row, keys in enumerate(columns)
        ]
        layout = side_by_side(len(state), len(columns[0]), state.padding, rows[0])
        output = self.model(
            inputs_embeds=torch.cat(rows),
            attention_mask=layout.mask,
            position_ids=layout.places,
            cache=state.cache,
            use_cache=True,
            logits_to_keep=1,
        )
        state.computed(columns)
        logits: Tensor = output.logits[:, -1]
        return logits

    @torch.inference_mode()
    def compute_branches(
        self, state: KeptState, branches: Sequence[Sequence[int]], images: Mapping[str, Image]
    ) -> Tensor:
        """Compute several ways on from what is in the state; see `Engine.compute_branches`."""
        keys = [(token_id, "") for branch in branches for token_id in branch]
        embedded = self._embedded(keys, images, state.shown)
        layout = branching(len(state), [len(branch) for branch in branches], embedded)
        with cropped(state.cache):
            output = self.model(
                inputs_embeds=embedded,
                attention_mask=layout.mask,
                position_ids=layout.places,
                cache=state.cache,
                use_cache=True,
            )
        logits: Tensor = output.logits[0]
        return logits

    def _embedded(self, keys: Sequence[Key], images: Mapping[str, Image], shown: Callable[[str], int]) -> Tensor:
        """The vectors that the language model gets for tokens, (1, tokens, width); looks at pictures not yet seen."""
        digests = dict.fromkeys(digest for _, digest in keys if digest)
        return self._embedded_seen(keys, {digest: self.features.of(images[digest]) for digest in digests}, shown)

    def _embedded_seen(self, keys: Sequence[Key], seen: Mapping[str, Seen], shown: Callable[[str], int]) -> Tensor:
        """The vectors that the language model gets for tokens, (1, tokens, width).

        Args:
            keys: The tokens.
            seen: What was seen in their pictures, by digest.
            shown: Tells how many tokens of a picture stand before these.
        """
        embedded: Tensor = self.model.get_input_embeddings()(self._ids(keys))
        places: dict[str, list[int]] = {}
        for place, (_, digest) in enumerate(keys):
            if digest:
                places.setdefault(digest, []).append(place)
        for digest, own in places.items():
            (features,) = seen[digest]
            # A picture that is shown again goes on where it ended before: at its beginning.
            rows = (shown(digest) + torch.arange(len(own), device=features.device)) % len(features)
            embedded[0, own] = features[rows].to(embedded.device, embedded.dtype)
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
            "inputs_embeds": self._embedded(keys, images, lambda _: 0),
        }


def _shown(keys: Sequence[Key], digest: str) -> int:
    """How many of these tokens are those of a picture."""
    return sum(shown == digest for _, shown in keys)


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
