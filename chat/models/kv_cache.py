"""The keys and values of one conversation in buffers with room to grow.

The cache that transformers grows by itself copies everything it holds for every new token. Here a new token is written
into its place; only when the room is used up is a larger buffer taken.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, Final

import torch
from torch import Tensor
from transformers import Cache, DynamicLayer

from chat.models.packed import PackedPast, can_pack

_LEAST_ROOM: Final = 512
"""Tokens that a buffer has room for at first."""
GROWTH: Final = 1.5
"""How much larger the next buffer is, so that copying takes a constant share of the work however long it becomes."""
_LEAST_PACKED: Final = 1024
"""Tokens; packing fewer saves nothing."""
_PACKED_SHARE: Final = 15 / 16
"""Of the tokens held; with fewer packed, all are packed anew."""


class GrowingLayer(DynamicLayer):
    """Keys and values of one layer, each (rows, heads, tokens, head width)."""

    def __init__(self, least_room: int = _LEAST_ROOM) -> None:
        """Hold nothing yet.

        Args:
            least_room: Tokens that the first buffer has room for.
        """
        super().__init__()
        self._least_room = least_room

    def lazy_initialization(self, key_states: Tensor, value_states: Tensor) -> None:
        """Take the first buffers, shaped like these states."""
        self.dtype, self.device = key_states.dtype, key_states.device
        self._key_room = key_states.new_empty(0)
        self._value_room = value_states.new_empty(0)
        self.keys, self.values = key_states[..., :0, :], value_states[..., :0, :]
        self.packed: PackedPast | None = None
        """The first of the keys and values once more, in a layout of their own."""
        self.is_initialized = True

    def update(self, key_states: Tensor, value_states: Tensor, *args: Any, **kwargs: Any) -> tuple[Tensor, Tensor]:
        """Add tokens; gives the keys and values of all tokens so far."""
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
        start = self.keys.shape[-2]
        end = start + key_states.shape[-2]
        self.make_room(end)
        self._key_room[..., start:end, :] = key_states
        self._value_room[..., start:end, :] = value_states
        return self._show(end)

    def make_room(self, tokens: int) -> None:
        """See to it that so many tokens fit, those held included."""
        if not self.is_initialized or tokens <= self.room:
            return
        length = self.keys.shape[-2]
        room = max(tokens, int(self.room * GROWTH), self._least_room)
        self._key_room = _larger(self.keys, room)
        self._value_room = _larger(self.values, room)
        self._show(length)

    @property
    def room(self) -> int:
        """Tokens that fit into the buffers."""
        return int(self._key_room.shape[-2]) if self._key_room.dim() > 1 else 0

    @property
    def nbytes(self) -> int:
        """Bytes of the buffers."""
        if not self.is_initialized:
            return 0
        return int(self._key_room.nbytes + self._value_room.nbytes) + (self.packed.nbytes if self.packed else 0)

    def pack(self) -> None:
        """Pack what is held, where that pays."""
        length = self.keys.shape[-2] if self.is_initialized else 0
        if length < _LEAST_PACKED or not can_pack(self.keys):
            return
        if self.packed is None or self.packed.length < length * _PACKED_SHARE:
            self.packed = PackedPast(self.keys, self.values)

    def unpack(self) -> None:
        """Let go of what is held twice."""
        if self.is_initialized:
            self.packed = None

    def crop(self, tokens_to_remove: int) -> None:
        """Forget the last tokens; as in transformers, their number is given as a negative one."""
        if self.is_initialized and tokens_to_remove:
            length = self.keys.shape[-2] + tokens_to_remove
            self._show(length)
            if self.packed and self.packed.length > length:
                self.packed = None

    def keep_rows(self, rows: Sequence[int]) -> None:
        """Let go of all rows but these."""
        length = self.keys.shape[-2]
        self._key_room, self._value_room = self._key_room[list(rows)], self._value_room[list(rows)]
        self._show(length)

    def copied(self, length: int) -> "GrowingLayer":
        """Another layer that holds the first tokens of this one."""
        layer = GrowingLayer()
        if self.is_initialized:
            layer.update(self.keys[..., :length, :], self.values[..., :length, :])
        return layer

    def _show(self, length: int) -> tuple[Tensor, Tensor]:
        self.keys = self._key_room[..., :length, :]
        self.values = self._value_room[..., :length, :]
        return self.keys, self.values


class GrowingCache(Cache):
    """What every layer of a model has computed, of one conversation or of several prompts side by side."""

    def __init__(self, layers: list[GrowingLayer] | None = None, *, least_room: int = _LEAST_ROOM) -> None:
        """Hold what layers hold, or nothing yet.

        Args:
            layers: Of another cache.
            least_room: Tokens that the first buffers have room for.
        """
        replicate = partial(GrowingLayer, least_room)
        super().__init__(**({"layers": layers} if layers else {"layer_class_to_replicate": replicate}))

    @property
    def nbytes(self) -> int:
        """Bytes of all buffers."""
        return sum(layer.nbytes for layer in self.layers)

    @property
    def packed_nbytes(self) -> int:
        """Bytes of what is held twice."""
        return sum(layer.packed.nbytes for layer in self.layers if layer.is_initialized and layer.packed)

    @property
    def packed_cost(self) -> int:
        """Bytes that packing would add at the most."""
        return sum(int(layer.keys.nbytes + layer.values.nbytes) for layer in self.layers if layer.is_initialized)

    @property
    def room(self) -> int:
        """Tokens that fit into the buffers."""
        return self.layers[0].room if self.layers else 0

    def make_room(self, tokens: int) -> None:
        """See to it that so many tokens fit, those held included."""
        for layer in self.layers:
            layer.make_room(tokens)

    def keep_rows(self, rows: Sequence[int]) -> None:
        """Let go of all rows but these."""
        for layer in self.layers:
            layer.keep_rows(rows)

    def pack(self) -> None:
        """Pack what is held, where that pays."""
        for layer in self.layers:
            layer.pack()

    def unpack(self) -> None:
        """Let go of what is held twice."""
        for layer in self.layers:
            layer.unpack()

    def packed(self, number: int) -> PackedPast | None:
        """What is packed of a layer."""
        packed: PackedPast | None = self.layers[number].packed
        return packed

    def copied(self, length: int) -> "GrowingCache":
        """Another cache that holds the first tokens of this one."""
        return GrowingCache([layer.copied(length) for layer in self.layers])

    def moved(self, length: int) -> "GrowingCache":
        """Another cache that holds the first tokens of this one, which then holds none."""
        layers: list[GrowingLayer] = []
        while self.layers:
            layers.append(self.layers.pop(0).copied(length))
        return GrowingCache(layers)


@contextmanager
def cropped(cache: GrowingCache) -> Iterator[None]:
    """Take back, at the end, the tokens that were added meanwhile."""
    length = cache.get_seq_length()
    try:
        yield
    finally:
        for layer in cache.layers:
            # Where a forward pass broke off, some have no more than before.
            layer.crop(length - layer.get_seq_length())


def _larger(held: Tensor, room: int) -> Tensor:
    """A buffer with room for more tokens that begins with those held."""
    *outer, length, width = held.shape
    buffer = torch.empty((*outer, room, width), dtype=held.dtype, device=held.device)
    buffer[..., :length, :] = held
    return buffer
