"""A thumbnail fits its box, keeps the picture's shape and averages its colours."""

import PIL.Image
import pytest

from chat.images import read_image, thumbnail
from tests.pictures import colour_at, encoded


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
