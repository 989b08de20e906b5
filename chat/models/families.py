"""What is particular to each family of checkpoints while it is loaded."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from chat.conversation import Image
from chat.models.embedded import EmbeddedEngine, Eyes
from chat.models.engine import Engine
from chat.models.idefics import IdeficsEngine
from chat.models.notations import can_be_quartered, idefics2_encoder, idefics_encoder, tiled_encoder
from chat.models.request import HIGH
from chat.models.tiling import rows_and_columns
from chat.models.tokens import PromptEncoder
from chat.prompt import IDEFICS2, IDEFICS3, SMOLVLM

if TYPE_CHECKING:
    import PIL.Image


_EMBEDDED_WHOLE: Final = ("lm_head", "model.vision_model", "model.connector")


@dataclass(frozen=True, slots=True)
class Family:
    """How checkpoints of one `model_type` are put together."""

    model_class: Any
    """Of transformers."""
    whole_modules: tuple[str, ...]
    """Modules that are never quantized, by their full names.

    What sees stays whole, it is small and matters. So does the head, whose class may be one that cannot be quantized.
    """
    read_encoder: Callable[[Path, Any, str], PromptEncoder]
    """Takes the checkpoint's folder, its config and the detail of pictures; raises CheckpointError."""
    build_engine: Callable[[Any, PromptEncoder, Path, str], Engine]
    """Takes the loaded model, its encoder, the folder and the detail of pictures."""


def family_of(model_type: str) -> Family:
    """The family of a checkpoint whose folder has been checked; only what this family needs is imported."""
    return _FAMILIES[model_type]()


def _idefics() -> Family:
    from transformers import IdeficsForVisionText2Text
    from transformers.models.idefics.image_processing_pil_idefics import IdeficsImageProcessorPil

    def build(model: Any, encoder: PromptEncoder, folder: Path, _: str) -> Engine:
        return IdeficsEngine(model, encoder, IdeficsImageProcessorPil.from_pretrained(folder, local_files_only=True))

    return Family(
        model_class=IdeficsForVisionText2Text,
        whole_modules=("lm_head", "model.vision_model", "model.perceiver_resampler"),
        read_encoder=lambda folder, _, __: idefics_encoder(folder),
        build_engine=build,
    )


def _idefics2() -> Family:
    from transformers import Idefics2ForConditionalGeneration
    from transformers.models.idefics2.image_processing_pil_idefics2 import Idefics2ImageProcessorPil

    def build(model: Any, encoder: PromptEncoder, folder: Path, image_detail: str) -> Engine:
        processor = Idefics2ImageProcessorPil.from_pretrained(folder, local_files_only=True, do_pad=True)
        is_split = image_detail == HIGH

        def views(picture: "PIL.Image.Image") -> Mapping[str, Any]:
            parted = is_split and can_be_quartered(*picture.size)
            processed: Mapping[str, Any] = processor([picture], return_tensors="pt", do_image_splitting=parted)
            return processed

        def grid(image: Image) -> tuple[int, int]:
            return (2, 2) if is_split and can_be_quartered(image.width, image.height) else (0, 0)

        return EmbeddedEngine(model, encoder, IDEFICS2, Eyes(processor, views, grid))

    return Family(
        model_class=Idefics2ForConditionalGeneration,
        whole_modules=_EMBEDDED_WHOLE,
        read_encoder=lambda folder, config, detail: idefics2_encoder(folder, config, is_split=detail == HIGH),
        build_engine=build,
    )


def _idefics3() -> Family:
    from transformers import Idefics3ForConditionalGeneration
    from transformers.models.idefics3.image_processing_pil_idefics3 import Idefics3ImageProcessorPil

    return _tiled(Idefics3ForConditionalGeneration, Idefics3ImageProcessorPil)


def _smolvlm() -> Family:
    from transformers import SmolVLMForConditionalGeneration
    from transformers.models.smolvlm.image_processing_pil_smolvlm import SmolVLMImageProcessorPil

    return _tiled(SmolVLMForConditionalGeneration, SmolVLMImageProcessorPil)


_FAMILIES: Final = {"idefics": _idefics, "idefics2": _idefics2, "idefics3": _idefics3, "smolvlm": _smolvlm}


def _tiled(model_class: Any, processor_class: Any) -> Family:
    """Idefics3 and its successors, which differ in nothing but the names of their classes."""

    def read(folder: Path, config: Any, image_detail: str) -> PromptEncoder:
        if image_detail != HIGH:
            return tiled_encoder(folder, config, longest=None)
        processor = processor_class.from_pretrained(folder, local_files_only=True)
        return tiled_encoder(folder, config, processor.size["longest_edge"])

    def build(model: Any, encoder: PromptEncoder, folder: Path, image_detail: str) -> Engine:
        # A picture is first brought to the size that the files name, as the reference does it, and then to tiles: to
        # a single one at once, a long picture would be made narrow before it is squashed to a square.
        tile = model.config.vision_config.image_size
        is_split = image_detail == HIGH
        processor = processor_class.from_pretrained(
            folder,
            local_files_only=True,
            do_image_splitting=is_split,
            do_pad=True,
            do_resize=True,
            max_image_size={"longest_edge": tile},
        )
        dialect = IDEFICS3 if IDEFICS3.begin in encoder.control_ids else SMOLVLM
        longest = processor.size["longest_edge"]

        def grid(image: Image) -> tuple[int, int]:
            return rows_and_columns(image.width, image.height, longest, tile) if is_split else (0, 0)

        eyes = Eyes(processor, lambda picture: processor([picture], return_tensors="pt"), grid)
        return EmbeddedEngine(model, encoder, dialect, eyes)

    return Family(
        model_class=model_class,
        whole_modules=_EMBEDDED_WHOLE,
        read_encoder=read,
        build_engine=build,
    )
