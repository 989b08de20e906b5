"""Pictures as cells: how large they are drawn, by which means, and the shrunk pictures kept for drawing again."""

import os
import sys
import threading
from collections import OrderedDict
from collections.abc import Mapping
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from chat.conversation import Image
from chat.errors import ImageError
from chat.files import read_file
from chat.images import MOST_BYTES, read_image, thumbnail
from chat.safe_text import printable
from chat.tui.glyphs import ASCII, GLYPHS

if TYPE_CHECKING:
    import PIL.Image

MOST_KEPT: Final = 128
"""Shrunk pictures kept in memory; each has at most a few thousand pixels."""


class PictureMode(StrEnum):
    """How pictures are drawn."""

    HALF = "half"
    """Half blocks in the text's own colours; works in every terminal with colours."""
    KITTY = "kitty"
    SIXEL = "sixel"
    TEXT = "text"
    """A line that names the picture."""


@cache
def picture_mode() -> PictureMode:
    """How pictures are drawn in this process's terminal; asked first before Textual runs."""
    mode = mode_for(os.environ, is_terminal=sys.__stdout__ is not None and sys.__stdout__.isatty())
    if mode in (PictureMode.KITTY, PictureMode.SIXEL):
        # The import asks the terminal for the size of a cell, and Textual would take the answer for keys.
        import textual_image.widget  # noqa: F401
    return mode


def mode_for(environ: Mapping[str, str], *, is_terminal: bool) -> PictureMode:
    """How pictures are drawn: what `IDEFICS_CHAT_PICTURES` asks for, or what the terminal was found to show."""
    asked = environ.get("IDEFICS_CHAT_PICTURES", "").lower()
    if asked in list(PictureMode):
        return PictureMode(asked)
    if GLYPHS is ASCII:
        return PictureMode.TEXT
    return _probed() if is_terminal and _may_draw_pixels(environ) else PictureMode.HALF


def _may_draw_pixels(environ: Mapping[str, str]) -> bool:
    """Whether it is worth asking the terminal; the question costs time and a silent terminal costs more."""
    if environ.get("TMUX") or environ.get("STY"):
        return False
    names = f"{environ.get('TERM', '')} {environ.get('TERM_PROGRAM', '')}".lower()
    return "KITTY_WINDOW_ID" in environ or any(
        name in names for name in ("kitty", "ghostty", "wezterm", "foot", "mlterm", "contour")
    )


def _probed() -> PictureMode:
    """Ask the terminal; only before Textual runs, which would read the answers as keys."""
    from textual_image.renderable import Image as Best
    from textual_image.renderable import SixelImage, TGPImage

    if Best is TGPImage:
        return PictureMode.KITTY
    return PictureMode.SIXEL if Best is SixelImage else PictureMode.HALF


def cells_for(width: int, height: int, box: tuple[int, int]) -> tuple[int, int]:
    """Columns and rows of a picture of so many pixels in a box; never enlarged, a cell is one by two pixels."""
    columns, rows = box
    scale = min(columns / width, 2 * rows / height, 1)
    return max(1, round(width * scale)), max(1, -(-round(height * scale) // 2))


class ShrunkPicture(NamedTuple):
    """A picture made small for a place on the screen."""

    pixels: "PIL.Image.Image"
    byte_count: int
    """Of the picture itself."""


class PictureCache:
    """Shrunk pictures by digest and size, and which pictures have been decoded; safe from any thread."""

    def __init__(self, most: int = MOST_KEPT) -> None:
        self._most = most
        self._kept: OrderedDict[tuple[str, int, int], ShrunkPicture] = OrderedDict()
        self._lock = threading.Lock()
        self._sizes: dict[str, tuple[int, int]] = {}

    def get(self, image: Image, width: int, height: int) -> ShrunkPicture | None:
        """The picture, if it was made in this size before."""
        with self._lock:
            return self._kept.get((image.digest, width, height))

    def open(self, path: Path) -> Image:
        """The picture in a file; decoded the first time, whether that was to look at it or to attach it.

        Raises:
            ImageError: The file cannot be read, or holds no picture that can be used.
        """
        from hashlib import sha256

        expanded = Path(os.path.expanduser(path))
        data, name = read_file(expanded, most_bytes=MOST_BYTES, error=ImageError), expanded.name
        digest = sha256(data).hexdigest()
        if size := self._sizes.get(digest):
            return Image(digest, *size, printable(name, multiline=False), lambda: data)
        image = read_image(data, name)
        self._sizes[digest] = image.width, image.height
        return image

    def make(self, image: Image, width: int, height: int) -> ShrunkPicture:
        """The picture for a box of pixels; takes as long as reading and shrinking it does.

        Raises:
            ChatError: Its bytes cannot be read.
        """
        if known := self.get(image, width, height):
            return known
        shrunk = ShrunkPicture(thumbnail(image, width, height), len(image.read()))
        with self._lock:
            self._kept[image.digest, width, height] = shrunk
            while len(self._kept) > self._most:
                self._kept.popitem(last=False)
        return shrunk


PICTURES: Final = PictureCache()
"""What this process has drawn; pictures never change under their digest, so nobody has to empty it."""
