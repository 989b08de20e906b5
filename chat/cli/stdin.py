"""What is read from stdin, where `-` stands for it."""

import sys
from collections.abc import Sequence

from chat.conversation import Image
from chat.errors import InputError, UsageError
from chat.files import byte_size
from chat.images import MOST_BYTES, read_image


def read_stdin() -> bytes:
    """All of it; raises InputError where that is more than a picture may have."""
    # A closed stdin is None.
    read = sys.stdin.buffer.read(MOST_BYTES + 1) if sys.stdin is not None else b""
    if len(read) > MOST_BYTES:
        raise InputError(f"stdin gives more than {byte_size(MOST_BYTES)}: give less")
    return read


def check_read_once(arguments: Sequence[str]) -> None:
    """Raise UsageError where more than one argument stands for stdin."""
    if arguments.count("-") > 1:
        raise UsageError("stdin can be read once: give - for one thing only")


def picture_of_stdin() -> Image:
    """The picture that comes from stdin."""
    return read_image(read_stdin(), "stdin")
