"""What a model gets of a picture, as a picture that can be drawn like any other."""

import io
from typing import Final

from chat.conversation import Image
from chat.generation import TextGenerator
from chat.images import decode, read_image
from chat.seen import SeenPicture, View

_GAP_SHARE: Final = 24
"""Between two tiles there is this part of a tile's side."""


def model_picture(generator: TextGenerator, image: Image) -> Image:
    """What the model gets of a picture: its tiles in their grid, or the whole where there are none.

    Takes as long as reading and preparing the picture does; may be called from any thread.

    Raises:
        ImageError: The picture's bytes are gone or damaged.
    """
    return drawn(generator.preprocess(image), image.name)


def drawn(seen: SeenPicture, name: str) -> Image:
    """The tiles of a picture in their grid with gaps between them, or the whole where there are none."""
    if not seen.tiles:
        return _image(seen.whole, name)
    import PIL.Image

    tiles = [decode(_image(tile, name)) for tile in seen.tiles]
    width, height = max(tile.width for tile in tiles), max(tile.height for tile in tiles)
    gap = max(1, min(width, height) // _GAP_SHARE)
    size = (seen.columns * (width + gap) - gap, seen.rows * (height + gap) - gap)
    grid = PIL.Image.new("RGB", size)
    for place, tile in enumerate(tiles):
        row, column = divmod(place, seen.columns)
        grid.paste(tile, (column * (width + gap), row * (height + gap)))
    written = io.BytesIO()
    grid.save(written, "PNG", compress_level=1)
    return read_image(written.getvalue(), name)


def size_in_words(seen: SeenPicture) -> str:
    """What the model gets of a picture: `224×224`, or `3×4 tiles of 512×512, and the whole`."""
    if not seen.tiles:
        return f"{seen.whole.width}×{seen.whole.height}"
    tile = seen.tiles[0]
    return f"{seen.rows}×{seen.columns} tiles of {tile.width}×{tile.height}"


def _image(view: View, name: str) -> Image:
    return read_image(view.png, name)
