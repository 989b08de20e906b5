"""Pixels as a viewer would show them: upright, opaque and in 8-bit RGB. Knows nothing of files."""

from typing import TYPE_CHECKING

# Neither the first frame nor commands without a picture need wait for Pillow.
if TYPE_CHECKING:
    import PIL.Image


def to_rgb(picture: "PIL.Image.Image") -> "PIL.Image.Image":
    """A picture of any mode in RGB: what is transparent laid on white, deeper greys brought to 8 bits."""
    import PIL.Image

    if picture.mode.startswith(("I", "F")):
        picture = _eight_bit_grey(picture)
    if not picture.has_transparency_data:
        return picture.convert("RGB")
    # A conversion to the mode a picture has already is a copy, which for a large picture is too dear.
    colours = picture if picture.mode in ("RGBA", "LA") else picture.convert("RGBA")
    on_white = PIL.Image.new("RGB", picture.size, "white")
    on_white.paste(colours, mask=colours)
    return on_white


def upright(picture: "PIL.Image.Image", orientation: object) -> "PIL.Image.Image":
    """A picture turned the way its file asks for, as EXIF counts it; anything else turns nothing."""
    from PIL.Image import Transpose

    turns = {
        2: Transpose.FLIP_LEFT_RIGHT,
        3: Transpose.ROTATE_180,
        4: Transpose.FLIP_TOP_BOTTOM,
        5: Transpose.TRANSPOSE,
        6: Transpose.ROTATE_270,
        7: Transpose.TRANSVERSE,
        8: Transpose.ROTATE_90,
    }
    turn = turns.get(orientation) if isinstance(orientation, int) else None
    return picture if turn is None else picture.transpose(turn)


def _eight_bit_grey(picture: "PIL.Image.Image") -> "PIL.Image.Image":
    """Grey of 16 or 32 bits brought to 8, where a plain conversion would turn all but the darkest into white."""
    white = 65535.0
    if not picture.mode.startswith("I;16"):
        # These modes do not say what white is: the smallest usual white that no pixel exceeds.
        _, highest = picture.getextrema()
        white = next((top for top in (1.0, 255.0, 65535.0) if float(str(highest)) <= top), float(str(highest)))
    scale = 255 / white
    grey = picture.point(lambda level: level * scale + 0.5).convert("L")
    if "transparency" in picture.info:
        grey.info["transparency"] = round(picture.info["transparency"] * scale)
    return grey
