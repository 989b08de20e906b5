"""A server on loopback, and models that it has."""

import threading
from collections.abc import Callable, Iterator

import pytest

from chat.conversation import Image
from chat.generation import TextGenerator
from chat.images import read_image
from chat.remote.address import KEY_VARIABLE, PUBLIC_VARIABLE
from chat.remote.loading import load_remote
from tests.pictures import encoded, noise
from tests.remote.server import Server, serving

Load = Callable[..., TextGenerator]


@pytest.fixture(autouse=True)
def no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """The developer's own keys go nowhere."""
    monkeypatch.delenv(KEY_VARIABLE, raising=False)
    monkeypatch.delenv(PUBLIC_VARIABLE, raising=False)


@pytest.fixture(scope="session")
def pictures() -> tuple[Image, Image]:
    """Two that are sent as they are."""
    first, second = (read_image(encoded(noise(size=(20 + n, 16))), f"{n}.png") for n in (1, 2))
    return first, second


@pytest.fixture(scope="module")
def the_server() -> Iterator[Server]:
    with serving() as server:
        yield server


@pytest.fixture
def server(the_server: Server) -> Server:
    the_server.restore()
    return the_server


@pytest.fixture
def load(server: Server) -> Load:
    """Gives a model of the server."""

    def loaded(api: str = "openai", model: str = "", detail: str = "low") -> TextGenerator:
        return load_remote(server.base_url, api, model, detail, lambda _: None, threading.Event())

    return loaded
