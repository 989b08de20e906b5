"""A decoded picture stands upright and has the colours that a viewer shows."""

import struct

import PIL.Image
import pytest

from chat.images import decode, read_image
from chat.pixels import to_rgb
from tests.pictures import BLUE, GREEN, RED, WHITE, YELLOW, colour_at, encoded


def quarters(width: int = 48, height: int = 32) -> PIL.Image.Image:
    """Red, green / blue, yellow: every turn and flip of it looks different."""
    picture = PIL.Image.new("RGB", (width, height), RED)
    picture.paste(GREEN, (width // 2, 0, width, height // 2))
    picture.paste(BLUE, (0, height // 2, width // 2, height))
    picture.paste(YELLOW, (width // 2, height // 2, width, height))
    return picture


def corner_colours(picture: PIL.Image.Image) -> tuple[tuple[int, ...], ...]:
    """The colours of the four quarters in reading order."""
    width, height = picture.size
    places = [(x, y) for y in (height // 4, height * 3 // 4) for x in (width // 4, width * 3 // 4)]
    return tuple(colour_at(picture, place) for place in places)


def is_near(colour: tuple[int, ...], expected: tuple[int, ...], by: int) -> bool:
    return all(abs(one - other) <= by for one, other in zip(colour, expected, strict=True))


@pytest.mark.parametrize(
    ("orientation", "expected"),
    [
        (1, (RED, GREEN, BLUE, YELLOW)),
        (2, (GREEN, RED, YELLOW, BLUE)),
        (3, (YELLOW, BLUE, GREEN, RED)),
        (4, (BLUE, YELLOW, RED, GREEN)),
        (5, (RED, BLUE, GREEN, YELLOW)),
        (6, (BLUE, RED, YELLOW, GREEN)),
        (7, (YELLOW, GREEN, BLUE, RED)),
        (8, (GREEN, YELLOW, RED, BLUE)),
        (9, (RED, GREEN, BLUE, YELLOW)),
    ],
)
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_pictures_stand_upright(kind: str, orientation: int, expected: tuple[tuple[int, ...], ...]) -> None:
    exif = PIL.Image.Exif()
    exif[0x0112] = orientation
    image = read_image(encoded(quarters(), kind, exif=exif, quality=95), "photo")
    picture = decode(image)
    assert (image.width, image.height) == picture.size == ((32, 48) if 5 <= orientation <= 8 else (48, 32))
    assert all(is_near(*pair, by=25) for pair in zip(corner_colours(picture), expected, strict=True))
    assert picture.getexif().get(0x0112) is None


def test_damaged_metadata_takes_nothing_from_the_pixels() -> None:
    image = read_image(encoded(quarters(), exif=b"Exif\0\0MM\0*\xff\xff\xff\xff junk"), "photo.png")
    assert corner_colours(decode(image)) == (RED, GREEN, BLUE, YELLOW)


def grey16(*levels: int) -> PIL.Image.Image:
    return PIL.Image.frombytes("I;16", (len(levels), 1), struct.pack(f"<{len(levels)}H", *levels))


def palette_picture() -> PIL.Image.Image:
    picture = PIL.Image.new("P", (2, 1))
    picture.putpalette([*RED, *BLUE])
    picture.putpixel((1, 0), 1)
    return picture


@pytest.mark.parametrize(
    ("data", "colours"),
    [
        (encoded(PIL.Image.new("RGBA", (1, 1), (255, 0, 0, 0))), [WHITE]),
        (encoded(PIL.Image.new("RGBA", (1, 1), (255, 0, 0, 128))), [(255, 127, 127)]),
        (encoded(PIL.Image.new("LA", (1, 1), (0, 0))), [WHITE]),
        (encoded(PIL.Image.new("LA", (1, 1), (0, 128))), [(127, 127, 127)]),
        (encoded(palette_picture()), [RED, BLUE]),
        (encoded(palette_picture(), transparency=1), [RED, WHITE]),
        (encoded(palette_picture(), transparency=bytes([0, 255])), [WHITE, BLUE]),
        (encoded(palette_picture(), "GIF", transparency=0), [WHITE, BLUE]),
        (encoded(PIL.Image.new("L", (1, 1), 90), transparency=90), [WHITE]),
        (encoded(PIL.Image.new("RGB", (1, 1), RED), transparency=RED), [WHITE]),
        (encoded(PIL.Image.new("1", (1, 1), 1)), [WHITE]),
        (encoded(grey16(0, 300, 51400, 65535)), [(0, 0, 0), (1, 1, 1), (200, 200, 200), WHITE]),
        (encoded(grey16(0, 30000), transparency=30000), [(0, 0, 0), WHITE]),
        (encoded(PIL.Image.new("RGBA", (1, 1), (9, 9, 9, 0)), "WEBP", lossless=True, exact=True), [WHITE]),
    ],
)
def test_every_mode_has_the_colours_a_viewer_shows(data: bytes, colours: list[tuple[int, ...]]) -> None:
    picture = decode(read_image(data, "picture"))
    assert [colour_at(picture, (x, 0)) for x in range(picture.width)] == colours


def test_cmyk_is_ink_on_paper() -> None:
    inks = PIL.Image.new("CMYK", (16, 16), (0, 255, 255, 0))
    assert is_near(colour_at(decode(read_image(encoded(inks, "JPEG"), "print.jpg"))), (255, 0, 0), by=6)


@pytest.mark.parametrize(
    ("mode", "levels", "expected"),
    [
        ("I", [0, 255], [0, 255]),
        ("I", [0, 65535], [0, 255]),
        ("I", [0, 10**6], [0, 255]),
        ("F", [0.0, 0.5, 1.0], [0, 128, 255]),
        ("F", [0.0, 128.0, 255.0], [0, 128, 255]),
    ],
)
def test_deep_grey_keeps_its_range(mode: str, levels: list[float], expected: list[int]) -> None:
    picture = PIL.Image.new(mode, (len(levels), 1))
    for x, level in enumerate(levels):
        picture.putpixel((x, 0), level)
    rgb = to_rgb(picture)
    assert [colour_at(rgb, (x, 0)) for x in range(len(levels))] == [(grey, grey, grey) for grey in expected]


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "AVIF"])
def test_an_animation_is_its_first_frame(kind: str) -> None:
    first, second = PIL.Image.new("RGB", (16, 16), RED), PIL.Image.new("RGB", (16, 16), BLUE)
    image = read_image(encoded(first, kind, save_all=True, append_images=[second]), "moving")
    assert is_near(colour_at(decode(image)), RED, by=12)
