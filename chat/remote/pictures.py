"""Pictures as they travel to a server: inside the question, as URLs that hold them."""

import base64
import io
from collections.abc import Callable
from functools import lru_cache
from typing import Final

from chat.conversation import Image
from chat.images import decode, looks_alike_everywhere, media_type

_TAKEN: Final = ("image/png", "image/jpeg", "image/webp")
"""Media types that every server reads."""
_REMEMBERED: Final = 8
"""Pictures that need not be written anew for every turn of their conversation."""


def remembering() -> Callable[[Image], str]:
    """Gives `data_url` with the last ones remembered."""
    return lru_cache(_REMEMBERED)(data_url)


def data_url(image: Image) -> str:
    """The picture as a URL, the same at every call, so that a server can know it again.

    The bytes are those of its file, if every server makes of them what we do; otherwise the picture is written anew.

    Raises:
        ImageError: The picture's bytes are gone or damaged.
    """
    data = image.read()
    kind = media_type(data)
    if kind not in _TAKEN or not looks_alike_everywhere(data):
        kind, written = "image/png", io.BytesIO()
        decode(image).save(written, "PNG", compress_level=1)
        data = written.getvalue()
    return f"data:{kind};base64,{base64.b64encode(data).decode('ascii')}"
