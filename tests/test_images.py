"""Pictures of every kind are read and give their bytes back, and reading them disturbs nothing else."""

import subprocess
import sys
import warnings
from hashlib import sha256
from pathlib import Path

import PIL.Image
import pytest

from chat.images import decode, media_type, open_image, read_image, read_later
from tests.pictures import KINDS, encoded, png_of_size, refusal


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


def test_a_picture_that_is_read_later_holds_no_bytes_meanwhile(tmp_path: Path) -> None:
    path = tmp_path / "picture.png"
    path.write_bytes(KINDS["png"])
    data = path.read_bytes()
    held = sys.getrefcount(data)
    later = read_later(read_image(data, "picture.png"), path)
    assert sys.getrefcount(data) == held
    assert later.read() == data


def test_names_are_safe_to_show() -> None:
    assert read_image(KINDS["png"], "a\x1b[2J\n\udcff.png").name == "a␛[2J␊<U+DCFF>.png"
    assert read_image(KINDS["png"], "").name == "picture"


@pytest.mark.parametrize("size", [(1, 1), (1, 20_000), (20_000, 1), (2500, 20_000)])
def test_sizes_up_to_the_limits_are_read(size: tuple[int, int]) -> None:
    image = read_image(encoded(PIL.Image.new("1", size)), "thin.png")
    assert (image.width, image.height) == size


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
