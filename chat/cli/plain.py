"""`idefics-chat --plain`: the conversation line by line."""

import atexit
import io
import os
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

from chat.cli.compose import apart_loader, machine_catalogue, open_session_store, sample_images
from chat.cli.ending import end_at_once
from chat.conversation import Image
from chat.errors import ChatError
from chat.generation import GenerationSettings

PROGRAM_ERROR = 4
"""Exit code of an error that nobody meant to raise."""


def talk_line_by_line(
    request: Any, chosen: GenerationSettings, images: Sequence[Image], options: dict[str, Any]
) -> NoReturn:
    """Talk, and end the program.

    Args:
        request: The `CheckpointRequest`.
        chosen: How replies are generated.
        images: Attached to the first message.
        options: Of the command.
    """
    from chat.plain.run import PlainChat

    if isinstance(sys.stdin, io.TextIOWrapper):
        # What is no text is marked, and the rest of the line is read.
        sys.stdin.reconfigure(errors="replace")
    try:
        code = PlainChat(
            open_store=lambda: open_session_store(options["db"]),
            load=apart_loader(request),
            checkpoint=request.shown_name,
            is_demonstration=request.is_demonstration,
            settings=chosen,
            environment=os.environ,
            session_id=options["session_id"],
            continue_latest=options["continue_latest"],
            images=images,
            samples=sample_images,
            catalogue=lambda: machine_catalogue(device=options["device"], image_detail=options["image_detail"]),
        ).run()
    except Exception as error:
        # Once it has been told.
        atexit.register(end_at_once, _code_of(error))
        raise
    end_at_once(code)


def _code_of(error: Exception) -> int:
    if isinstance(error, BrokenPipeError):
        # Whoever read the output has seen enough.
        return 0
    if isinstance(error, ChatError):
        return error.exit_code
    return 3 if isinstance(error, OSError) else PROGRAM_ERROR
