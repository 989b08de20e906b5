"""Pictures of every kind that is read, and the message that another is refused with."""

import io
import random
import re
import struct
import zlib
from collections.abc import Callable
from typing import Any

import PIL.Image
import pytest

from chat.errors import ImageError

RED, GREEN, BLUE, YELLOW = (220, 40, 30), (30, 180, 60), (40, 60, 210), (230, 210, 40)
WHITE = (255, 255, 255)


def encoded(picture: PIL.Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    """The bytes of the picture's file."""
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


def noise(mode: str = "RGB", size: tuple[int, int] = (24, 18)) -> PIL.Image.Image:
    """A picture of random pixels, the same each time."""
    bands = len(PIL.Image.new(mode, (1, 1)).getbands())
    return PIL.Image.frombytes(mode, size, random.Random(7).randbytes(size[0] * size[1] * bands))


def colour_at(picture: PIL.Image.Image, place: tuple[int, int] = (0, 0)) -> tuple[int, ...]:
    """The colour of one pixel."""
    colour = picture.getpixel(place)
    assert isinstance(colour, tuple)
    return colour


def chunk(name: bytes, content: bytes) -> bytes:
    """A chunk of a PNG, with its length and checksum."""
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def png_of_size(width: int, height: int) -> bytes:
    """A PNG that says it is this large, and holds nothing."""
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


KINDS: dict[str, bytes] = {
    "png": encoded(noise()),
    "png with a palette": encoded(noise("P")),
    "png of 16 bits": encoded(PIL.Image.frombytes("I;16", (24, 18), random.Random(3).randbytes(24 * 18 * 2))),
    "png with alpha": encoded(noise("RGBA")),
    "jpeg": encoded(noise(), "JPEG"),
    "progressive jpeg": encoded(noise(), "JPEG", progressive=True),
    "cmyk jpeg": encoded(noise("CMYK"), "JPEG"),
    "webp": encoded(noise(), "WEBP"),
    "webp without loss": encoded(noise("RGBA"), "WEBP", lossless=True),
    "gif": encoded(noise("L"), "GIF"),
    "animated gif": encoded(noise("L"), "GIF", save_all=True, append_images=[noise("L").rotate(180)]),
    "bmp": encoded(noise(), "BMP"),
    "avif": encoded(noise(), "AVIF"),
    "jpeg with exif": encoded(
        noise(), "JPEG", exif=b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"
    ),
}


def refusal(read: Callable[[], object]) -> str:
    """The message a picture is refused with: one line, without addresses of objects."""
    with pytest.raises(ImageError) as caught:
        read()
    message = str(caught.value)
    assert message.isprintable()
    assert not re.search(r"0x[0-9a-f]{4}|<_io", message)
    return message
