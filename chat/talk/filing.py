"""Where a session is saved as a file, as somebody typed it."""

import os
from pathlib import Path
from typing import Final

OVERWRITE: Final = " --overwrite"
"""Follows the name of a file that may be replaced, as on the command line."""


def export_file(argument: str, session_id: str) -> tuple[Path, bool]:
    """The file, and whether it may be replaced; without a name the session's id gives one, in this folder."""
    # Also where nothing stands before it.
    typed = f" {argument.strip()}"
    name = typed.removesuffix(OVERWRITE).strip() or f"idefics-chat-{session_id}.json"
    return Path(os.path.expanduser(name)).absolute(), typed.endswith(OVERWRITE)
