"""The language model of IDEFICS, computed for one conversation at a time with everything that earlier work has left.

The modules and the mathematics are those of transformers' `modeling_idefics`; what differs is what is not done: keys
and values that cross-attention makes of a picture are made once and not for every token, a token meets the latents of
the one picture it attends to and not those of all, and the last layer computes the last token alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from accelerate.utils import align_module_device
from torch import Tensor
from transformers import IdeficsForVisionText2Text

from chat.models.attention import attend
from chat.models.kv_cache import GrowingCache

Sight = tuple[Tensor, ...]
"""A picture as the decoder takes it: of every cross-attention layer the keys, then the values, each
(1, heads, latents, head width)."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """Neighbouring tokens that attend to one picture, or to none."""

    start: int
    end: int
    sight: Sight | None


@dataclass(frozen=True, slots=True)
class _Cross:
    """A cross-attention layer, what its gates let through, and where it computes."""

    layer: Any
    attention_gate: Tensor
    dense_gate: Tensor
    device: torch.device


@dataclass(frozen=True, slots=True)
class _Block:
    """A layer of the language model, with the cross-attention layer before it where there is one."""

    layer: Any
    cross: _Cross | None
    device: torch.device


class IdeficsDecoder:
    """Tokens to logits."""

    def __init__(self, model: IdeficsForVisionText2Text) -> None:
        """Take over a loaded model in evaluation mode."""
        self._model = model
        interval = model.config.cross_layer_interval
        cross_layers = model.model.gated_cross_attn_layers
        self._blocks = [
            _block(layer, cross_layers[number // interval] if number % interval == 0 else None)
            for number, layer in enumerate(model.model.layers)
        ]

    def sight(self, latents: Tensor) -> Sight:
        """What the cross-attention layers make of a picture's latents (1, latents, width)."""
        parts: list[Tensor] = []
        for block in self._blocks:
            if block.cross:
                attention = block.cross.layer.cross_attn
                here = latents.to(block.cross.device)
                keys = _in_heads(attention.k_proj(here), attention)
                parts.append(attention.k_layer_norm(keys) if attention.qk_layer_norms else keys)
                parts.append(_in_heads(attention.v_proj(here), attention))
        return tuple(parts)

    def logits(self, ids: Tensor, stretches: Sequence[Stretch], cache: GrowingCache) -> Tensor:
        """Compute tokens after those in the cache and add them to it.

        Args:
            ids: The tokens, (1, tokens).
            stretches: All tokens by the picture that they attend to, in order.
            cache: What is computed already.

        Returns:
            The logits of the last token, (vocabulary,).
        """
        past, count = cache.get_seq_length(), ids.shape[1]
        hidden = self._model.model.embed_tokens(ids)
        places = torch.arange(past, past + count, device=hidden.device)[None]
        angles = self._blocks[0].layer.self_attn.rotary_emb(hidden, places)
        later = _causal_mask(count, hidden)
        sights = iter(range(0, 2 * len(self._blocks), 2))
        for number, block in enumerate(self._blocks):
            if block.cross:
                hidden = _crossed(block.cross, hidden.to(block.cross.device), stretches, next(sights))
            hidden = hidden.to(block.device)
            is_last = number == len(self._blocks) - 1
            hidden = _decoded(block, hidden, angles, later, cache, number, only_last=is_last)
        logits: Tensor = self._model.lm_head(self._model.model.norm(hidden))[0, -1]
        return logits.to(ids.device)


def _block(layer: Any, cross_layer: Any) -> _Block:
    return _Block(layer, None if cross_layer is None else _cross(cross_layer), _device(layer))


def _cross(layer: Any) -> _Cross:
    device = _device(layer)
    # Of a layer that lies on disk or in main memory, what a hook brings to the device where it computes.
    with align_module_device(layer):
        attention_gate = torch.tanh(layer.alpha_cross_attn.detach()).to(device)
        dense_gate = torch.tanh(layer.alpha_dense.detach()).to(device)
    return _Cross(layer, attention_gate, dense_gate, device)


def _device(layer: Any) -> torch.device:
    """Where a layer computes, whichever place its weights lie in meanwhile."""
    with align_module_device(layer.input_layernorm):
        device: torch.device = layer.input_layernorm.weight.device
    return device


def _in_heads(rows: Tensor, attention: Any) -> Tensor:
    """(1, tokens, width) as (1, heads, tokens, head width)."""
    return rows.view(1, rows.shape[1], attention.num_heads, attention.head_dim).transpose(1, 2)


def _joined(heads: Tensor) -> Tensor:
    """(1, heads, tokens, head width) as (1, tokens, width)."""
    return heads.transpose(1, 2).flatten(2)


def _causal_mask(count: int, like: Tensor) -> Tensor | None:
    """What is added to the scores of new tokens for each other, (new, new); None for one alone."""
    if count == 1:
        return None
    return torch.full((count, count), -torch.inf, dtype=like.dtype, device=like.device).triu(1)


def _rotated(heads: Tensor, angles: tuple[Tensor, Tensor]) -> Tensor:
    """Queries or keys turned by their places, by cosines and sines (1, tokens, head width)."""
    cosines, sines = angles
    first, second = heads.chunk(2, dim=-1)
    return heads * cosines[:, None] + torch.cat((-second, first), dim=-1) * sines[:, None]


def _crossed(cross: _Cross, hidden: Tensor, stretches: Sequence[Stretch], place: int) -> Tensor:
    """Tokens (1, tokens, width) after a cross-attention layer, whose keys stand at `place` in every sight."""
    layer, attention = cross.layer, cross.layer.cross_attn
    if any(stretch.sight for stretch in stretches):
        queries = _in_heads(attention.q_proj(layer.input_layernorm(hidden)), attention)
        if attention.qk_layer_norms:
            queries = attention.q_layer_norm(queries)
        attended = [
            attend(queries[:, :, stretch.start : stretch.end], stretch.sight[place], stretch.sight[place + 1])
            if stretch.sight
            else torch.zeros_like(queries[:, :, stretch.start : stretch.end])
            for stretch in stretches
        ]
        looked = attended[0] if len(attended) == 1 else torch.cat(attended, dim=2)
        hidden = hidden + cross.attention_gate * attention.o_proj(_joined(looked))
    fed: Tensor = hidden + cross.dense_gate * layer.mlp(layer.post_attention_layernorm(hidden))
    return fed


def _decoded(
    block: _Block,
    hidden: Tensor,
    angles: tuple[Tensor, Tensor],
    later: Tensor | None,
    cache: GrowingCache,
    number: int,
    *,
    only_last: bool,
) -> Tensor:
    """Tokens (1, tokens, width) after a layer of the language model; only the last one where nobody needs the rest."""
    layer, attention = block.layer, block.layer.self_attn
    angles = (angles[0].to(block.device), angles[1].to(block.device))
    normed = layer.input_layernorm(hidden)
    keys = _rotated(_in_heads(attention.k_proj(normed), attention), angles)
    keys, values = cache.update(keys, _in_heads(attention.v_proj(normed), attention), number)
    if only_last:
        hidden, normed, later = hidden[:, -1:], normed[:, -1:], None
        angles = (angles[0][:, -1:], angles[1][:, -1:])
    queries = _rotated(_in_heads(attention.q_proj(normed), attention), angles)
    mask = None if later is None else later.to(block.device)
    attended = attend(queries, keys, values, mask, cache.packed(number))
    hidden = hidden + attention.o_proj(_joined(attended))
    fed: Tensor = hidden + layer.mlp(layer.post_attention_layernorm(hidden))
    return fed
