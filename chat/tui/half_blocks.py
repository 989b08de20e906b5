"""A small picture as lines of half blocks: two pixels a cell, the upper in the foreground, the lower behind it."""

from itertools import groupby
from typing import TYPE_CHECKING

from rich.color import Color
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

if TYPE_CHECKING:
    import PIL.Image

Pixel = tuple[int, int, int]


def half_blocks(picture: "PIL.Image.Image") -> list[Strip]:
    """The lines of an RGB picture, one for every two rows of pixels; an odd last row stands alone on the background."""
    width, height = picture.size
    raw = picture.tobytes()
    pixels: list[Pixel] = [(raw[at], raw[at + 1], raw[at + 2]) for at in range(0, len(raw), 3)]
    rows = [pixels[start : start + width] for start in range(0, width * height, width)]
    return [_line(rows[y], rows[y + 1] if y + 1 < height else None) for y in range(0, height, 2)]


def _line(upper: list[Pixel], lower: list[Pixel] | None) -> Strip:
    cells: list[tuple[Pixel, Pixel | None]] = [
        (pixel, lower[column] if lower is not None else None) for column, pixel in enumerate(upper)
    ]
    segments = [_segment(top, bottom, len(list(run))) for (top, bottom), run in groupby(cells)]
    return Strip(segments, len(upper))


def _segment(top: Pixel, bottom: Pixel | None, count: int) -> Segment:
    background = None if bottom is None else Color.from_rgb(*bottom)
    if top == bottom:
        return Segment(" " * count, Style(bgcolor=background))
    return Segment("▀" * count, Style(color=Color.from_rgb(*top), bgcolor=background))
