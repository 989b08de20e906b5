"""Where the bundled checkpoint and its sample pictures lie."""

from pathlib import Path
from typing import Final

CHECKPOINT: Final = Path(__file__).parent / "checkpoint"
"""The bundled checkpoint's folder."""

SAMPLES: Final = tuple(
    CHECKPOINT.with_name("samples") / name
    for name in ("red-circle-blue-star.png", "green-triangle.png", "four-shapes.png")
)
"""Pictures of its world, for the first conversation; they are among those of the sample sessions."""
