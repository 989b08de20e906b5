"""Which checkpoint to load and how. Knows nothing of torch, so that options can be read without it."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from chat.errors import UsageError

DTYPES: Final = ("auto", "float32", "float16", "bfloat16")
QUANTIZATIONS: Final = ("none", "8bit", "4bit")
_DEVICES: Final = re.compile(r"auto|cpu|mps|cuda(:\d+)?|xpu(:\d+)?")
HIGH: Final = "high"
"""The detail of pictures that are seen in parts as well as a whole."""
IMAGE_DETAILS: Final = ("low", HIGH)


@dataclass(frozen=True, slots=True)
class CheckpointRequest:
    """What the user asked for."""

    name: str
    """A hub name, a folder, or what the bundled checkpoint is called."""
    folder: Path | None = None
    """Where the files are, when that is known already."""
    revision: str | None = None
    dtype: str = "auto"
    quantize: str = "none"
    device: str = "auto"
    image_detail: str = "low"
    """Whether a picture is seen as a whole alone, in 64 to 169 tokens, or in parts, too, in hundreds to thousands.

    IDEFICS, the first of the families, sees every picture in one size.
    """
    is_demonstration: bool = False

    def __post_init__(self) -> None:
        if not self.name.strip():
            raise UsageError(
                "the checkpoint has no name: give a folder or a name such as HuggingFaceM4/idefics-9b-instruct"
            )
        if self.dtype not in DTYPES:
            raise UsageError(f"dtype is {self.dtype!r}: choose one of {', '.join(DTYPES)}")
        if self.quantize not in QUANTIZATIONS:
            raise UsageError(f"quantize is {self.quantize!r}: choose one of {', '.join(QUANTIZATIONS)}")
        if not _DEVICES.fullmatch(self.device):
            raise UsageError(f"device is {self.device!r}: choose one of auto, cpu, cuda, cuda:N, mps, xpu")
        if self.image_detail not in IMAGE_DETAILS:
            raise UsageError(f"image-detail is {self.image_detail!r}: choose one of {', '.join(IMAGE_DETAILS)}")
