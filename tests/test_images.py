"""Pictures are read whole and right, or refused in one line that names the file and the cure."""

import io
import os
import random
import re
import socket
import struct
import subprocess
import sys
import time
import warnings
import zlib
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import PIL.Image
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chat.errors import ImageError
from chat.images import (
    MOST_BYTES,
    decode,
    media_type,
    open_image,
    read_image,
    thumbnail,
    to_rgb,
)

RED, GREEN, BLUE, YELLOW = (220, 40, 30), (30, 180, 60), (40, 60, 210), (230, 210, 40)
WHITE = (255, 255, 255)


def encoded(picture: PIL.Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


def quarters(width: int = 48, height: int = 32) -> PIL.Image.Image:
    """Red, green / blue, yellow: every turn and flip of it looks different."""
    picture = PIL.Image.new("RGB", (width, height), RED)
    picture.paste(GREEN, (width // 2, 0, width, height // 2))
    picture.paste(BLUE, (0, height // 2, width // 2, height))
    picture.paste(YELLOW, (width // 2, height // 2, width, height))
    return picture


def noise(mode: str = "RGB", size: tuple[int, int] = (24, 18)) -> PIL.Image.Image:
    bands = len(PIL.Image.new(mode, (1, 1)).getbands())
    return PIL.Image.frombytes(mode, size, random.Random(7).randbytes(size[0] * size[1] * bands))


def corner_colours(picture: PIL.Image.Image) -> tuple[tuple[int, ...], ...]:
    """The colours of the four quarters in reading order."""
    width, height = picture.size
    places = [(x, y) for y in (height // 4, height * 3 // 4) for x in (width // 4, width * 3 // 4)]
    return tuple(colour_at(picture, place) for place in places)


def colour_at(picture: PIL.Image.Image, place: tuple[int, int] = (0, 0)) -> tuple[int, ...]:
    colour = picture.getpixel(place)
    assert isinstance(colour, tuple)
    return colour


def is_near(colour: tuple[int, ...], expected: tuple[int, ...], by: int) -> bool:
    return all(abs(one - other) <= by for one, other in zip(colour, expected, strict=True))


def chunk(name: bytes, content: bytes) -> bytes:
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


# What is read


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_read_and_gives_its_bytes_back(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "picture.any"
    path.write_bytes(KINDS[kind])
    image = open_image(path)
    assert image.read() == KINDS[kind]
    assert image.digest == sha256(KINDS[kind]).hexdigest()
    assert image.name == "picture.any"
    picture = decode(image)
    assert (picture.mode, picture.size) == ("RGB", (image.width, image.height))
    assert media_type(KINDS[kind]).removeprefix("image/") in kind


def test_a_path_may_begin_at_home_and_be_a_link(own_home: Path, tmp_path: Path) -> None:
    (own_home / "scan.png").write_bytes(KINDS["png"])
    (tmp_path / "link").symlink_to(own_home / "scan.png")
    assert open_image("~/scan.png") == open_image(str(tmp_path / "link")) == read_image(KINDS["png"], "other")


def test_names_are_safe_to_show() -> None:
    assert read_image(KINDS["png"], "a\x1b[2J\n\udcff.png").name == "a␛[2J␊<U+DCFF>.png"
    assert read_image(KINDS["png"], "").name == "picture"


@pytest.mark.parametrize("size", [(1, 1), (1, 20_000), (20_000, 1), (2500, 20_000)])
def test_sizes_up_to_the_limits_are_read(size: tuple[int, int]) -> None:
    image = read_image(encoded(PIL.Image.new("1", size)), "thin.png")
    assert (image.width, image.height) == size


# What it looks like


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


# Thumbnails


@pytest.mark.parametrize(
    ("size", "box", "expected"),
    [
        ((100, 50), (20, 20), (20, 10)),
        ((50, 100), (20, 20), (10, 20)),
        ((100, 50), (200, 200), (100, 50)),
        ((3, 2000), (10, 10), (1, 10)),
        ((100, 100), (1, 1), (1, 1)),
        ((7, 5), (0, 0), (1, 1)),
        ((333, 777), (100, 100), (43, 100)),
    ],
)
def test_thumbnails_fit_their_box(size: tuple[int, int], box: tuple[int, int], expected: tuple[int, int]) -> None:
    image = read_image(encoded(PIL.Image.new("L", size)), "picture")
    assert thumbnail(image, *box).size == expected


def test_a_thumbnail_averages() -> None:
    checks = PIL.Image.new("L", (4, 4))
    checks.paste(255, (0, 0, 2, 4))
    assert colour_at(thumbnail(read_image(encoded(checks), "checks"), 1, 1)) == (128, 128, 128)


# What is refused


def refusal(read: Callable[[], object]) -> str:
    """The message a picture is refused with: one line, without addresses of objects."""
    with pytest.raises(ImageError) as caught:
        read()
    message = str(caught.value)
    assert message.isprintable()
    assert not re.search(r"0x[0-9a-f]{4}|<_io", message)
    return message


def special_files(folder: Path) -> dict[str, Path]:
    """Things that have a path and are no picture."""
    (folder / "folder").mkdir()
    os.mkfifo(folder / "pipe")
    (folder / "loop").symlink_to(folder / "loop")
    (folder / "dangling").symlink_to(folder / "gone")
    (folder / "to zero").symlink_to("/dev/zero")
    with (folder / "sparse").open("wb") as file:
        file.truncate(MOST_BYTES + 1)
    with (folder / "huge").open("wb") as file:
        file.truncate(2**40)
    (folder / "empty").write_bytes(b"")
    (folder / "words.png").write_text("These are words.")
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(os.path.relpath(folder / "socket"))
    listener.close()
    long, nul = folder / ("x" * 5000), folder / "nul\0.png"
    return {
        **{path.name: path for path in folder.iterdir()},
        "long": long,
        "nul": nul,
        "zero": Path("/dev/zero"),
        "null": Path("/dev/null"),
        "under a file": folder / "words.png" / "a.png",
        "missing": folder / "gone.png",
        "half": folder / "\ud800.png",
    }


@pytest.mark.parametrize(
    ("which", "reason"),
    [
        ("folder", "folder: is a folder: name a file in it"),
        ("pipe", "pipe: is a pipe, a socket or a device: name an ordinary file"),
        ("socket", "socket: is a pipe, a socket or a device: name an ordinary file"),
        ("zero", "zero: is a pipe, a socket or a device: name an ordinary file"),
        ("null", "null: is a pipe, a socket or a device: name an ordinary file"),
        ("to zero", "to zero: is a pipe, a socket or a device: name an ordinary file"),
        ("loop", "loop: the link leads back to itself: name the file it should stand for"),
        ("dangling", "dangling: the link leads to a file that is gone: name the file itself"),
        ("missing", "gone.png: there is no such file: check the name"),
        ("under a file", "a.png: there is no such file: check the name"),
        ("long", "x: the path is too long: move the file where its path is shorter"),
        ("nul", "nul␀.png: no file can have this name: check it"),
        ("half", "<U+D800>.png: no file can have this name: check it"),
        ("sparse", "sparse: is larger than 20.0 MiB: make a smaller copy"),
        ("huge", "huge: is larger than 20.0 MiB: make a smaller copy"),
        ("empty", "empty: the file is empty: copy it again"),
        ("words.png", "words.png: is no PNG, JPEG, WebP, GIF, BMP or AVIF picture: save it as one of these"),
    ],
)
def test_what_is_no_picture_file_is_refused_at_once(
    which: str, reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = special_files(tmp_path)[which]
    open_files = len(os.listdir("/proc/self/fd"))
    started = time.monotonic()
    message = refusal(lambda: open_image(path))
    assert time.monotonic() - started < 0.5
    assert message.endswith(reason)
    assert len(message) < 260
    assert len(os.listdir("/proc/self/fd")) == open_files


@pytest.mark.parametrize(
    ("width", "height", "reason"),
    [
        (50_000, 50_000, "has hundreds of millions of pixels, the most is 50,000,000"),
        (12_000, 12_000, "has 144,000,000 pixels, the most is 50,000,000"),
        (10_000, 5_001, "has 50,010,000 pixels, the most is 50,000,000"),
        (20_001, 1, "has a side of 20,001 pixels, the most is 20,000"),
        (1, 20_001, "has a side of 20,001 pixels, the most is 20,000"),
    ],
)
def test_a_picture_that_would_fill_the_memory_is_refused_undecoded(width: int, height: int, reason: str) -> None:
    assert refusal(lambda: read_image(png_of_size(width, height), "bomb.png")).startswith(f"bomb.png: {reason}: make")


def test_more_bytes_than_a_file_may_have_are_refused() -> None:
    data = KINDS["png"] + bytes(MOST_BYTES)
    assert refusal(lambda: read_image(data, "a.png")).startswith("a.png: is larger than 20.0 MiB: make")


def test_a_jpeg_of_endless_passes_is_refused() -> None:
    data = KINDS["progressive jpeg"]
    assert refusal(lambda: read_image(data[:-2] + b"\xff\xda" * 60 + data[-2:], "slow.jpg")).startswith(
        "slow.jpg: is drawn in more than 50 passes"
    )


def test_a_hostile_name_is_shown_harmlessly() -> None:
    message = refusal(lambda: read_image(b"words", "\x1b]0;x\a\u202e" * 100))
    assert message.startswith("␛]0;x␇<U+202E>")
    assert len(message) < 260


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_cut_anywhere_is_refused_or_loses_no_pixel(kind: str) -> None:
    data = KINDS[kind]
    whole = decode(read_image(data, "whole")).tobytes()
    for length in {*range(0, len(data), max(1, len(data) // 40)), *range(len(data) - 30, len(data))}:
        try:
            image = read_image(data[:length], "cut")
        except ImageError as error:
            assert str(error).startswith("cut: ")
        else:
            assert decode(image).tobytes() == whole


def test_a_cut_file_is_said_to_be_cut() -> None:
    data = KINDS["jpeg"]
    assert refusal(lambda: read_image(data[:-100], "scan.jpg")) == "scan.jpg: the file is cut off: copy it again"


def read_or_refuse(data: bytes) -> None:
    """Read bytes that may be anything; only an ImageError may come out."""
    try:
        image = read_image(data, "changed")
    except ImageError as error:
        assert str(error).startswith("changed: ")
    else:
        assert decode(image).size == (image.width, image.height)


@pytest.mark.parametrize("kind", KINDS)
def test_changed_bytes_never_raise_anything_else(kind: str) -> None:
    chance = random.Random(kind)
    for _ in range(400):
        data = bytearray(KINDS[kind])
        for _ in range(chance.choice((1, 2, 8, 40))):
            # Most of what a decoder believes stands at the beginning.
            place = chance.randrange(chance.choice((40, len(data))))
            data[place] = chance.choice((0, 1, 0x7F, 0x80, 0xFF, chance.randrange(256)))
        read_or_refuse(bytes(data))


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(list(KINDS.values())), st.integers(0, 60), st.integers(0, 20), st.binary(max_size=20))
def test_spliced_bytes_never_raise_anything_else(data: bytes, start: int, length: int, inserted: bytes) -> None:
    read_or_refuse(data[:start] + inserted + data[start + length :])


# What it leaves alone


def test_nothing_is_warned_of_even_where_warnings_are_shown() -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        refusal(lambda: read_image(png_of_size(10_000, 10_000), "large.png"))
        refusal(lambda: read_image(b"BM junk", "junk.bmp"))
        read_image(KINDS["jpeg with exif"], "photo.jpg")
    assert caught == []


def test_importing_it_does_not_import_pillow() -> None:
    script = "import chat.images, chat.attachments, sys; print('PIL' in sys.modules)"
    shown = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "False"
