"""Tiny random checkpoints of IDEFICS, with everything a real one's folder holds."""

import io
import json
import string
from pathlib import Path
from typing import Any, Final

SIDE: Final = 16
"""Of the square that a picture is squashed to, in pixels."""
CONTEXT_LENGTH: Final = 1024

_PIECES: Final = 480
_ADDED: Final = ("<fake_token_around_image>", "<image>", "<end_of_utterance>")
_SENTENCES: Final = (
    "User: What is in this picture? Assistant: There are two red stars and a blue circle on the left.",
    "How many shapes do you see in the image? I can see three shapes. Where is the star? It is below the square.",
    "Tell me a story about them. Once upon a time a small green triangle met a large yellow dog at the lake.",
)


def write_idefics(folder: Path, *, has_resampler: bool) -> Path:
    """Write a checkpoint with random weights; the same wish gives the same checkpoint."""
    import torch
    from transformers import GenerationConfig

    folder.mkdir(parents=True)
    write_tokenizer(folder)
    _write_json(
        folder / "preprocessor_config.json",
        image_processor_type="IdeficsImageProcessor",
        processor_class="IdeficsProcessor",
        image_num_channels=3,
        image_size=SIDE,
        image_mean=[0.48145466, 0.4578275, 0.40821073],
        image_std=[0.26862954, 0.26130258, 0.27577711],
    )
    torch.manual_seed(6)
    model = _model(has_resampler)
    model.generation_config = GenerationConfig(bos_token_id=1, eos_token_id=2, pad_token_id=0)
    model.save_pretrained(folder)
    return folder


def _write_json(path: Path, **content: object) -> None:
    path.write_text(json.dumps(content))


def write_tokenizer(folder: Path) -> None:
    """Llama's byte-pair pieces with every byte to fall back on, and the three tokens of the instruct checkpoints."""
    import sentencepiece
    from transformers import LlamaTokenizer

    from chat.models.tokenizer_files import merges

    written = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(_SENTENCES),
        model_writer=written,
        model_type="bpe",
        vocab_size=_PIECES,
        byte_fallback=True,
        required_chars=string.digits + string.ascii_letters + string.punctuation,
        normalization_rule_name="identity",
        remove_extra_whitespaces=False,
        unk_id=0,
        bos_id=1,
        eos_id=2,
        pad_id=-1,
        num_threads=1,
        minloglevel=2,
    )
    pieces = sentencepiece.SentencePieceProcessor(model_proto=written.getvalue())
    vocabulary = {pieces.id_to_piece(number): number for number in range(pieces.get_piece_size())}
    LlamaTokenizer(
        vocab=vocabulary,
        merges=merges(vocabulary),
        legacy=True,
        unk_token="<unk>",
        bos_token="<s>",
        eos_token="</s>",
        pad_token="<unk>",
        extra_special_tokens=list(_ADDED),
        padding_side="left",
    ).save_pretrained(folder)
    # What `save_pretrained` leaves out, and the real checkpoints' files have.
    settings = folder / "tokenizer_config.json"
    settings.write_text(json.dumps({**json.loads(settings.read_text()), "legacy": True}))
    _write_json(folder / "added_tokens.json", **{token: _PIECES + number for number, token in enumerate(_ADDED)})


def _model(has_resampler: bool) -> Any:
    from transformers import IdeficsConfig, IdeficsForVisionText2Text

    # Wide random weights and open gates, so that a picture and every word change what is said.
    wide = 0.25
    config = IdeficsConfig(
        vocab_size=_PIECES,
        additional_vocab_size=len(_ADDED),
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        cross_layer_interval=2,
        alpha_initializer="normal",
        alphas_initializer_range=0.5,
        alpha_type="vector",
        qk_layer_norms=True,
        use_resampler=has_resampler,
        max_position_embeddings=CONTEXT_LENGTH,
        max_sequence_length=CONTEXT_LENGTH,
        initializer_range=wide,
        freeze_text_layers=False,
        freeze_vision_layers=False,
        freeze_lm_head=False,
        tie_word_embeddings=False,
        pad_token_id=0,
        bos_token_id=1,
        eos_token_id=2,
        vision_config={
            "embed_dim": 64,
            "image_size": SIDE,
            "patch_size": 4,
            "intermediate_size": 64,
            "num_attention_heads": 4,
            "num_hidden_layers": 2,
            "hidden_act": "gelu",
            "initializer_range": wide,
        },
        perceiver_config={
            "use_resampler": has_resampler,
            "resampler_depth": 1,
            "resampler_n_heads": 2,
            "resampler_head_dim": 16,
            "resampler_n_latents": 4,
            "qk_layer_norms_perceiver": True,
        },
    )
    return IdeficsForVisionText2Text(config)
