"""Loaded checkpoints by name: the way in for Python code, and what the commands ask for.

The one place that knows the bundled checkpoint beside those of the hub and of folders.
"""

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from chat.shapes.bundled import CHECKPOINT

if TYPE_CHECKING:
    from chat.generation import TextGenerator
    from chat.loading import LoadProgress
    from chat.models.request import CheckpointRequest

BUNDLED: Final = "shapes"
"""What the bundled checkpoint is called."""


def request(name: str = BUNDLED, **options: Any) -> "CheckpointRequest":
    """What asks for a checkpoint.

    Args:
        name: `shapes` for the bundled one, a hub name or a folder; with `base_url`, what the server calls it, and
            `shapes` for the only one that it has.
        options: `revision`, `dtype`, `quantize`, `device`, `image_detail`, `base_url` and `api`, as
            `CheckpointRequest` has them.
    """
    from chat.models.request import CheckpointRequest

    is_bundled = name == BUNDLED
    if options.get("base_url"):
        return CheckpointRequest(name="" if is_bundled else name, **options)
    return CheckpointRequest(
        name=name, folder=CHECKPOINT if is_bundled else None, is_demonstration=is_bundled, **options
    )


def load(name: str = BUNDLED, **options: Any) -> "TextGenerator":
    """A loaded checkpoint; takes what `request` does.

    Raises:
        CheckpointError: It cannot be loaded.
    """
    asked = request(name, **options)
    check(asked)
    return load_requested(asked, lambda _: None, threading.Event())


def check(asked: "CheckpointRequest") -> None:
    """Raise what is wrong with a checkpoint that can be told before anything is loaded or stored.

    Raises:
        CheckpointError: It is not there, or not whole, or not of a kind that can be loaded.
        UsageError: A revision is wanted of a folder.
    """
    if not asked.base_url:
        from chat.models.loading import check_request

        check_request(asked)


def load_requested(
    asked: "CheckpointRequest", progress: "Callable[[LoadProgress], None]", stop: threading.Event
) -> "TextGenerator":
    """Load a checkpoint into this process, or find it on the server that has it.

    Args:
        asked: Which, and how.
        progress: Told every stage; called on this thread.
        stop: Cancels at the next stage.

    Raises:
        CheckpointError: It cannot be loaded; the message says what to do.
    """
    if asked.base_url:
        from chat.remote.loading import load_remote

        return load_remote(asked.base_url, asked.api, asked.name, asked.image_detail, progress, stop)
    from chat.models.loading import load_generator

    return load_generator(asked, progress, stop)
