"""The composition root: where the store, the generator and the sample pictures come from."""

import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from chat.conversation import Image
from chat.generation import Loader, LoadProgress, TextGenerator
from chat.models.request import CheckpointRequest
from chat.session import SessionStore

SAMPLES = ("red-circle-blue-star.png", "green-triangle.png", "four-shapes.png")
"""Pictures of the bundled checkpoint's world, for the first conversation."""


_SHAPES: Final = Path(__file__).parent.parent / "shapes"


def bundled_folder() -> Path:
    """Where the bundled checkpoint's files are."""
    return _SHAPES / "checkpoint"


def sample_images() -> Sequence[Image]:
    """The sample pictures."""
    from chat.images import open_image

    return [open_image(_SHAPES / "samples" / name) for name in SAMPLES]


def open_session_store(db: Path | None) -> SessionStore:
    """The store in this file, or in the place where the platform keeps a user's data."""
    from chat.store import default_path, open_store

    return open_store(db or default_path())


def loader(request: CheckpointRequest) -> Loader:
    """What loads this checkpoint; importing torch is left to the call."""

    def load(progress: Callable[[LoadProgress], None], stop: threading.Event) -> TextGenerator:
        from chat.models.loading import load_generator

        return load_generator(request, progress, stop)

    return load
