"""Where the file with what a user has set lies. There is none for most, who need not wait for what reads it."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from chat.config import Config

VARIABLE: Final = "IDEFICS_CHAT_CONFIG"
"""Names another file."""


def load_config(environ: Mapping[str, str] = os.environ) -> Config:
    """Read the file; where there is none, nothing is set."""
    named = environ.get(VARIABLE)
    path = Path(os.path.expanduser(named)) if named else _default_path()
    if path is None or (not named and not os.path.lexists(path)):
        return Config(path)
    from chat.config_reading import read_config

    return read_config(path)


def _default_path() -> Path | None:
    # Not needed where the user names a file.
    from platformdirs import user_config_path

    try:
        return user_config_path("idefics-chat") / "config.toml"
    except RuntimeError:
        # A user without a home.
        return None
