"""The prompt encoders of each family: its control tokens, and what stands for a picture of a given size."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from tokenizers import Tokenizer

from chat.conversation import Image
from chat.errors import CheckpointError
from chat.models.tiling import rows_and_columns
from chat.models.tokenizer_files import load_tokenizer, read_tokenizer
from chat.models.tokens import (
    IDEFICS_BASE_NOTATION,
    IDEFICS_NOTATION,
    Notation,
    PromptEncoder,
    Spaced,
)
from chat.prompt import (
    END_OF_SEQUENCE,
    END_OF_UTTERANCE,
    FENCE,
    GLOBAL_IMAGE,
    IDEFICS2,
    IDEFICS3,
    IMAGE,
    SMOLVLM,
    Control,
    Label,
)

_TILE_PLACE: Final = re.compile(r"<row_\d+_col_\d+>")
"""Announces, where a picture is cut into tiles, one tile."""


def idefics_encoder(folder: Path) -> PromptEncoder:
    """The encoder of an IDEFICS checkpoint; one before its tuning knows no token that closes a turn.

    Raises:
        CheckpointError: The tokenizer's files are missing, broken or of another kind.
    """
    backend = load_tokenizer(folder)
    is_base = backend.token_to_id(END_OF_UTTERANCE) is None
    return PromptEncoder(backend, IDEFICS_BASE_NOTATION if is_base else IDEFICS_NOTATION)


def idefics2_encoder(folder: Path, config: Any, *, is_split: bool) -> PromptEncoder:
    """The encoder of an Idefics2 checkpoint.

    Args:
        folder: The checkpoint's.
        config: Content of its config.json.
        is_split: Whether a picture is seen in quarters and as a whole, or as a whole alone.

    Raises:
        CheckpointError: The tokenizer's files are missing, broken or of another kind.
    """
    view = [Control(IMAGE)] * config.perceiver_config.resampler_n_latents
    whole = tuple(view)
    quarters = tuple(part for _ in range(4) for part in (*view, Control(FENCE))) + whole

    def picture(image: Image) -> tuple[Control | Label, ...]:
        return quarters if is_split and can_be_quartered(image.width, image.height) else whole

    tokens = (IDEFICS2.begin, END_OF_SEQUENCE, FENCE, IMAGE, END_OF_UTTERANCE)
    return PromptEncoder(read_tokenizer(folder), Notation(tokens, picture, Spaced.FIRST))


def can_be_quartered(width: int, height: int) -> bool:
    """Whether each quarter of a picture of this size has a pixel."""
    return min(width, height) > 1


def tiled_encoder(folder: Path, config: Any, longest: int | None) -> PromptEncoder:
    """The encoder of an Idefics3, SmolVLM or SmolVLM2 checkpoint.

    Args:
        folder: The checkpoint's.
        config: Content of its config.json.
        longest: Side, in pixels, that a picture's longer one is brought to before it is cut into tiles; None where a
            picture is seen as a whole alone.

    Raises:
        CheckpointError: The tokenizer's files are missing, broken or of another kind.
    """
    backend = read_tokenizer(folder)
    begins = [dialect.begin for dialect in (IDEFICS3, SMOLVLM) if backend.token_to_id(dialect.begin) is not None]
    if not begins:
        raise CheckpointError(
            f"{folder}'s tokenizer has neither {IDEFICS3.begin} nor {SMOLVLM.begin}: its prompts are of an unknown kind"
        )
    announcing = _announcing_tokens(backend)
    tile = config.vision_config.image_size
    view = [Control(IMAGE)] * ((tile // config.vision_config.patch_size) ** 2 // config.scale_factor**2)

    def announced(place: str) -> list[Control | Label]:
        # In the vocabulary of some checkpoints it is no token of its own, but a few pieces of plain text.
        return [Control(FENCE), Control(place) if place in announcing else Label(place), *view]

    def picture(image: Image) -> tuple[Control | Label, ...]:
        rows, columns = rows_and_columns(image.width, image.height, longest, tile) if longest else (0, 0)
        parts: list[Control | Label] = []
        for row in range(1, rows + 1):
            for column in range(1, columns + 1):
                parts += announced(f"<row_{row}_col_{column}>")
            parts.append(Label("\n" if row < rows else "\n\n"))
        return (*parts, *announced(GLOBAL_IMAGE), Control(FENCE))

    tokens = (begins[0], END_OF_UTTERANCE, FENCE, IMAGE, *announcing)
    return PromptEncoder(backend, Notation(tokens, picture, Spaced.NONE))


def _announcing_tokens(backend: Tokenizer) -> Sequence[str]:
    """The added tokens that announce a whole picture or a tile."""
    added = (token.content for token in backend.get_added_tokens_decoder().values())
    return [token for token in added if token == GLOBAL_IMAGE or _TILE_PLACE.fullmatch(token)]
