"""A checkpoint of the hub is fetched once, and a hub that fails on the way is named in one line."""

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from chat.errors import CheckpointError
from chat.models.loading import load_generator
from chat.models.request import CheckpointRequest
from tests.models.hub_server import (
    COMMIT,
    NAME,
    Failure,
    breaks_off,
    falls_silent,
    hangs_up,
    hub,
    speaks_nonsense,
)

Reach = Callable[[str], None]


@pytest.fixture
def reach(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Reach:
    """Makes an address the hub's, with nothing fetched yet and little patience."""
    from huggingface_hub import constants

    def use(address: str) -> None:
        monkeypatch.setattr(constants, "ENDPOINT", address)
        monkeypatch.setattr(
            constants, "HUGGINGFACE_CO_URL_TEMPLATE", f"{address}/{{repo_id}}/resolve/{{revision}}/{{filename}}"
        )
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
        monkeypatch.setattr(constants, "HF_HUB_DOWNLOAD_TIMEOUT", 0.2)
        monkeypatch.setattr("huggingface_hub.file_download.time.sleep", lambda _: None)

    return use


def load() -> str | None:
    return load_generator(CheckpointRequest(NAME), lambda _: None, threading.Event()).facts.revision


def test_a_fetched_checkpoint_keeps_its_commit_and_needs_no_hub_again(shapes_folder: Path, reach: Reach) -> None:
    with hub(shapes_folder) as address:
        reach(address)
        assert load() == COMMIT
    assert load() == COMMIT


@pytest.mark.parametrize("failure", [hangs_up, speaks_nonsense, breaks_off])
def test_a_hub_that_fails_at_once_is_named(shapes_folder: Path, reach: Reach, failure: Failure) -> None:
    with hub(shapes_folder, api_failure=failure) as address:
        reach(address)
        assert_refused()


@pytest.mark.parametrize("failure", [hangs_up, speaks_nonsense, breaks_off, falls_silent])
def test_a_hub_that_fails_within_a_file_is_named(shapes_folder: Path, reach: Reach, failure: Failure) -> None:
    with hub(shapes_folder, file_failure=failure) as address:
        reach(address)
        assert_refused()


def test_a_hub_where_nobody_listens_is_named(shapes_folder: Path, reach: Reach) -> None:
    with hub(shapes_folder) as address:
        reach(address)
    assert_refused()


def assert_refused() -> None:
    with pytest.raises(CheckpointError, match=rf"^{NAME} .* the hub .*: .*try again, or give a folder$") as caught:
        load()
    assert "\n" not in str(caught.value)
