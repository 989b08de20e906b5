"""Copies of a picture are told from other pictures, which is measured with pictures that are drawn."""

import io
import random
from collections.abc import Callable
from itertools import combinations

import PIL.Image
import pytest
from PIL import ImageDraw, ImageEnhance

from chat.errors import ImageError
from chat.images import read_image
from chat.likeness import distance, hash_of, hash_or_none, sought
from chat.shapes.scenes import draw, random_scene

Picture = PIL.Image.Image

SCENES = 100
SIDES = (200, 320)


def scene(seed: int) -> Picture:
    """Coloured shapes on a plain ground, of about the size of the smaller pictures that people have."""
    drawn = draw(random_scene(random.Random(seed)))
    side = SIDES[seed % 2]
    return drawn.resize((side, side), PIL.Image.Resampling.BICUBIC)


def page(seed: int) -> Picture:
    """Lines of words, as on a scanned page; where a paragraph ends is by chance."""
    choose = random.Random(seed)
    drawn = PIL.Image.new("RGB", (300, 400), "white")
    pen = ImageDraw.Draw(drawn)
    for top in range(20, 380, 9):
        ends = choose.choice((280, 280, 280, 120, 20))
        left = 20
        while left < ends:
            width = choose.randint(5, 30)
            pen.rectangle((left, top, min(left + width, ends), top + 4), fill="black")
            left += width + 3
    return drawn


def saved(picture: Picture, form: str = "PNG", **options: object) -> bytes:
    encoded = io.BytesIO()
    picture.save(encoded, form, **options)
    return encoded.getvalue()


def resized(picture: Picture, share: float) -> Picture:
    size = (round(picture.width * share), round(picture.height * share))
    return picture.resize(size, PIL.Image.Resampling.BICUBIC)


def cut(picture: Picture, share: float) -> Picture:
    across, down = round(picture.width * share), round(picture.height * share)
    return picture.crop((across, down, picture.width - across, picture.height - down))


COPIES: dict[str, Callable[[Picture], bytes]] = {
    "half as large": lambda picture: saved(resized(picture, 0.5)),
    "twice as large": lambda picture: saved(resized(picture, 2)),
    "JPEG": lambda picture: saved(picture, "JPEG", quality=75),
    "a poor JPEG": lambda picture: saved(picture, "JPEG", quality=30),
    "WebP": lambda picture: saved(picture, "WEBP", quality=40),
    "GIF": lambda picture: saved(picture.convert("P"), "GIF"),
    "a small JPEG": lambda picture: saved(resized(picture, 0.4), "JPEG", quality=50),
    "darker": lambda picture: saved(ImageEnhance.Brightness(picture).enhance(0.8)),
    "paler": lambda picture: saved(ImageEnhance.Contrast(picture).enhance(0.8)),
    "cut by 1 % at each side": lambda picture: saved(cut(picture, 0.01)),
    "turned by its metadata": lambda picture: turned(picture),
    "opaque again": lambda picture: saved(picture.convert("RGBA")),
}


def turned(picture: Picture) -> bytes:
    """Lying on its side in the file, which says so."""
    exif = PIL.Image.Exif()
    exif[0x0112] = 6
    return saved(picture.transpose(PIL.Image.Transpose.ROTATE_90), "JPEG", exif=exif, quality=90)


def are_alike(one: str, other: str) -> bool:
    return distance(one, other) is not None


@pytest.fixture(scope="module")
def hashes() -> dict[str, list[str]]:
    """Of different pictures of two kinds."""
    return {
        "scenes": [hash_of(saved(scene(seed))) for seed in range(SCENES)],
        "pages": [hash_of(saved(page(seed))) for seed in range(20)],
    }


@pytest.mark.parametrize(("kind", "most"), [("scenes", 1), ("pages", 1)])
def test_different_pictures_are_hardly_ever_alike(hashes: dict[str, list[str]], kind: str, most: int) -> None:
    alike = [pair for pair in combinations(range(len(hashes[kind])), 2) if are_alike(*(hashes[kind][n] for n in pair))]
    assert len(alike) <= most, alike


@pytest.mark.parametrize("copy", COPIES)
def test_a_copy_is_like_its_picture(hashes: dict[str, list[str]], copy: str) -> None:
    for seed in range(0, SCENES, 20):
        assert are_alike(hash_of(COPIES[copy](scene(seed))), hashes["scenes"][seed]), seed
    assert are_alike(hash_of(COPIES[copy](page(3))), hashes["pages"][3])


def test_a_shape_of_another_colour_is_another_picture() -> None:
    def circle(colour: str) -> str:
        drawn = PIL.Image.new("RGB", (200, 200), "grey")
        ImageDraw.Draw(drawn).ellipse((40, 50, 110, 120), fill=colour)
        return hash_of(saved(drawn))

    # All of them about as bright as each other.
    for one, other in combinations(("#d42a28", "#286fd2", "#188038"), 2):
        assert not are_alike(circle(one), circle(other)), (one, other)


def test_a_plain_picture_is_like_none_of_another_colour() -> None:
    blank = [hash_of(saved(PIL.Image.new("RGB", (50, 40), grey))) for grey in ("white", "black", "#777")]
    assert blank == [""] * 3
    assert not are_alike("", "")
    gradient = PIL.Image.linear_gradient("L")
    plain = [PIL.Image.new("RGB", (50, 40), colour) for colour in ("red", "blue")]
    plain += [gradient, gradient.transpose(PIL.Image.Transpose.ROTATE_90)]
    for one, other in combinations(map(hash_of, map(saved, plain)), 2):
        assert not are_alike(one, other)
    assert are_alike(hash_of(saved(gradient)), hash_of(saved(gradient, "JPEG", quality=50)))


def test_a_hash_is_hexadecimal_of_one_length_and_the_same_each_time(hashes: dict[str, list[str]]) -> None:
    assert {len(found) for found in hashes["scenes"]} == {48}
    assert hash_of(saved(scene(7))) == hashes["scenes"][7]
    image = read_image(saved(scene(7)), "scene.png")
    assert sought(image) == (image.digest, hashes["scenes"][7])


def test_what_is_no_picture_has_no_hash() -> None:
    assert hash_or_none(b"no picture") == ""
    with pytest.raises(ImageError, match="is no PNG"):
        hash_of(b"no picture")
