"""Tiny random checkpoints of Idefics2 and its successors, with everything a real one's folder holds."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, processors, trainers

from chat.conversation import Conversation, Text
from tests.models.tiny_idefics import write_tokenizer

TILE: Final = 32
IMAGE_TOKENS: Final = 16
CONTEXT_LENGTH: Final = 8192

_SENTENCES: Final = (
    "User: What is in this picture? Assistant: There are two red stars and a blue circle.",
    "System: You are a helpful assistant. User: How many shapes do you see in the image?",
    "Assistant: I can see three shapes.\nUser: Where is the star?\n\nAssistant: The star is on the left.",
)

_TEMPLATE: Final = (
    "{% for message in messages %}{{message['role'] | capitalize}}"
    "{% if message['content'][0]['type'] == 'image' %}{{':'}}{% else %}{{': '}}{% endif %}"
    "{% for line in message['content'] %}{% if line['type'] == 'text' %}{{line['text']}}"
    "{% elif line['type'] == 'image' %}{{ '<image>' }}{% endif %}{% endfor %}<end_of_utterance>\n"
    "{% endfor %}{% if add_generation_prompt %}{{ 'Assistant:' }}{% endif %}"
)

_LLAMA_3_WORDS: Final = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)


@dataclass(frozen=True, slots=True)
class Kind:
    """One of the checkpoints' kinds."""

    model_type: str
    begin: str
    first_tokens: tuple[str, ...]
    """Added tokens that stand before the vocabulary's words."""
    last_tokens: tuple[str, ...]
    """Added tokens that stand after them."""
    is_llama_3: bool
    eos: tuple[str, ...]
    """What generation_config.json names."""

    @property
    def added_tokens(self) -> tuple[str, ...]:
        return self.first_tokens + self.last_tokens

    @property
    def class_name(self) -> str:
        """What the names of its classes in transformers begin with."""
        return {"idefics2": "Idefics2", "idefics3": "Idefics3", "smolvlm": "SmolVLM"}[self.model_type]


_PICTURE_TOKENS: Final = ("<fake_token_around_image>", "<image>", "<end_of_utterance>")
_SMOL: Final = {
    "begin": "<|im_start|>",
    "first_tokens": ("<|endoftext|>", "<|im_start|>", "<|im_end|>", "<repo_name>"),
    "last_tokens": ("<global-img>", "<row_1_col_1>", "<row_1_col_2>", "<row_6_col_6>", *_PICTURE_TOKENS),
    "is_llama_3": False,
    "eos": ("<end_of_utterance>",),
}

KINDS: Final = {
    "Idefics2": Kind(
        model_type="idefics2",
        begin="<s>",
        first_tokens=("<unk>", "<s>", "</s>"),
        last_tokens=_PICTURE_TOKENS,
        is_llama_3=False,
        eos=("</s>", "<end_of_utterance>"),
    ),
    # As in the checkpoint of 8 billion weights, neither <global-img> nor the tiles' places are tokens of their own.
    "Idefics3": Kind(
        model_type="idefics3",
        begin="<|begin_of_text|>",
        first_tokens=(),
        last_tokens=("<|begin_of_text|>", "<|end_of_text|>", "<|eot_id|>", *_PICTURE_TOKENS),
        is_llama_3=True,
        eos=("<|end_of_text|>", "<|eot_id|>", "<end_of_utterance>"),
    ),
    "SmolVLM": Kind(model_type="idefics3", **_SMOL),  # type: ignore[arg-type]  # every value has its field's type
    "SmolVLM2": Kind(model_type="smolvlm", **_SMOL),  # type: ignore[arg-type]  # every value has its field's type
}


def write_checkpoint(kind: Kind, folder: Path) -> Path:
    """Write a checkpoint with random weights; the same kind gives the same checkpoint."""
    import torch
    from transformers import GenerationConfig

    folder.mkdir(parents=True)
    if kind.model_type == "idefics2":
        _write_llama_tokenizer(folder)
        sizes: dict[str, object] = {"size": {"shortest_edge": TILE // 2, "longest_edge": TILE}}
    else:
        _write_byte_tokenizer(kind, folder)
        sizes = {"size": {"longest_edge": 4 * TILE}, "max_image_size": {"longest_edge": TILE}}
    _write_json(
        folder / "preprocessor_config.json",
        image_processor_type=f"{kind.class_name}ImageProcessor",
        processor_class=f"{kind.class_name}Processor",
        do_convert_rgb=True,
        do_image_splitting=True,
        do_normalize=True,
        do_pad=True,
        do_rescale=True,
        do_resize=True,
        image_mean=[0.5, 0.5, 0.5],
        image_std=[0.5, 0.5, 0.5],
        resample=1,
        rescale_factor=1 / 255,
        **sizes,
    )
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    torch.manual_seed(5)
    model = _model(kind, tokenizer)
    model.generation_config = GenerationConfig(eos_token_id=[tokenizer.token_to_id(token) for token in kind.eos])
    model.save_pretrained(folder)
    return folder


def messages_of(conversation: Conversation) -> list[dict[str, Any]]:
    """The conversation as a chat template takes it."""
    messages: list[dict[str, Any]] = []
    if conversation.system:
        messages.append({"role": "system", "content": [{"type": "text", "text": conversation.system}]})
    for turn in conversation.turns:
        content = [
            {"type": "text", "text": part.text} if isinstance(part, Text) else {"type": "image"} for part in turn.parts
        ]
        messages.append({"role": str(turn.role), "content": content})
    return messages


def _write_json(path: Path, **content: object) -> None:
    path.write_text(json.dumps(content))


def _write_llama_tokenizer(folder: Path) -> None:
    """A tokenizer as Idefics2's files have it: its pipeline puts a space before every text, its settings say not to."""
    write_tokenizer(folder)
    (folder / "added_tokens.json").unlink()
    settings = json.loads((folder / "tokenizer_config.json").read_text())
    _write_json(
        folder / "tokenizer_config.json",
        **{**settings, "legacy": False, "add_bos_token": True, "chat_template": _TEMPLATE},
    )
    path = folder / "tokenizer.json"
    begin = {"SpecialToken": {"id": "<s>", "type_id": 0}}
    pipeline = {
        "normalizer": {
            "type": "Sequence",
            "normalizers": [
                {"type": "Prepend", "prepend": "▁"},
                {"type": "Replace", "pattern": {"String": " "}, "content": "▁"},
            ],
        },
        "pre_tokenizer": None,
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [begin, {"Sequence": {"id": "A", "type_id": 0}}],
            "pair": [begin, {"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
            "special_tokens": {"<s>": {"id": "<s>", "ids": [1], "tokens": ["<s>"]}},
        },
    }
    path.write_text(json.dumps({**json.loads(path.read_text()), **pipeline}))


def _write_byte_tokenizer(kind: Kind, folder: Path) -> None:
    _byte_tokenizer(kind).save(str(folder / "tokenizer.json"))
    _write_json(
        folder / "tokenizer_config.json",
        tokenizer_class="PreTrainedTokenizerFast",
        bos_token=kind.begin,
        eos_token="<end_of_utterance>",
        pad_token=kind.added_tokens[1],
        chat_template=kind.begin + _TEMPLATE,
    )


def _byte_tokenizer(kind: Kind) -> Tokenizer:
    tokenizer = Tokenizer(models.BPE(ignore_merges=kind.is_llama_3))
    splitters: Sequence[Any] = (
        [
            pre_tokenizers.Split(Regex(_LLAMA_3_WORDS), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
        if kind.is_llama_3
        else [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(list(splitters))
    tokenizer.decoder = decoders.ByteLevel()
    if kind.is_llama_3:
        tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
    trainer = trainers.BpeTrainer(
        vocab_size=420,
        special_tokens=list(kind.first_tokens),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(_SENTENCES, trainer)
    tokenizer.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in kind.last_tokens])
    return tokenizer


def _model(kind: Kind, tokenizer: Tokenizer) -> Any:
    import transformers

    # Wide random weights, so that a picture and every word change what is said.
    wide = 0.25
    text: dict[str, object] = {
        "model_type": "llama",
        "vocab_size": tokenizer.get_vocab_size(),
        "hidden_size": 64,
        "intermediate_size": 128,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": CONTEXT_LENGTH,
        "initializer_range": wide,
    }
    if kind.model_type == "idefics2":
        text |= {"model_type": "mistral", "max_position_embeddings": 4 * CONTEXT_LENGTH, "pad_token_id": 0}
        text |= {"sliding_window": CONTEXT_LENGTH}
        perceiver = {"hidden_size": 64, "resampler_depth": 1, "resampler_n_heads": 4, "resampler_head_dim": 16}
        perceiver |= {"resampler_n_latents": IMAGE_TOKENS, "num_key_value_heads": 2}
        own: dict[str, object] = {"perceiver_config": {**perceiver, "initializer_range": wide}}
    else:
        own = {"scale_factor": 2}
    config = getattr(transformers, f"{kind.class_name}Config")(
        image_token_id=tokenizer.token_to_id("<image>"),
        text_config=text,
        vision_config={
            "hidden_size": 64,
            "intermediate_size": 64,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "image_size": TILE,
            "patch_size": 4,
            "initializer_range": wide,
        },
        **own,
    )
    return getattr(transformers, f"{kind.class_name}ForConditionalGeneration")(config)
