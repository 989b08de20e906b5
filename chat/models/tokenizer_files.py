"""Reads a checkpoint's tokenizer from its folder and puts a wrong layout right."""

import json
from pathlib import Path
from typing import Any, Final

from tokenizers import AddedToken, Tokenizer

from chat.errors import CheckpointError
from chat.models.tokens import has_trained_layout
from chat.prompt import BEGIN_OF_SEQUENCE, END_OF_SEQUENCE

UNKNOWN: Final = "<unk>"
_CONTROL_PIECES: Final = frozenset((UNKNOWN, BEGIN_OF_SEQUENCE, END_OF_SEQUENCE))


def load_tokenizer(folder: Path) -> Tokenizer:
    """The tokenizer pipeline of an IDEFICS checkpoint's folder, with the layout of the checkpoint's training.

    Raises:
        CheckpointError: There are no tokenizer files, or they cannot be read.
    """
    backend = read_tokenizer(folder)
    return backend if has_trained_layout(backend) else _with_prefix_space(backend)


def read_tokenizer(folder: Path) -> Tokenizer:
    """The tokenizer pipeline of a checkpoint's folder as its files have it.

    Raises:
        CheckpointError: There are no tokenizer files, or they cannot be read.
    """
    path = folder / "tokenizer.json"
    if path.exists():
        try:
            backend = Tokenizer.from_file(str(path))
        # The tokenizers library raises nothing more specific than Exception for a broken file.
        except Exception as error:
            raise CheckpointError(f"{path} cannot be read: copy the file again") from error
    elif (folder / "tokenizer.model").exists():
        backend = _from_sentencepiece(folder / "tokenizer.model")
    else:
        raise CheckpointError(
            f"{folder} has no tokenizer.json and no tokenizer.model: copy the checkpoint's files again"
        )
    return _with_added_tokens(backend, folder / "added_tokens.json")


def _from_sentencepiece(path: Path) -> Tokenizer:
    """The pipeline of a checkpoint that has nothing but sentencepiece's own file."""
    import sentencepiece
    from transformers import LlamaTokenizer

    try:
        pieces = sentencepiece.SentencePieceProcessor(model_proto=path.read_bytes())
    except (OSError, RuntimeError) as error:
        raise CheckpointError(f"{path} cannot be read: copy the file again") from error
    vocabulary = {pieces.id_to_piece(index): index for index in range(pieces.get_piece_size())}
    backend: Tokenizer = LlamaTokenizer(vocab=vocabulary, merges=merges(vocabulary), legacy=True).backend_tokenizer
    return backend


def merges(vocabulary: dict[str, int]) -> list[tuple[str, str]]:
    """The merges of a BPE vocabulary whose pieces are numbered in the order in which they were learnt."""
    found = []
    for piece, rank in vocabulary.items():
        for cut in range(1, len(piece)):
            left, right = piece[:cut], piece[cut:]
            if left in vocabulary and right in vocabulary and not {piece, left, right} & _CONTROL_PIECES:
                found.append((rank, vocabulary[left], vocabulary[right], (left, right)))
    return [pair for *_, pair in sorted(found)]


def _with_added_tokens(backend: Tokenizer, path: Path) -> Tokenizer:
    """Old checkpoints name their added tokens in a file of their own."""
    if path.exists():
        try:
            added: dict[str, int] = json.loads(path.read_text(encoding="utf-8"))
        except ValueError as error:
            raise CheckpointError(f"{path} is not JSON: copy the file again") from error
        for token, _ in sorted(added.items(), key=lambda item: item[1]):
            if backend.token_to_id(token) is None:
                backend.add_special_tokens([AddedToken(token, special=True, normalized=False)])
    return backend


def _with_prefix_space(backend: Tokenizer) -> Tokenizer:
    """The same pipeline, with the space after every control token that Llama tokenizers call legacy."""
    pipeline: dict[str, Any] = json.loads(backend.to_str())
    splitter = pipeline.get("pre_tokenizer") or {}
    if splitter.get("type") == "Metaspace":
        splitter["prepend_scheme"] = "always"
    return Tokenizer.from_str(json.dumps(pipeline))
