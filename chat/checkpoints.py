"""Loaded checkpoints by name: the way in for Python code, and what the commands ask for.

The one place that knows the bundled checkpoint beside those of the hub and of folders.
"""

import threading
from typing import TYPE_CHECKING, Any, Final

from chat.models.request import CheckpointRequest
from chat.shapes.bundled import CHECKPOINT

if TYPE_CHECKING:
    from chat.generation import TextGenerator

BUNDLED: Final = "shapes"
"""What the bundled checkpoint is called."""


def request(name: str = BUNDLED, **options: Any) -> CheckpointRequest:
    """What asks for a checkpoint.

    Args:
        name: `shapes` for the bundled one, a hub name or a folder.
        options: `revision`, `dtype`, `quantize`, `device` and `image_detail`, as `CheckpointRequest` has them.
    """
    is_bundled = name == BUNDLED
    return CheckpointRequest(
        name=name, folder=CHECKPOINT if is_bundled else None, is_demonstration=is_bundled, **options
    )


def load(name: str = BUNDLED, **options: Any) -> "TextGenerator":
    """A loaded checkpoint; takes what `request` does.

    Raises:
        CheckpointError: It cannot be loaded.
    """
    from chat.models.loading import check_request, load_generator

    asked = request(name, **options)
    check_request(asked)
    return load_generator(asked, lambda _: None, threading.Event())
