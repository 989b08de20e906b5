"""The bundled checkpoint's architecture: a real IDEFICS, only small.

Every size the real checkpoints have is here in miniature; the special tokens, the layer types and the tensor names are
theirs.
"""

from typing import Final

import torch
from torch import nn
from transformers import IdeficsConfig, IdeficsForVisionText2Text

IMAGE_SIZE: Final = 64
"""Side of the square the model sees, in pixels; the image processor squashes every picture to it."""

PATCH_SIZE: Final = 8
MAX_POSITIONS: Final = 1024
LATENTS: Final = 16
"""Latents the resampler keeps of one picture."""

VISION_WIDTH: Final = 96
HIDDEN_SIZE: Final = 128


def shapes_config(vocab_size: int) -> IdeficsConfig:
    """The configuration of the bundled checkpoint.

    Args:
        vocab_size: Size of the base vocabulary; the three added tokens come after it.
    """
    return IdeficsConfig(
        vocab_size=vocab_size,
        additional_vocab_size=3,
        hidden_size=HIDDEN_SIZE,
        intermediate_size=352,
        num_hidden_layers=6,
        num_attention_heads=4,
        cross_layer_interval=3,
        hidden_act="silu",
        rms_norm_eps=1e-6,
        max_position_embeddings=MAX_POSITIONS,
        max_sequence_length=MAX_POSITIONS,
        alpha_initializer="ones",
        alpha_type="float",
        qk_layer_norms=True,
        use_resampler=True,
        freeze_text_layers=False,
        freeze_vision_layers=False,
        freeze_lm_head=False,
        tie_word_embeddings=False,
        pad_token_id=0,
        bos_token_id=1,
        eos_token_id=2,
        dtype="float32",
        vision_config={
            "embed_dim": VISION_WIDTH,
            "image_size": IMAGE_SIZE,
            "patch_size": PATCH_SIZE,
            "intermediate_size": 384,
            "num_attention_heads": 4,
            "num_hidden_layers": 4,
            "hidden_act": "gelu",
        },
        perceiver_config={
            "resampler_depth": 2,
            "resampler_n_heads": 4,
            "resampler_head_dim": 32,
            "resampler_n_latents": LATENTS,
            "qk_layer_norms_perceiver": True,
        },
    )


def new_model(config: IdeficsConfig, seed: int) -> IdeficsForVisionText2Text:
    """A model with weights fit for training from scratch.

    The class's own initialisation is made for fine-tuning. Here linear layers start at a scale that keeps the variance
    of what passes through them, and positions start large enough for the first steps to tell places apart.
    """
    torch.manual_seed(seed)
    model = IdeficsForVisionText2Text(config)
    for name, module in model.named_modules():
        if isinstance(module, nn.Linear):
            nn.init.normal_(module.weight, std=module.in_features**-0.5)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, nn.Embedding):
            nn.init.normal_(module.weight, std=0.5 if name.endswith("position_embedding") else 0.1)
        elif isinstance(module, nn.Conv2d):
            fan_in = module.in_channels * module.kernel_size[0] * module.kernel_size[1]
            nn.init.normal_(module.weight, std=fan_in**-0.5)
    nn.init.normal_(model.lm_head.weight, std=0.02)
    nn.init.normal_(model.lm_head.additional_fc.weight, std=0.02)
    return model
