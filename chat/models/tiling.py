"""Into how many tiles the image processors of Idefics3 and its successors cut a picture, told from its size alone.

The steps and their roundings are theirs, so that a prompt has as many places for a picture as the model makes vectors
of it, without a look at its pixels.
"""

import math
from typing import Final

_LONGEST_EVER: Final = 4096
"""Pixels of the longest side that these processors work with, whatever their settings say."""


def rows_and_columns(width: int, height: int, longest: int, tile: int) -> tuple[int, int]:
    """The rows and columns of tiles that a picture is cut into.

    Args:
        width: Of the picture, in pixels.
        height: Of the picture, in pixels.
        longest: Side, in pixels, that the picture's longer one is brought to before it is cut.
        tile: Side of a tile, in pixels.

    Returns:
        (0, 0) for a picture that is seen as a whole alone.
    """
    rows, columns = (side // tile for side in _in_whole_tiles(*_resized(height, width, longest), tile))
    return (0, 0) if rows == columns == 1 else (rows, columns)


def _resized(height: int, width: int, longest: int) -> tuple[int, int]:
    """Height and width after the longer side was brought to its length, the other one even."""
    ratio = width / height
    if width >= height:
        width = longest
        height = int(width / ratio)
        height += height % 2
    else:
        height = longest
        width = int(height * ratio)
        width += width % 2
    return _limited(max(height, 1), max(width, 1))


def _limited(height: int, width: int) -> tuple[int, int]:
    """Height and width of what is no longer than these processors take."""
    ratio = width / height
    if width >= height and width > _LONGEST_EVER:
        width = _LONGEST_EVER
        height = int(width / ratio)
    elif height > width and height > _LONGEST_EVER:
        height = _LONGEST_EVER
        width = int(height * ratio)
    return max(height, 1), max(width, 1)


def _in_whole_tiles(height: int, width: int, tile: int) -> tuple[int, int]:
    """Height and width enlarged to multiples of a tile's side, the longer one first."""
    ratio = width / height
    if width >= height:
        width = math.ceil(width / tile) * tile
        height = math.ceil(int(width / ratio) / tile) * tile
    else:
        height = math.ceil(height / tile) * tile
        width = math.ceil(int(height * ratio) / tile) * tile
    return height, width
