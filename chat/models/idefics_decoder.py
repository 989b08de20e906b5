"""The language model of IDEFICS, computed with everything that earlier work has left.

The modules and the mathematics are those of transformers' `modeling_idefics`; what differs is what is not done: keys
and values that cross-attention makes of a picture are made once and not for every token, a token meets the latents of
the one picture it attends to and not those of all, and the last layer computes the last token alone.
"""

from dataclasses import dataclass
from typing import Any

import torch
from accelerate.utils import align_module_device
from torch import Tensor
from transformers import IdeficsForVisionText2Text

from chat.models.attention import attend
from chat.models.kv_cache import GrowingCache
from chat.models.layout import Layout
from chat.models.sights import Sight, Sights


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

    def logits(
        self, ids: Tensor, sights: Sights, layout: Layout, cache: GrowingCache, *, only_last: bool = True
    ) -> Tensor:
        """Compute tokens after those in the cache and add them to it.

        Args:
            ids: The tokens, (rows, new).
            sights: What they look at.
            layout: Their places, and what each sees of all tokens.
            cache: What is computed already.
            only_last: Whether nobody needs the logits of other tokens than every row's last.

        Returns:
            The logits, (rows, 1 or new, vocabulary).
        """
        hidden = self._model.model.embed_tokens(ids)
        angles = self._blocks[0].layer.self_attn.rotary_emb(hidden, layout.places)
        cross_number = 0
        for number, block in enumerate(self._blocks):
            if block.cross:
                hidden = _crossed(block.cross, hidden.to(block.cross.device), sights, cross_number)
                cross_number += 1
            hidden = hidden.to(block.device)
            is_last = only_last and number == len(self._blocks) - 1
            hidden = _decoded(block, hidden, angles, layout.mask, cache, number, only_last=is_last)
        logits: Tensor = self._model.lm_head(self._model.model.norm(hidden))
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
    """(rows, tokens, width) as (rows, heads, tokens, head width)."""
    return rows.view(*rows.shape[:2], attention.num_heads, attention.head_dim).transpose(1, 2)


def _joined(heads: Tensor) -> Tensor:
    """(rows, heads, tokens, head width) as (rows, tokens, width)."""
    return heads.transpose(1, 2).flatten(2)


def _rotated(heads: Tensor, angles: tuple[Tensor, Tensor]) -> Tensor:
    """Queries or keys turned by their places, by cosines and sines (1 or rows, tokens, head width)."""
    cosines, sines = angles
    first, second = heads.chunk(2, dim=-1)
    return heads * cosines[:, None] + torch.cat((-second, first), dim=-1) * sines[:, None]


def _crossed(cross: _Cross, hidden: Tensor, sights: Sights, number: int) -> Tensor:
    """Tokens (rows, tokens, width) after a cross-attention layer, of which `number` are before it."""
    layer, attention = cross.layer, cross.layer.cross_attn
    if not sights.is_blind:
        queries = _in_heads(attention.q_proj(layer.input_layernorm(hidden)), attention)
        if attention.qk_layer_norms:
            queries = attention.q_layer_norm(queries)
        looked = sights.attended(queries, number)
        hidden = hidden + cross.attention_gate * attention.o_proj(_joined(looked))
    fed: Tensor = hidden + cross.dense_gate * layer.mlp(layer.post_attention_layernorm(hidden))
    return fed


def _decoded(
    block: _Block,
    hidden: Tensor,
    angles: tuple[Tensor, Tensor],
    mask: Tensor | None,
    cache: GrowingCache,
    number: int,
    *,
    only_last: bool,
) -> Tensor:
    """Tokens (rows, tokens, width) after a layer of the language model; only the last where nobody needs the rest."""
    layer, attention = block.layer, block.layer.self_attn
    angles = (angles[0].to(block.device), angles[1].to(block.device))
    normed = layer.input_layernorm(hidden)
    keys = _rotated(_in_heads(attention.k_proj(normed), attention), angles)
    keys, values = cache.update(keys, _in_heads(attention.v_proj(normed), attention), number)
    if only_last:
        hidden, normed, mask = hidden[:, -1:], normed[:, -1:], _of_last(mask)
        angles = (angles[0][:, -1:], angles[1][:, -1:])
    queries = _rotated(_in_heads(attention.q_proj(normed), attention), angles)
    mask = None if mask is None else mask.to(block.device)
    attended = attend(queries, keys, values, mask, cache.packed(number))
    hidden = hidden + attention.o_proj(_joined(attended))
    fed: Tensor = hidden + layer.mlp(layer.post_attention_layernorm(hidden))
    return fed


def _of_last(mask: Tensor | None) -> Tensor | None:
    """What the last token may see of a mask; one that is for new tokens alone hides nothing from it."""
    return None if mask is None or mask.dim() == 2 else mask[:, :, -1:]
