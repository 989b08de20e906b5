"""How a program ends some of whose threads may not."""

import os
import sys
from contextlib import suppress
from typing import NoReturn


def end_at_once(exit_code: int) -> NoReturn:
    """End the process: a thread that waits for the model, or reads a picture, would keep an orderly end waiting.

    One that is inside torch would not survive an interpreter that takes itself apart around it.
    """
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            # Whoever took the output may be gone.
            with suppress(OSError):
                stream.flush()
    os._exit(exit_code)
