"""What every test has: a home of its own, no network but loopback, and the bundled checkpoint loaded once."""

import gc
import random
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from chat.conversation import Image
from chat.generation import TextGenerator
from chat.models.request import CheckpointRequest
from chat.shapes.bundled import CHECKPOINT


@pytest.fixture(scope="session", autouse=True)
def garbage_is_seldom_looked_for() -> None:
    """Python would do it after every 700 things that are made, beside a million that torch has made."""
    gc.set_threshold(10_000, *gc.get_threshold()[1:])


@pytest.fixture(autouse=True)
def own_home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No test reads or writes the developer's own files."""
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("HOME", str(home))
    for name in ("XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "IDEFICS_CHAT_DB", "NO_COLOR", "HF_HOME"):
        monkeypatch.delenv(name, raising=False)
    return home


@pytest.fixture(autouse=True)
def loopback_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection that leaves this machine fails the test that asked for it."""
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: Any) -> None:
        if self.family != socket.AF_UNIX and address[0] not in ("127.0.0.1", "::1", "localhost"):
            raise AssertionError(f"a test tried to reach {address}")
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", guarded)


@pytest.fixture(scope="session")
def shapes_folder() -> Path:
    """Where the bundled checkpoint's files are."""
    return CHECKPOINT


@pytest.fixture(scope="session")
def shapes_request(shapes_folder: Path) -> CheckpointRequest:
    """Asks for the bundled checkpoint."""
    return CheckpointRequest("shapes", folder=shapes_folder, is_demonstration=True)


@pytest.fixture(scope="session")
def load_shapes() -> Callable[[], TextGenerator]:
    """Gives a fresh generator over the bundled checkpoint, with nothing cached."""
    import torch

    from chat.shapes.evaluate import load_shapes

    torch.set_num_threads(1)
    return load_shapes


@pytest.fixture(scope="session")
def shapes(load_shapes: Callable[[], TextGenerator]) -> TextGenerator:
    """The bundled checkpoint, loaded once; what it caches must not matter to a test."""
    return load_shapes()


@pytest.fixture
def scene_image() -> Callable[..., Image]:
    """Makes pictures of random scenes: the same seed and count give the same picture."""
    from chat.shapes.evaluate import picture_of
    from chat.shapes.scenes import random_scene

    def make(seed: int, count: int | None = None, name: str = "scene.png") -> Image:
        return picture_of(random_scene(random.Random(seed), count), name)

    return make
