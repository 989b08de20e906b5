"""Writes an IDEFICS checkpoint of a wanted size with random weights: for measuring speed where there is none.

What it says is nonsense, but it takes as long to say as the words of a trained checkpoint of that size. It says words
of its own vocabulary alone, and each comes back as the token it was when its text is tokenized again: so a recipe that
knows nothing but texts reads the same prompts as one that keeps ids.
"""

import itertools
import json
import string
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import torch
from transformers import GenerationConfig, IdeficsConfig, IdeficsForVisionText2Text, LlamaTokenizer

from chat.bench.silence import no_progress_bars
from chat.errors import CheckpointError, UsageError
from chat.files import byte_size
from chat.models.memory import free_memory
from chat.prompt import BEGIN_OF_SEQUENCE, END_OF_SEQUENCE, END_OF_UTTERANCE, FENCE, IMAGE

CONTEXT_LENGTH: Final = 8192

_VOCABULARY: Final = 32_000
_ADDED: Final = (FENCE, IMAGE, END_OF_UTTERANCE)
_UNKNOWN: Final = "<unk>"
_SPACE: Final = "▁"
_WHOLE: Final = ("User", "Assistant")
"""Words of the template that are pieces without a space before them, as in Llama's vocabulary."""
_WIDTH_STEP: Final = 128
_WIDEST: Final = 8192
_NEAR: Final = 0.9
"""Of the smallest size, what may still be asked for."""
_SIDE_BYTES: Final = 4
"""For a parameter, of each side's weights; the file on its way to the disk takes no more than both."""


def check_size(wanted: str, parameters: int) -> None:
    """Raise what stands against a checkpoint of this size, before anything of it is made.

    Args:
        wanted: The size as it was asked for.
        parameters: How many that are.

    Raises:
        UsageError: There are none so small or so large.
        CheckpointError: It would not fit into memory twice, for the engine and for what it is compared with.
    """
    smallest, largest = _parameters(_WIDTH_STEP), _parameters(_WIDEST)
    if not _NEAR * smallest <= parameters <= largest / _NEAR:
        raise UsageError(f"--random is {wanted!r}: give a size from {smallest / 1e6:.0f}M to {largest / 1e9:.0f}B")
    needed, free = 2 * _SIDE_BYTES * parameters, free_memory("cpu")
    if needed > free:
        raise CheckpointError(
            f"--random {wanted} takes about {byte_size(needed)} for both sides and {byte_size(free)} are free: "
            "give a smaller size"
        )


def write_random_checkpoint(folder: Path, parameters: int) -> int:
    """Write a checkpoint into an empty folder.

    Args:
        folder: Where its files go.
        parameters: How many it shall have; 90 million give a hidden size of 512 with 12 layers, a cross-attention
            layer before every fourth, a vision tower of 8 layers at 224 pixels and 64 latents from a resampler 4 deep.

    Returns:
        How many parameters it has, as near to those wanted as its widths allow.
    """
    width = _width(parameters)
    torch.manual_seed(0)
    model = IdeficsForVisionText2Text(_config(width))
    first_word = _write_tokenizer(folder)
    with torch.no_grad():
        # What is no word is never likelier than every word, so it is never said.
        model.lm_head.weight[:first_word] = 0
        model.lm_head.additional_fc.weight.zero_()
    model.generation_config = GenerationConfig(bos_token_id=1, eos_token_id=2, pad_token_id=0)
    with no_progress_bars():
        model.save_pretrained(folder)
    _write_json(
        folder / "preprocessor_config.json",
        image_processor_type="IdeficsImageProcessor",
        processor_class="IdeficsProcessor",
        image_num_channels=3,
        image_size=224,
        image_mean=[0.48145466, 0.4578275, 0.40821073],
        image_std=[0.26862954, 0.26130258, 0.27577711],
    )
    return _parameters(width)


def _width(parameters: int) -> int:
    """The hidden size whose model has about so many parameters."""
    widths = range(_WIDTH_STEP, _WIDEST + 1, _WIDTH_STEP)
    low, high = 0, len(widths) - 1
    while low < high:
        middle = (low + high) // 2
        low, high = (middle + 1, high) if _parameters(widths[middle]) < parameters else (low, middle)
    nearest = (widths[place] for place in {low, max(0, low - 1)})
    return min(nearest, key=lambda width: abs(_parameters(width) - parameters))


def _parameters(width: int) -> int:
    with torch.device("meta"):
        return sum(weight.numel() for weight in IdeficsForVisionText2Text(_config(width)).parameters())


def _config(width: int) -> IdeficsConfig:
    # Heads of the width, and inner layers of the ratio, that the real checkpoints have.
    heads = max(1, width // 128)
    seeing_heads = max(1, width * 5 // 8 // 64)
    seen = seeing_heads * 64
    return IdeficsConfig(
        vocab_size=_VOCABULARY,
        additional_vocab_size=len(_ADDED),
        hidden_size=width,
        # By 32s, as quantized products of a CPU need them.
        intermediate_size=width * 43 // 16 // 32 * 32,
        num_hidden_layers=12,
        num_attention_heads=heads,
        cross_layer_interval=4,
        # As they are in trained checkpoints, the gates are open: pictures matter.
        alpha_initializer="ones",
        alpha_type="float",
        qk_layer_norms=True,
        use_resampler=True,
        max_position_embeddings=CONTEXT_LENGTH,
        max_sequence_length=CONTEXT_LENGTH,
        tie_word_embeddings=False,
        pad_token_id=0,
        bos_token_id=1,
        eos_token_id=2,
        vision_config={
            "embed_dim": seen,
            "image_size": 224,
            "patch_size": 14,
            "intermediate_size": seen * 4,
            "num_attention_heads": seeing_heads,
            "num_hidden_layers": 8,
            "hidden_act": "gelu",
        },
        perceiver_config={
            "use_resampler": True,
            "resampler_depth": 4,
            "resampler_n_heads": seeing_heads,
            "resampler_head_dim": 64,
            "resampler_n_latents": 64,
            "qk_layer_norms_perceiver": True,
        },
    )


def _write_tokenizer(folder: Path) -> int:
    """Write a Llama tokenizer of made-up words; gives the id of the first word."""
    pieces = [_UNKNOWN, BEGIN_OF_SEQUENCE, END_OF_SEQUENCE, *(f"<0x{byte:02X}>" for byte in range(256)), _SPACE]
    pieces += sorted(set(string.printable) - set(string.whitespace))
    merges: list[tuple[str, str]] = []
    for word in _WHOLE:
        for length in range(2, len(word) + 1):
            merges.append((word[: length - 1], word[length - 1]))
            pieces.append(word[:length])
    first_word = len(pieces)
    for word in itertools.islice(_words(), _VOCABULARY - first_word):
        merges.append((word[:-1], word[-1]))
        pieces.append(word)
    tokenizer = LlamaTokenizer(
        vocab={piece: number for number, piece in enumerate(pieces)},
        merges=merges,
        legacy=True,
        unk_token=_UNKNOWN,
        bos_token=BEGIN_OF_SEQUENCE,
        eos_token=END_OF_SEQUENCE,
        pad_token=_UNKNOWN,
        extra_special_tokens=list(_ADDED),
        padding_side="left",
    )
    tokenizer.save_pretrained(folder)
    # `save_pretrained` leaves it out, and without it transformers reads another layout than it wrote.
    settings = folder / "tokenizer_config.json"
    _write_json(settings, **{**json.loads(settings.read_text(encoding="utf-8")), "legacy": True})
    return first_word


def _words() -> Iterator[str]:
    """Every word of one letter, of two, and so on; the beginning of each has come before it."""
    for length in itertools.count(1):
        for letters in itertools.product(string.ascii_lowercase, repeat=length):
            yield _SPACE + "".join(letters)


def _write_json(path: Path, **content: object) -> None:
    path.write_text(json.dumps(content), encoding="utf-8")
