"""Makes the bundled checkpoint's tokenizer: a Llama tokenizer whose vocabulary is the language of the scenes."""

import io
import json
import random
import re
import shutil
import string
from collections import Counter
from pathlib import Path
from typing import Final

import sentencepiece
from transformers import LlamaTokenizer

from chat.models.tokenizer_files import UNKNOWN, merges
from chat.prompt import BEGIN_OF_SEQUENCE, END_OF_SEQUENCE, END_OF_UTTERANCE, FENCE, IMAGE
from chat.shapes.architecture import MAX_POSITIONS
from chat.shapes.dialogues import random_completion, random_dialogue
from chat.shapes.language import Topic
from chat.shapes.scenes import random_scene

VOCABULARY_SIZE: Final = 1200
"""Pieces of the base vocabulary; the fence, the image and the utterance token follow it, as in the real checkpoints."""

_FILES: Final = (
    "tokenizer.model",
    "tokenizer.json",
    "tokenizer_config.json",
    "added_tokens.json",
    "special_tokens_map.json",
)


def copy_tokenizer(source: Path, folder: Path) -> None:
    """Copy a tokenizer's files; what a model has learnt belongs to the ids of its own tokenizer."""
    for name in _FILES:
        shutil.copyfile(source / name, folder / name)


def _corpus(seed: int) -> list[str]:
    """Lines in which every word of the scenes' language is frequent enough to become one piece."""
    rng = random.Random(seed)
    lines: list[str] = []
    for _ in range(3000):
        for exchange in random_dialogue(rng, lambda: random_scene(rng)):
            lines.append(exchange.question)
            if exchange.topic is not Topic.OUTSIDE:
                # The bracket keeps the role names apart from the space before them: in a prompt they follow a line end.
                lines.append(f"{exchange.answer} (Assistant: (User:")
    for _ in range(1500):
        completion = random_completion(rng, lambda: random_scene(rng), lambda: random_scene(rng, 1))
        lines += [part for part in completion.parts if isinstance(part, str)]
    words = Counter(word for line in lines for word in re.findall(r"\w+", line))
    lines += [word for word, frequency in words.items() if frequency > 20 for _ in range(40)]
    return [line for text in lines for line in text.splitlines()]


def build_tokenizer(folder: Path, seed: int) -> LlamaTokenizer:
    """Train the tokenizer and write its files into a folder.

    Args:
        folder: Where tokenizer.model, tokenizer.json and the rest go.
        seed: The same seed gives the same files.
    """
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(_corpus(seed)),
        model_writer=model,
        model_type="bpe",
        vocab_size=VOCABULARY_SIZE,
        byte_fallback=True,
        character_coverage=1.0,
        required_chars=string.digits + string.ascii_letters + string.punctuation,
        normalization_rule_name="identity",
        remove_extra_whitespaces=False,
        split_digits=True,
        unk_id=0,
        bos_id=1,
        eos_id=2,
        pad_id=-1,
        num_threads=1,
        minloglevel=2,
    )
    pieces = sentencepiece.SentencePieceProcessor(model_proto=model.getvalue())
    vocabulary = {pieces.id_to_piece(index): index for index in range(pieces.get_piece_size())}
    tokenizer = LlamaTokenizer(
        vocab=vocabulary,
        merges=merges(vocabulary),
        legacy=True,
        unk_token=UNKNOWN,
        bos_token=BEGIN_OF_SEQUENCE,
        eos_token=END_OF_SEQUENCE,
        pad_token=UNKNOWN,
        extra_special_tokens=[FENCE, IMAGE, END_OF_UTTERANCE],
        model_max_length=MAX_POSITIONS,
        padding_side="left",
    )
    tokenizer.save_pretrained(folder)
    (folder / "tokenizer.model").write_bytes(model.getvalue())
    _keep_layout(folder)
    return LlamaTokenizer.from_pretrained(folder)


def _keep_layout(folder: Path) -> None:
    """Write down what `save_pretrained` leaves out: the layout, and the token files of the real checkpoints."""
    config = json.loads((folder / "tokenizer_config.json").read_text())
    _write_json(folder / "tokenizer_config.json", {**config, "legacy": True})
    added = (FENCE, IMAGE, END_OF_UTTERANCE)
    _write_json(folder / "added_tokens.json", {token: VOCABULARY_SIZE + number for number, token in enumerate(added)})
    _write_json(
        folder / "special_tokens_map.json",
        {
            "additional_special_tokens": list(added),
            "bos_token": BEGIN_OF_SEQUENCE,
            "eos_token": END_OF_SEQUENCE,
            "pad_token": UNKNOWN,
            "unk_token": UNKNOWN,
        },
    )


def _write_json(path: Path, content: dict[str, object]) -> None:
    path.write_text(json.dumps(content, indent=2) + "\n")
