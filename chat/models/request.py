"""Which checkpoint to load and how. Knows nothing of torch, so that options can be read without it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from chat.errors import UsageError

DTYPES: Final = ("auto", "float32", "float16", "bfloat16")
QUANTIZATIONS: Final = ("none", "8bit", "4bit")


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
