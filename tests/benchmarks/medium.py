"""Random checkpoints of 30 to 300 million parameters: those of the tests, made larger."""

import json
from pathlib import Path
from typing import Any, Final

from tests.models.tiny import KINDS, write_checkpoint
from tests.models.tiny_idefics import write_idefics

CONTEXT_LENGTH: Final = 1024
SIDE: Final = 224
"""Of the square that a picture becomes, in pixels."""


def write_medium(kind: str, folder: Path, dtype: str, *, hidden: int, layers: int, seen_hidden: int) -> Path:
    """Write a checkpoint.

    Args:
        kind: `Idefics` or one of the tests' later kinds.
        folder: Where it goes.
        dtype: Of the weights in the file.
        hidden: Width of the language model, a multiple of 64.
        layers: Of the language model.
        seen_hidden: Width of the vision tower, a multiple of 64.
    """
    import torch
    import transformers

    if kind == "Idefics":
        write_idefics(folder, has_resampler=True)
    else:
        write_checkpoint(KINDS[kind], folder)
    config = json.loads((folder / "config.json").read_text())
    text = config if kind == "Idefics" else config["text_config"]
    text |= {
        "hidden_size": hidden,
        "intermediate_size": hidden * 11 // 4 // 64 * 64,
        "num_hidden_layers": layers,
        "num_attention_heads": hidden // 64,
        "max_position_embeddings": CONTEXT_LENGTH,
        "max_sequence_length": CONTEXT_LENGTH,
        "initializer_range": 0.02,
    }
    if kind != "Idefics":
        text |= {"num_key_value_heads": hidden // 128, "head_dim": 64}
        config["perceiver_config"] = {**config.get("perceiver_config", {}), "hidden_size": hidden}
    tower = {"num_hidden_layers": 6, "num_attention_heads": seen_hidden // 64, "image_size": SIDE, "patch_size": 14}
    width = "embed_dim" if kind == "Idefics" else "hidden_size"
    config["vision_config"] |= {width: seen_hidden, "intermediate_size": 4 * seen_hidden, **tower}
    _edit(folder / "preprocessor_config.json", image_size=SIDE, size=_sizes(kind))
    model_class = getattr(transformers, config["architectures"][0])
    torch.manual_seed(7)
    model = model_class(model_class.config_class(**config))
    model.to(getattr(torch, dtype)).save_pretrained(folder)
    return folder


def _sizes(kind: str) -> dict[str, int]:
    if kind == "Idefics":
        return {"height": SIDE, "width": SIDE}
    return {"longest_edge": SIDE, **({"shortest_edge": SIDE // 2} if kind == "Idefics2" else {})}


def _edit(path: Path, **changes: Any) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))
