"""Pictures: the only reader of image bytes.

Everything is checked before it is trusted: what kind of file it is, how many bytes, how many pixels, and that it
decodes. Knows nothing of models, stores or screens.
"""

import io
import os
import re
import struct
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from chat.conversation import Image
from chat.errors import ChatError, ImageError
from chat.files import byte_size, read_file
from chat.pixels import to_rgb, upright
from chat.safe_text import printable, short_line

# Neither the first frame nor commands without a picture need wait for Pillow and hashlib: functions import them.
if TYPE_CHECKING:
    import PIL.Image

MOST_BYTES: Final = 20 * 2**20
MOST_PIXELS: Final = 50_000_000
MOST_SIDE: Final = 20_000

PICTURE_SUFFIXES: Final = (".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp", ".avif")
"""How the names of files that can be read end as a rule; what a file is, its bytes alone decide."""

UNKNOWN_MEDIA_TYPE: Final = "application/octet-stream"

_FORMATS: Final = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "AVIF")
_SIGNATURES: Final = (
    ("image/png", re.compile(rb"\x89PNG\r\n\x1a\n")),
    ("image/jpeg", re.compile(rb"\xff\xd8\xff")),
    ("image/webp", re.compile(rb"RIFF....WEBP", re.DOTALL)),
    ("image/gif", re.compile(rb"GIF8[79]a")),
    ("image/bmp", re.compile(rb"BM")),
    ("image/avif", re.compile(rb"....ftyp(?:....){0,16}?avi[fs]", re.DOTALL)),
)

_MOST_SCANS: Final = 50
"""Passes over the picture that a progressive JPEG may take; cameras and programs write about ten.

A scan of nothing costs a hundred bytes of the file and as much time as a full one.
"""

_ORIENTATION_TAG: Final = 0x0112
_FIRST_ON_ITS_SIDE: Final = 5
"""Of EXIF's ways to turn a picture."""

# What Pillow and its decoders raise on bytes that are no picture: nearly everything, so it is listed and not guessed.
_DECODER_ERRORS: Final = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    EOFError,
    LookupError,
    OSError,
    RuntimeError,
    SyntaxError,
    TypeError,
    ValueError,
    struct.error,
    zlib.error,
)


def open_image(path: str | Path, name: str = "") -> Image:
    """The picture in a file; `~` stands for the home folder.

    Args:
        path: Of the file.
        name: What to call the picture; like the file, if not given.

    Raises:
        ImageError: The file cannot be read, or holds no picture that can be used.
    """
    expanded = os.path.expanduser(path)
    return read_image(read_file(expanded, most_bytes=MOST_BYTES, error=ImageError), name or Path(expanded).name)


def read_image(data: bytes, name: str) -> Image:
    """The picture that these bytes are, decoded once to be sure of it.

    Args:
        data: A whole file; the image gives exactly these bytes back.
        name: What a person would call it; marks take the place of characters that no terminal should get.

    Raises:
        ImageError: The bytes are no picture of a known kind, damaged, or too large.
    """
    shown = printable(name, multiline=False) or "picture"
    width, height = _decoded(data, shown).size
    from hashlib import sha256

    return Image(sha256(data).hexdigest(), width, height, shown, lambda: data)


def read_later(image: Image, path: str | Path) -> Image:
    """The picture of a file, its bytes let go of until they are asked for: thousands may wait.

    Asked for, they raise ImageError where the file is gone or is another since.
    """
    # Kept with `read`, the image itself would hold its bytes.
    digest, name = image.digest, image.name

    def read() -> bytes:
        from hashlib import sha256

        data = read_file(os.path.expanduser(path), most_bytes=MOST_BYTES, error=ImageError)
        if sha256(data).hexdigest() != digest:
            raise ImageError(f"{name}: was changed since it was opened: leave it alone until this ends")
        return data

    return replace(image, read=read)


def decode(image: Image) -> "PIL.Image.Image":
    """The picture in RGB as a viewer would show it.

    Turned the way its file asks for, the first frame of an animation, what is transparent laid on white, deeper greys
    brought to 8 bits.

    Raises:
        ImageError: The bytes are no longer a picture.
    """
    return _decoded(image.read(), image.name)


def is_there(image: Image) -> bool:
    """Whether a picture's bytes can be had, whatever they are."""
    try:
        image.read()
    except ChatError:
        return False
    return True


def thumbnail(image: Image, width: int, height: int) -> "PIL.Image.Image":
    """The picture in RGB, made small enough for a box of pixels; never enlarged, never without area."""
    from PIL.Image import Resampling

    picture = decode(image)
    scale = min(width / picture.width, height / picture.height, 1)
    size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
    return picture if size == picture.size else picture.resize(size, Resampling.BOX)


def miniature(data: bytes, side: int) -> "PIL.Image.Image":
    """The picture of a file in RGB, pressed into a square of so many pixels, whatever its shape, to be compared.

    A JPEG is decoded no finer than that takes, which is several times as fast.

    Raises:
        ImageError: The bytes are no picture that can be used.
    """
    import PIL.Image

    warnings.filterwarnings("ignore", module=r"PIL\.")
    with _decoder_errors(data, "picture"):
        _check_bytes(data)
        with PIL.Image.open(io.BytesIO(data), formats=_FORMATS) as picture:
            _check_size(*picture.size)
            picture.draft("RGB", (4 * side, 4 * side))
            picture.load()
            asked = _orientation(picture)
            small = to_rgb(picture).resize((side, side), PIL.Image.Resampling.BOX)
        return upright(small, asked)


def size_of(data: bytes) -> tuple[int, int]:
    """Width and height of the picture as it is shown, which the beginning of its file tells: nothing is decoded.

    Raises:
        ImageError: The bytes are no picture that can be used.
    """
    import PIL.Image

    warnings.filterwarnings("ignore", module=r"PIL\.")
    with _decoder_errors(data, "picture"):
        _check_bytes(data)
        with PIL.Image.open(io.BytesIO(data), formats=_FORMATS) as picture:
            width, height = picture.size
            _check_size(width, height)
    return (height, width) if orientation(data) >= _FIRST_ON_ITS_SIDE else (width, height)


def media_type(data: bytes) -> str:
    """The media type that the first bytes of a file tell, `application/octet-stream` for no picture we read."""
    return next((kind for kind, signature in _SIGNATURES if signature.match(data)), UNKNOWN_MEDIA_TYPE)


def orientation(data: bytes) -> int:
    """How a picture's file asks for it to be turned, as EXIF counts it; 1 where it does not."""
    import PIL.Image

    try:
        with PIL.Image.open(io.BytesIO(data), formats=_FORMATS) as picture:
            asked = _orientation(picture)
    except _DECODER_ERRORS:
        return 1
    return asked if isinstance(asked, int) and 1 <= asked <= 8 else 1


def looks_alike_everywhere(data: bytes) -> bool:
    """Whether whoever decodes a picture's file, and knows nothing of our ways, gets what `decode` gives."""
    import PIL.Image

    try:
        with PIL.Image.open(io.BytesIO(data), formats=_FORMATS) as picture:
            is_plain = picture.mode in ("RGB", "L") and not picture.has_transparency_data
            return is_plain and getattr(picture, "n_frames", 1) == 1 and _orientation(picture) in (None, 1)
    except _DECODER_ERRORS:
        return False


def _decoded(data: bytes, name: str) -> "PIL.Image.Image":
    # Pillow warns of damaged metadata and of sizes that our own limits refuse; on a terminal a warning spoils the
    # screen. A filter that stays is safe with threads, which `warnings.catch_warnings` is not.
    warnings.filterwarnings("ignore", module=r"PIL\.")
    with _decoder_errors(data, short_line(name)):
        _check_bytes(data)
        # The picture as the file has it is let go before a second copy is made to turn it.
        shown = upright(*_pixels(data))
        # Whoever turns pictures by their metadata must not turn this one again.
        shown.info.clear()
        return shown


def _pixels(data: bytes) -> tuple["PIL.Image.Image", object]:
    """The picture in RGB as it lies in the file, and the orientation the file asks for."""
    import PIL.Image

    with PIL.Image.open(io.BytesIO(data), formats=_FORMATS) as picture:
        _check_size(*picture.size)
        picture.load()
        return to_rgb(picture), _orientation(picture)


@contextmanager
def _decoder_errors(data: bytes, name: str) -> Iterator[None]:
    """Turn what a decoder raises into an ImageError, and put the picture's name before our own."""
    from PIL.Image import DecompressionBombError

    try:
        yield
    except ImageError as error:
        raise ImageError(f"{name}: {error}") from error
    except DecompressionBombError as error:
        raise ImageError(f"{name}: {_too_large('hundreds of millions of')}") from error
    except MemoryError as error:
        raise ImageError(f"{name}: the memory left is too small for it: make a smaller copy") from error
    except _DECODER_ERRORS as error:
        # The decoder's own words are not shown: they may hold addresses of objects, and name no cure.
        raise ImageError(f"{name}: {_what_is_wrong(data, str(error))}") from error


def _what_is_wrong(data: bytes, reason: str) -> str:
    if media_type(data) == UNKNOWN_MEDIA_TYPE:
        return "is no PNG, JPEG, WebP, GIF, BMP or AVIF picture: save it as one of these"
    if "truncated" in reason.lower():
        return "the file is cut off: copy it again"
    return "the file is damaged or cut off: copy it again or save it anew"


def _check_bytes(data: bytes) -> None:
    if not data:
        raise ImageError("the file is empty: copy it again")
    if len(data) > MOST_BYTES:
        raise ImageError(f"is larger than {byte_size(MOST_BYTES)}: make a smaller copy")
    # The marker of a scan cannot occur in a JPEG's compressed pixels.
    if media_type(data) == "image/jpeg" and data.count(b"\xff\xda") > _MOST_SCANS:
        raise ImageError(f"is drawn in more than {_MOST_SCANS} passes: save it anew")


def _check_size(width: int, height: int) -> None:
    if width * height > MOST_PIXELS:
        raise ImageError(_too_large(f"{width * height:,}"))
    if max(width, height) > MOST_SIDE:
        raise ImageError(f"has a side of {max(width, height):,} pixels, the most is {MOST_SIDE:,}: make a smaller copy")


def _too_large(pixels: str) -> str:
    return f"has {pixels} pixels, the most is {MOST_PIXELS:,}: make a smaller copy"


def _orientation(picture: "PIL.Image.Image") -> object:
    try:
        return picture.getexif().get(_ORIENTATION_TAG)
    except _DECODER_ERRORS:
        # Damaged metadata takes nothing from the pixels.
        return None
