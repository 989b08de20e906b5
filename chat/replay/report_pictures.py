"""Pictures for a page: made small, and written into it as data."""

import io
from base64 import b64encode
from typing import TYPE_CHECKING, Final

from chat.conversation import Image
from chat.images import thumbnail

if TYPE_CHECKING:
    import PIL.Image

SIDE: Final = 640
"""Pixels of a picture's longer side, at most."""
_QUALITY: Final = 85
"""Of a JPEG."""


def data_url(image: Image) -> str:
    """A picture, made small, as the address of itself. Nothing of its file but the pixels is in it.

    Raises:
        ChatError: Its bytes are gone or damaged.
    """
    picture = thumbnail(image, SIDE, SIDE)
    as_png, as_jpeg = _written(picture, "PNG"), _written(picture, "JPEG", quality=_QUALITY)
    # Flat colours are smaller, and unharmed, as PNG; photographs are many times smaller as JPEG.
    kind, content = ("png", as_png) if len(as_png) <= len(as_jpeg) else ("jpeg", as_jpeg)
    return f"data:image/{kind};base64,{b64encode(content).decode('ascii')}"


def _written(picture: "PIL.Image.Image", form: str, **options: int) -> bytes:
    file = io.BytesIO()
    picture.save(file, form, optimize=True, **options)
    return file.getvalue()
