"""Scaled dot-product attention of new tokens to all tokens so far, in the way that is fastest for how many are new.

Torch's own is made for long stretches of text. On a CPU in full precision, for a question or a single token after a
long conversation, products of whole matrices are up to a third faster; they differ by no more than rounding.
"""

from typing import Final

import torch
from torch import Tensor
from torch.nn.functional import pad, scaled_dot_product_attention

from chat.models.packed import PackedPast, can_pack

_FEW: Final = 64
"""From so many new tokens on, torch's own attention is as fast, and needs no room for all scores at once."""
_FEWEST_PACKED: Final = 8
"""From so many new tokens on, packed keys and values are faster than plain ones."""


def attend(
    queries: Tensor, keys: Tensor, values: Tensor, later: Tensor | None = None, packed: PackedPast | None = None
) -> Tensor:
    """Scaled dot-product attention.

    Args:
        queries: Of the new tokens, (rows, heads, new, head width).
        keys: Of all tokens that they may attend to, (rows, heads, all, head width).
        values: Likewise.
        later: What is added to the scores of new tokens for each other, (new, new), which are the last of all; or to
            those for all tokens, (1 or rows, 1, new, all). None where every new token attends to all.
        packed: The first of the keys and values once more, where they are packed.

    Returns:
        (rows, heads, new, head width).
    """
    rows, _, new, _ = queries.shape
    if rows > 1 or (later is not None and later.dim() > 2):
        mask = later if later is None or later.dim() > 2 else pad(later, (keys.shape[2] - new, 0))
        return scaled_dot_product_attention(queries, keys, values, attn_mask=mask)
    if not can_pack(keys) or new >= _FEW:
        mask = None if later is None else pad(later, (keys.shape[2] - new, 0))
        return scaled_dot_product_attention(queries, keys, values, attn_mask=mask)
    if packed is not None and later is not None and new >= _FEWEST_PACKED:
        return packed.attend(queries, keys, values, later)
    scaled = queries[0] * queries.shape[-1] ** -0.5
    if new == 1:
        # With the one vector at the right, the keys are read in the order in which they lie.
        scores = torch.bmm(keys[0], scaled.transpose(1, 2)).transpose(1, 2)
    else:
        scores = torch.bmm(scaled, keys[0].transpose(1, 2))
        if later is not None:
            scores[:, :, -new:] += later
    return torch.bmm(scores.softmax(dim=2), values[0])[None]
