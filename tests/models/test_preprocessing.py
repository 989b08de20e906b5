"""The picture that a model gets is told as a picture: the processor's own pixels, before they were normalised."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from chat.conversation import Image
from chat.images import decode, read_image
from chat.seen import View
from tests.models.reference import IMAGES, loaded, noise
from tests.models.tiny import TILE
from tests.models.tiny_idefics import SIDE


def pixels_of(view: View) -> Any:
    picture = decode(read_image(view.png, "view.png"))
    assert picture.size == (view.width, view.height)
    return np.asarray(picture)


def plain(generator: Any, image: Image) -> Any:
    """What the processor makes of a picture when it leaves the values of its pixels as they are."""
    engine = generator.engine
    processor = getattr(engine, "_image_processor", None) or engine._eyes.processor
    options = {} if hasattr(engine, "_image_processor") else {"do_image_splitting": bool(engine._eyes.grid(image)[0])}
    made = processor([decode(image)], return_tensors="pt", do_normalize=False, do_rescale=False, **options)
    values = made if not hasattr(made, "keys") else made["pixel_values"]
    return np.asarray(values.reshape(-1, *values.shape[-3:])).transpose(0, 2, 3, 1)


@pytest.mark.parametrize("detail", ["low", "high"])
def test_the_views_are_the_processors_own_pixels(family_folder: Path, detail: str) -> None:
    generator = loaded(family_folder, image_detail=detail)
    for image in [*IMAGES, noise(9, 200, 120), noise(10, 1, 5)]:
        seen = generator.preprocess(image)
        expected = plain(generator, image)
        views = [*seen.tiles, seen.whole]
        assert len(views) == len(expected)
        for view, pixels in zip(views, expected, strict=True):
            # What surrounds a smaller view is padding, which is no part of the picture.
            own = np.clip(np.round(pixels[: view.height, : view.width].astype(float)), 0, 255)
            assert np.abs(pixels_of(view) - own).max() <= 1
            assert not pixels[view.height :].any()
            assert not pixels[:, view.width :].any()


def test_idefics_sees_one_square(family_folder: Path) -> None:
    generator = loaded(family_folder)
    seen = generator.preprocess(noise(7, 90, 20))
    side = {"idefics": SIDE, "idefics2": None}.get(generator.facts.family, TILE)
    assert seen.tiles == ()
    assert (seen.rows, seen.columns) == (0, 0)
    if side is not None:
        assert (seen.whole.width, seen.whole.height) == (side, side)


def test_tiles_come_with_their_grid(family_folder: Path) -> None:
    generator = loaded(family_folder, image_detail="high")
    seen = generator.preprocess(noise(7, 200, 120))
    grid = {"idefics": (0, 0), "idefics2": (2, 2)}.get(generator.facts.family, (3, 4))
    assert (seen.rows, seen.columns) == grid
    assert len(seen.tiles) == seen.rows * seen.columns
