"""What is particular to each family of checkpoints while it is loaded."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tokenizers import Tokenizer

from chat.errors import CheckpointError
from chat.models.generator import Engine
from chat.models.idefics import IdeficsEngine
from chat.models.idefics3 import Idefics3Engine
from chat.models.tokenizer_files import load_tokenizer, read_tokenizer
from chat.models.tokens import Notation, PromptEncoder
from chat.prompt import END_OF_UTTERANCE, FENCE, GLOBAL_IMAGE, IDEFICS3, IMAGE, SMOLVLM, Control, Dialect, Label

_TILE_PLACE: Final = re.compile(r"<row_\d+_col_\d+>")
"""Announces, where a picture is cut into tiles, one tile; none is ever written or generated here."""


@dataclass(frozen=True, slots=True)
class Family:
    """How checkpoints of one `model_type` are put together."""

    model_class: Any
    """Of transformers."""
    whole_modules: tuple[str, ...]
    """Modules that are never packed, by their full names.

    What sees stays whole, it is small and matters. So does the head, whose class may be one that cannot be packed.
    """
    read_encoder: Callable[[Path, Any], PromptEncoder]
    """Takes the checkpoint's folder and its config; raises CheckpointError."""
    build_engine: Callable[[Any, PromptEncoder, Path], Engine]
    """Takes the loaded model, its encoder and the folder."""
    context_length: Callable[[dict[str, Any]], int]
    """Takes the content of config.json."""


def family_of(model_type: str) -> Family:
    """The family of a checkpoint whose folder has been checked; only what this family needs is imported."""
    return _FAMILIES[model_type]()


def _idefics() -> Family:
    from transformers import IdeficsForVisionText2Text
    from transformers.models.idefics.image_processing_pil_idefics import IdeficsImageProcessorPil

    def build(model: Any, encoder: PromptEncoder, folder: Path) -> Engine:
        return IdeficsEngine(model, encoder, IdeficsImageProcessorPil.from_pretrained(folder, local_files_only=True))

    return Family(
        model_class=IdeficsForVisionText2Text,
        whole_modules=("lm_head", "model.vision_model", "model.perceiver_resampler"),
        read_encoder=lambda folder, _: PromptEncoder(load_tokenizer(folder)),
        build_engine=build,
        context_length=lambda config: int(
            config.get("max_position_embeddings") or config.get("max_sequence_length") or 2048
        ),
    )


def _idefics3() -> Family:
    from transformers import Idefics3ForConditionalGeneration
    from transformers.models.idefics3.image_processing_pil_idefics3 import Idefics3ImageProcessorPil

    return _tiled(Idefics3ForConditionalGeneration, Idefics3ImageProcessorPil)


def _smolvlm() -> Family:
    from transformers import SmolVLMForConditionalGeneration
    from transformers.models.smolvlm.image_processing_pil_smolvlm import SmolVLMImageProcessorPil

    return _tiled(SmolVLMForConditionalGeneration, SmolVLMImageProcessorPil)


_FAMILIES: Final = {"idefics": _idefics, "idefics3": _idefics3, "smolvlm": _smolvlm}


def _tiled(model_class: Any, processor_class: Any) -> Family:
    """Idefics3 and its successors, which differ in nothing but the names of their classes."""

    def build(model: Any, encoder: PromptEncoder, folder: Path) -> Engine:
        # A picture is first brought to the size that the files name, as the reference does it, and then to one tile:
        # to a tile at once, a long picture would be made narrow before it is squashed to a square.
        tile = {"longest_edge": model.config.vision_config.image_size}
        processor = processor_class.from_pretrained(
            folder, local_files_only=True, do_image_splitting=False, do_pad=True, max_image_size=tile
        )
        return Idefics3Engine(model, encoder, processor, _dialect(encoder))

    return Family(
        model_class=model_class,
        whole_modules=("lm_head", "model.vision_model", "model.connector"),
        read_encoder=_tiled_encoder,
        build_engine=build,
        context_length=lambda config: int(config.get("text_config", {}).get("max_position_embeddings") or 2048),
    )


def _tiled_encoder(folder: Path, config: Any) -> PromptEncoder:
    backend = read_tokenizer(folder)
    begins = [dialect.begin for dialect in (IDEFICS3, SMOLVLM) if backend.token_to_id(dialect.begin) is not None]
    if not begins:
        raise CheckpointError(
            f"{folder}'s tokenizer has neither {IDEFICS3.begin} nor {SMOLVLM.begin}: its prompts are of an unknown kind"
        )
    tokens = (begins[0], END_OF_UTTERANCE, FENCE, IMAGE, *_tile_tokens(backend))
    # In the vocabulary of some checkpoints it is no token of its own, but a few pieces of plain text.
    announced = Control(GLOBAL_IMAGE) if GLOBAL_IMAGE in tokens else Label(GLOBAL_IMAGE)
    vision = config.vision_config
    image_tokens = (vision.image_size // vision.patch_size) ** 2 // config.scale_factor**2
    picture = (Control(FENCE), announced, *[Control(IMAGE)] * image_tokens, Control(FENCE))
    return PromptEncoder(backend, Notation(tokens, picture, is_legacy=False))


def _tile_tokens(backend: Tokenizer) -> list[str]:
    """The added tokens that announce a whole picture or a tile."""
    added = (token.content for token in backend.get_added_tokens_decoder().values())
    return [token for token in added if token == GLOBAL_IMAGE or _TILE_PLACE.fullmatch(token)]


def _dialect(encoder: PromptEncoder) -> Dialect:
    return IDEFICS3 if IDEFICS3.begin in encoder.control_ids else SMOLVLM
