"""A recorded conversation."""

import random

import pytest

from chat.conversation import Image
from chat.generation import TextGenerator
from chat.records import StoredTurn
from tests.replay.recordings import Recording


@pytest.fixture(scope="module")
def talk(shapes: TextGenerator, scene: Image) -> list[StoredTurn]:
    """Three exchanges about a picture."""
    recording = Recording(shapes)
    for parts in ((scene, "What is in the picture?"), ("How many shapes are there?",), ("Is there a star?",)):
        recording.ask(*parts)
    return recording.turns


@pytest.fixture(scope="module")
def scene() -> Image:
    """A picture of two shapes."""
    from chat.shapes.evaluate import picture_of
    from chat.shapes.scenes import random_scene

    return picture_of(random_scene(random.Random(3), 2), "scene.png")
