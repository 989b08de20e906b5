"""A checkpoint of the hub is fetched once, and a hub that fails on the way is named in one line."""

import threading
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from chat.errors import CheckpointError
from chat.loading import LoadProgress
from chat.models.headers import read_headers
from chat.models.hub import described
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


def test_fetching_is_told_by_bytes_and_the_whole_only_rises(shapes_folder: Path, reach: Reach) -> None:
    told: list[LoadProgress] = []
    with hub(shapes_folder) as address:
        reach(address)
        load_generator(CheckpointRequest(NAME), told.append, threading.Event())
    fetched = [step for step in told if step.stage == f"fetching {NAME}" and step.total_bytes]
    weights = (shapes_folder / "model.safetensors").stat().st_size
    assert fetched[-1].done_bytes == fetched[-1].total_bytes
    assert weights < (fetched[-1].total_bytes or 0) < weights + 400_000
    done = [step.done_bytes or 0 for step in fetched]
    assert done == sorted(done)
    fractions = [step.fraction for step in told if step.fraction is not None]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1
    assert list(dict.fromkeys(step.stage for step in told)) == [
        f"fetching {NAME}",
        "checking the files",
        "starting torch",
        "reading the weights",
        "ready",
    ]


def test_a_fetching_that_is_cancelled_keeps_what_came(shapes_folder: Path, reach: Reach) -> None:
    stop = threading.Event()

    def tell(progress: LoadProgress) -> None:
        if progress.done_bytes:
            stop.set()

    with hub(shapes_folder) as address:
        reach(address)
        with pytest.raises(CheckpointError, match=r"was cancelled"):
            load_generator(CheckpointRequest(NAME), tell, stop)
        assert load() == COMMIT


def test_a_checkpoint_that_the_disk_has_no_room_for_is_refused_before_it_is_fetched(
    shapes_folder: Path, reach: Reach, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[tuple[str, int]] = []
    monkeypatch.setattr("chat.models.hub.shutil.disk_usage", lambda _: SimpleNamespace(free=1_000_000))
    with hub(shapes_folder, given=given) as address:
        reach(address)
        with pytest.raises(CheckpointError, match=rf"^{NAME} takes .* more on the disk and 976.6 KiB are free in .*: "):
            load()
    assert {name for name, _ in given} == {"config.json"}


def test_what_a_checkpoint_takes_is_told_without_fetching_its_weights(shapes_folder: Path, reach: Reach) -> None:
    given: list[tuple[str, int]] = []
    with hub(shapes_folder, given=given) as address:
        reach(address)
        config, tensors, commit = described(CheckpointRequest(NAME))
    assert (config["model_type"], commit) == ("idefics", COMMIT)
    assert tensors == read_headers([shapes_folder / "model.safetensors"])
    assert {name for name, _ in given} == {"config.json", "model.safetensors"}
    assert sum(count for name, count in given if name == "model.safetensors") < 200_000


def test_what_a_fetched_checkpoint_takes_is_told_without_the_hub(shapes_folder: Path, reach: Reach) -> None:
    with hub(shapes_folder) as address:
        reach(address)
        load()
    assert described(CheckpointRequest(NAME))[2] == COMMIT


def test_a_hub_that_cannot_be_reached_for_a_description_is_named(shapes_folder: Path, reach: Reach) -> None:
    with hub(shapes_folder) as address:
        reach(address)
    with pytest.raises(CheckpointError, match=r"is not on this machine and the hub cannot be reached"):
        described(CheckpointRequest(NAME))


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
