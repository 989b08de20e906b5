"""A real process with the bundled checkpoint in it, begun once for each module."""

import threading
from collections.abc import Callable, Iterator

import pytest

from chat.apart.generator import ApartGenerator, load_apart
from chat.conversation import Conversation, Image, user_turn
from chat.loading import LoadProgress
from chat.models.request import CheckpointRequest
from chat.prompt import Prompt, serialize


@pytest.fixture(scope="module")
def progress() -> list[LoadProgress]:
    """What the loading told."""
    return []


@pytest.fixture(scope="module")
def apart(shapes_request: CheckpointRequest, progress: list[LoadProgress]) -> Iterator[ApartGenerator]:
    """The bundled checkpoint in a process of its own."""
    generator = load_apart(shapes_request, progress.append, threading.Event())
    yield generator
    generator.close()


@pytest.fixture
def ask(scene_image: Callable[..., Image]) -> Callable[..., Prompt]:
    """Makes prompts about a picture."""

    def make(question: str, image: Image | None = None) -> Prompt:
        return serialize(Conversation((user_turn(image or scene_image(3), question),)))

    return make
