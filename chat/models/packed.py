"""Matrices in the layout that a CPU's multiplication routines work with fastest.

A question is a few dozen tokens. For so few rows a plain multiplication spends a third to a half of its time on
bringing the other matrix into the order in which the routine reads it, every time anew. What stays the same from
question to question, weights and the keys and values of what was said before, is packed once. The results differ from
those of plain multiplications by no more than rounding.
"""

from typing import Any, Final

import torch
from torch import Tensor, nn

_ROWS: Final = 16
"""Of the products that the layout is chosen for; it was the fastest, or nearly so, from 1 row to 700."""


def can_pack(like: Tensor) -> bool:
    """Whether matrices like this one can be packed: in full precision, on a CPU, by a torch that has the routines."""
    has_routines = torch.backends.mkldnn.is_available() and hasattr(torch.ops.mkldnn, "_reorder_linear_weight")
    return has_routines and like.device.type == "cpu" and like.dtype == torch.float32


class PackedLinear(nn.Module):
    """Stands in for a `torch.nn.Linear` that is not trained any more."""

    def __init__(self, linear: nn.Linear) -> None:
        """Pack a layer's weight; the layer itself can be dropped then."""
        super().__init__()
        self.in_features, self.out_features = linear.in_features, linear.out_features
        self.bias = linear.bias
        self._weight = _packed(linear.weight.detach())

    def forward(self, rows: Tensor) -> Tensor:
        """The products of rows (..., in) with the weight, (..., out)."""
        return _product(rows, self._weight, self.bias)


def pack_linears(model: nn.Module) -> None:
    """Replace a model's plain linear layers by packed ones, one after the other, so that none is held twice for long.

    Of a weight that another module uses as well, as some heads do with the embeddings, nothing is packed.
    """
    shared = {id(module.weight) for module in model.modules() if isinstance(module, nn.Embedding)}
    # Without the layers themselves: a list of those would hold every one until the last is replaced.
    for module in [module for module in model.modules() if not isinstance(module, nn.Linear)]:
        for name, child in list(module.named_children()):
            if not isinstance(child, nn.Linear) or id(child.weight) in shared or not can_pack(child.weight):
                continue
            if type(child) is nn.Linear:
                setattr(module, name, PackedLinear(child))
            elif isinstance(getattr(child, "additional_fc", None), nn.Linear):
                setattr(module, name, PackedHead(child))


class PackedHead(nn.Module):
    """Stands in for the head of IDEFICS, whose special tokens have a weight of their own."""

    def __init__(self, head: Any) -> None:
        """Pack both weights; the head itself can be dropped then."""
        super().__init__()
        self.words, self.specials = PackedLinear(head), PackedLinear(head.additional_fc)

    def forward(self, rows: Tensor) -> Tensor:
        """The logits of rows (..., width), words first, (..., vocabulary)."""
        return torch.cat((self.words(rows), self.specials(rows)), dim=-1)


class PackedPast:
    """The keys and values of the first tokens of a conversation, for one layer."""

    def __init__(self, keys: Tensor, values: Tensor) -> None:
        """Pack keys and values, each (1, heads, tokens, head width)."""
        self.length = keys.shape[2]
        self.nbytes = keys.nbytes + values.nbytes
        self._keys = [_packed(head.contiguous()) for head in keys[0]]
        self._values = [_packed(head.t().contiguous()) for head in values[0]]

    def attend(self, queries: Tensor, keys: Tensor, values: Tensor, later: Tensor) -> Tensor:
        """Scaled dot-product attention of new tokens to all tokens.

        Args:
            queries: Of the new tokens, (1, heads, new, head width).
            keys: Of all tokens, (1, heads, all, head width); those of the first ones are not read.
            values: Likewise.
            later: What is added to the scores of new tokens for each other, (new, new).

        Returns:
            (1, heads, new, head width).
        """
        scaled = queries[0] * queries.shape[-1] ** -0.5
        heads, new, _ = scaled.shape
        scores = scaled.new_empty(heads, new, keys.shape[2])
        for head, packed in enumerate(self._keys):
            scores[head, :, : self.length] = _product(scaled[head], packed)
        since = keys[0, :, self.length :].transpose(1, 2)
        scores[:, :, self.length :] = torch.bmm(scaled, since)
        scores[:, :, -new:] += later
        weights = torch.softmax(scores, dim=2, out=scores)
        seen = torch.bmm(weights[:, :, self.length :], values[0, :, self.length :])
        for head, packed in enumerate(self._values):
            seen[head] += _product(weights[head, :, : self.length], packed)
        return seen[None]


def _packed(matrix: Tensor) -> Tensor:
    packed: Tensor = torch.ops.mkldnn._reorder_linear_weight(matrix, _ROWS)
    return packed


def _product(rows: Tensor, packed: Tensor, bias: Tensor | None = None) -> Tensor:
    """Rows (..., in) by a packed matrix (out, in), (..., out)."""
    product: Tensor = torch.ops.mkldnn._linear_pointwise(rows, packed, bias, "none", [], "")
    return product
