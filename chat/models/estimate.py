"""Tells what a checkpoint takes of memory before it is loaded, from config.json and the headers of its weights alone.

What is counted is what loading it and talking with it adds to this process, on the device that computes: the weights;
the keys and values of a conversation as long as the checkpoint can hold; what is kept of pictures; and the most that
the work itself takes for a moment. What Python and torch take by themselves is not counted.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from chat.models.headers import TensorHeader

PICTURES: Final = 8
"""Pictures in the conversation that is reckoned with."""
PREFILL_CHUNK: Final = 256
"""Tokens of a prompt that are computed at once, at the most."""

_BYTES: Final = {"float32": 4, "float16": 2, "bfloat16": 2}
_FIRST_USE: Final = 52 * 2**20
"""What the libraries take when they first compute: their code, which is read as it is needed, and workspaces."""
_FULL_PRECISION: Final = 28 * 2**20
"""What they take besides for full precision, whose routines on a CPU are others; less for few weights."""
_FIRST_DEQUANTIZING: Final = 8 * 2**20
"""What bitsandbytes takes besides; less for few weights."""
_LAYER: Final = re.compile(r"^(?P<stack>.*layers)\.(?P<number>\d+)\.(?P<rest>.*)$")
_BLOCK: Final = 64
"""Numbers that share a scale in 4 bits; rows of another length cannot be quantized."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a checkpoint takes of memory, in bytes."""

    weights: int
    state: int
    """Keys and values of a conversation of `tokens` tokens."""
    pictures: int
    """What is kept of `PICTURES` pictures."""
    working: int
    """The most that a forward pass takes besides all that."""
    tokens: int
    largest_layer: int
    resident: int
    """Of the weights, what does not belong to the layers of the language model."""

    @property
    def total(self) -> int:
        """All together."""
        return self.weights + self.state + self.pictures + self.working


def estimate(
    config: Mapping[str, Any],
    tensors: Mapping[str, TensorHeader],
    *,
    dtype: str,
    quantize: str = "none",
    tokens: int | None = None,
    pictures: int = PICTURES,
) -> Estimate:
    """What a checkpoint takes.

    Args:
        config: The content of config.json.
        tensors: The headers of all its weights.
        dtype: `float32`, `float16` or `bfloat16`; that of what is not quantized.
        quantize: `none`, `8bit` or `4bit`.
        tokens: Length of the conversation; the longest possible one where it is left out.
        pictures: How many of them it has.
    """
    outline = _Outline(config, tensors)
    width = _BYTES[dtype]
    taken = {name: _stored(name, tensor, outline, width, quantize) for name, tensor in outline.kept()}
    layers: dict[str, int] = {}
    for name, count in taken.items():
        if layer := outline.layer_of(name):
            layers[layer] = layers.get(layer, 0) + count
    weights = sum(taken.values())
    tokens = context_length(config) if tokens is None else tokens
    return Estimate(
        weights=weights,
        state=outline.state_numbers * tokens * width,
        pictures=outline.picture_numbers * pictures * width,
        working=_working(outline, tokens, width, quantize) + _used(weights, width, quantize),
        tokens=tokens,
        largest_layer=max(layers.values(), default=0),
        resident=weights - sum(layers.values()),
    )


def context_length(config: Mapping[str, Any]) -> int:
    """Tokens that a checkpoint was made for, prompt and reply together."""
    if config.get("model_type") == "idefics":
        return int(config.get("max_position_embeddings") or config.get("max_sequence_length") or 2048)
    text = config.get("text_config", {})
    if config.get("model_type") == "idefics2":
        # What fits into one window of attention: no token is ever out of sight, and an edit can take back any.
        return int(min(text.get("max_position_embeddings", 32768), text.get("sliding_window", 4096) or 32768))
    return int(text.get("max_position_embeddings") or 2048)


class _Outline:
    """What the names and shapes of the tensors tell of the model."""

    def __init__(self, config: Mapping[str, Any], tensors: Mapping[str, TensorHeader]) -> None:
        self._config = config
        self._tensors = tensors
        self.is_first = config.get("model_type") == "idefics"
        """Whether it is IDEFICS itself, whose pictures are attended to and not embedded among the words."""
        first_stacks = ("model.layers", "model.gated_cross_attn_layers")
        self._stacks = first_stacks if self.is_first else ("model.text_model.layers",)
        self.state_numbers = sum(
            self._rows(name) for name in self._layers("self_attn.k_proj.weight", "self_attn.v_proj.weight")
        )
        """Keys and values of one token."""
        self.hidden = self._columns(self.embedding)
        self.vocabulary = self._rows(self.embedding)
        self.inner = max(map(self._rows, self._layers("mlp.up_proj.weight")), default=0)
        self.queries = max(map(self._rows, self._layers("self_attn.q_proj.weight")), default=0)
        self.keys = max(map(self._rows, self._layers("self_attn.k_proj.weight")), default=0)
        self.largest_matrix = max((tensors[name].count for name in tensors if self.layer_of(name)), default=0)
        patches = self._shape("model.vision_model.embeddings.position_embedding.weight")
        self.patches, self.seen_hidden = (*patches, 0, 0)[:2]
        self.seen_inner = self._rows("model.vision_model.encoder.layers.0.mlp.fc1.weight")
        self.picture_numbers = self._picture_numbers()

    @property
    def embedding(self) -> str:
        """Name of the words' vectors."""
        return "model.embed_tokens.weight" if self.is_first else "model.text_model.embed_tokens.weight"

    def kept(self) -> Iterator[tuple[str, TensorHeader]]:
        """Every tensor that is held in memory: a head that shares the words' vectors is not held once more."""
        for name, tensor in self._tensors.items():
            if not (self.is_tied and name == "lm_head.weight" and self.embedding in self._tensors):
                yield name, tensor

    @property
    def is_tied(self) -> bool:
        """Whether the head is the words' vectors."""
        text = self._config.get("text_config", {})
        return bool(self._config.get("tie_word_embeddings", text.get("tie_word_embeddings", False)))

    def layer_of(self, name: str) -> str:
        """The layer of the language model that a tensor belongs to, or an empty string."""
        match = _LAYER.match(name)
        return f"{match['stack']}.{match['number']}" if match and match["stack"] in self._stacks else ""

    def is_quantized(self, name: str, tensor: TensorHeader) -> bool:
        """Whether a tensor is one of those that are: the language model's matrices, and nothing that sees."""
        is_matrix = len(tensor.shape) == 2 and name.endswith("proj.weight")
        return bool(self.layer_of(name)) and is_matrix and tensor.shape[1] % _BLOCK == 0

    def _picture_numbers(self) -> int:
        """Numbers that are kept of one picture."""
        if self.is_first:
            rows, width = (*self._shape("model.perceiver_resampler.latents"), 0, 0)[:2]
            if not rows:
                rows, width = self.patches, self.seen_hidden
            crossed = self._layers("cross_attn.k_proj.weight", "cross_attn.v_proj.weight")
            return rows * (width + sum(map(self._rows, crossed)))
        latents = self._shape("model.connector.perceiver_resampler.latents")
        scale = int(self._config.get("scale_factor") or 2)
        return (latents[0] if latents else self.patches // scale**2) * self.hidden

    def _layers(self, *endings: str) -> list[str]:
        """The tensors of the language model's layers whose names end so."""
        return [name for name in self._tensors if self.layer_of(name) and name.endswith(endings)]

    def _shape(self, name: str) -> tuple[int, ...]:
        return self._tensors[name].shape if name in self._tensors else ()

    def _rows(self, name: str) -> int:
        return (*self._shape(name), 0)[0]

    def _columns(self, name: str) -> int:
        return (*self._shape(name), 0, 0)[1]


def _stored(name: str, tensor: TensorHeader, outline: _Outline, width: int, quantize: str) -> int:
    """Bytes that a tensor takes once it is loaded."""
    if quantize != "none" and outline.is_quantized(name, tensor):
        if quantize == "8bit":
            # A byte for each number, a scale for each row.
            return tensor.count + 4 * tensor.shape[0]
        scales = -(-tensor.count // _BLOCK)
        # Half a byte for each number, a byte for each scale, and of every 256 scales one in full; and their tables.
        return tensor.count // 2 + scales + 4 * -(-scales // 256) + 4 * (16 + 256)
    return tensor.count * width if tensor.is_float else tensor.bytes


def _working(outline: _Outline, tokens: int, width: int, quantize: str) -> int:
    """The most bytes that a forward pass holds for a moment."""
    chunk = min(PREFILL_CHUNK, tokens)
    # Hidden states, their norm, queries, keys, values and the sum; gate, up and their product; which sees which.
    read = chunk * (4 * outline.hidden + 2 * outline.queries + 2 * outline.keys + 3 * outline.inner) * width
    # What one layer has freed is not always what the next one fits into.
    read = 2 * read + chunk * tokens
    if outline.queries > outline.keys:
        # Keys and values are repeated for all the queries that share them.
        read += 2 * tokens * outline.queries * width
    looked = outline.patches * (6 * outline.seen_hidden + 2 * outline.seen_inner) * width
    # A quantized layer's matrix as it is computed with, and once in full precision on the way there.
    dequantized = outline.largest_matrix * (width + 4) if quantize != "none" else 0
    # The last token's logits, once more in full precision, and what choosing one of them takes.
    chosen = outline.vocabulary * (width + 16)
    # A buffer of keys and one of values while they are copied into larger ones.
    grown = 2 * outline.keys * tokens * width
    if outline.is_first and width == 4:
        # IDEFICS keeps them once more, in the layout that a CPU computes with fastest.
        grown += outline.state_numbers * tokens * width
    return max(read + grown, looked) + dequantized + chosen


def _used(weights: int, width: int, quantize: str) -> int:
    """What the libraries take by themselves once they compute with so many bytes of weights; found by measuring."""
    used = _FIRST_USE
    if width == 4:
        used += min(_FULL_PRECISION, weights // 7)
    if quantize != "none":
        used += min(_FIRST_DEQUANTIZING, weights // 3)
    return used
