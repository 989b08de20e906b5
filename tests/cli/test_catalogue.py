"""What can be chosen on this machine: found without the hub, and counted as `doctor` counts it."""

import json
import shutil
import socket
import threading
from pathlib import Path
from typing import Any

import pytest

from chat.cli.catalogue import WELL_KNOWN, MachineCatalogue
from chat.errors import CheckpointError, UsageError
from chat.generation import CheckpointFacts
from chat.loading import Loader
from chat.models.request import CheckpointRequest
from chat.models.survey import Device
from chat.scripted import ScriptedGenerator
from chat.talk.offers import AUTO, Fit, Place

SHAPES = CheckpointFacts("shapes", dtype="float32")


@pytest.fixture
def catalogue() -> MachineCatalogue:
    return MachineCatalogue(device="auto", image_detail="low")


@pytest.fixture
def cache(tmp_path: Path, shapes_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A hub cache with a whole checkpoint, half of one, and one of another kind."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    for name, change in (("whole", ""), ("half", "model.safetensors"), ("another", "config.json")):
        commit = "0" * 40
        folder = tmp_path / f"models--org--{name}" / "snapshots" / commit
        shutil.copytree(shapes_folder, folder)
        refs = folder.parents[1] / "refs"
        refs.mkdir()
        (refs / "main").write_text(commit)
        if change == "config.json":
            (folder / change).write_text(json.dumps({"model_type": "bert"}))
        elif change:
            (folder / change).unlink()
    return tmp_path


def free(monkeypatch: pytest.MonkeyPatch, amount: int) -> None:
    """Give this machine so much memory."""
    monkeypatch.setattr(
        "chat.apart.devices.devices_apart", lambda: [Device("cpu", "x86_64, 2 processors", 2 * amount, amount)]
    )


def test_what_is_here_comes_first_and_the_well_known_after_it(catalogue: MachineCatalogue, cache: Path) -> None:
    offers = catalogue.offers(None)
    assert [(offer.name, offer.place) for offer in offers[:2]] == [
        ("shapes", Place.BUNDLED),
        ("org/whole", Place.CACHED),
    ]
    assert [offer.name for offer in offers[2:]] == [name for name, _ in WELL_KNOWN]
    assert all(not offer.ways and offer.place is Place.REMOTE for offer in offers[2:])
    assert offers[1].size == offers[0].size > 10**7
    # What is told of the largest is more than any machine that runs this test has; the smallest fits everywhere.
    assert offers[2].guess is not None and offers[2].guess.fit is Fit.YES
    assert offers[-1].guess is not None and offers[-1].guess.precision == "4bit"


def test_nothing_is_asked_of_the_hub_unless_told(
    catalogue: MachineCatalogue, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> None:
        raise AssertionError("a connection was tried")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    assert catalogue.offers(SHAPES)
    with pytest.raises(CheckpointError, match="org/absent is not on this machine"):
        catalogue.examine("org/absent", None, asks_hub=False)


def test_a_damaged_checkpoint_is_offered_with_what_is_wrong(catalogue: MachineCatalogue, cache: Path) -> None:
    (weights,) = cache.glob("models--org--whole/snapshots/*/model.safetensors")
    weights.write_bytes(weights.read_bytes()[:-10])
    offer = catalogue.offers(None)[1]
    assert offer.name == "org/whole"
    assert "copy the file again" in offer.problem


def test_it_is_counted_as_the_doctor_counts_it(
    catalogue: MachineCatalogue, monkeypatch: pytest.MonkeyPatch, shapes_folder: Path
) -> None:
    free(monkeypatch, 10**9)
    offer = catalogue.examine(str(shapes_folder), None, asks_hub=False)
    assert offer.place is Place.FOLDER
    assert [way.precision for way in offer.ways] == ["fp32", "bf16", "fp16", "8bit", "4bit"]
    best = offer.way(AUTO)
    assert best is not None
    assert (best.precision, best.device, best.fit, best.fits_beside) == ("fp32", "cpu", Fit.YES, True)
    quantized = offer.way("4bit")
    assert quantized is not None
    assert quantized.fit_in_words == "yes, slow"
    assert catalogue.machine() == "2 processors · 1.0 GB free · no accelerator"


def test_what_the_loaded_one_takes_counts_as_free_in_its_place(
    catalogue: MachineCatalogue, monkeypatch: pytest.MonkeyPatch, shapes_folder: Path
) -> None:
    free(monkeypatch, 10**9)
    whole = catalogue.examine("shapes", None, asks_hub=False).way("fp32")
    assert whole is not None
    tight = MachineCatalogue(device="auto", image_detail="low")
    # Too little for another one beside it, enough in its place.
    free(monkeypatch, whole.memory - whole.weights // 2)
    way = tight.examine(str(shapes_folder), SHAPES, asks_hub=False).way("fp32")
    assert way is not None
    assert (way.device, way.fits_beside) == ("cpu", False)
    nothing_else = tight.examine(str(shapes_folder), None, asks_hub=False).way("fp32")
    assert nothing_else is not None
    assert (nothing_else.device, nothing_else.fit, nothing_else.short) == ("", Fit.NO, whole.weights // 2)


def test_it_loads_in_the_precision_that_was_chosen(catalogue: MachineCatalogue, shapes_folder: Path) -> None:
    generator = catalogue.loader(str(shapes_folder), "bf16")(lambda _: None, threading.Event())
    try:
        assert (generator.facts.dtype, generator.facts.name) == ("bfloat16", str(shapes_folder))
    finally:
        generator.close()  # type: ignore[attr-defined]


def test_what_gave_a_reply_is_loaded_as_it_was_and_nothing_because_a_file_names_it(
    catalogue: MachineCatalogue, cache: Path, shapes_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[CheckpointRequest] = []
    monkeypatch.setattr("chat.cli.catalogue.apart_loader", asked.append)
    recorded = CheckpointFacts("org/whole", "0" * 40, device="cuda:7", dtype="float16", image_detail="high")
    catalogue.recorded_loader(recorded, is_of_file=True)
    catalogue.recorded_loader(CheckpointFacts("org/none", "abc"), is_of_file=False)
    assert [(one.name, one.revision, one.device, one.dtype, one.image_detail) for one in asked] == [
        ("org/whole", "0" * 40, "auto", "float16", "high"),
        ("org/none", "abc", "cpu", "float32", "low"),
    ]
    for name, words in (("org/none", "on this machine"), (str(shapes_folder), "a folder")):
        with pytest.raises(CheckpointError, match=words) as raised:
            catalogue.recorded_loader(CheckpointFacts(name, "abc"), is_of_file=True)
        assert "/checkpoint " in str(raised.value)


def test_what_a_server_has_is_none_of_this_machine(catalogue: MachineCatalogue) -> None:
    assert [offer.name for offer in catalogue.offers(CheckpointFacts("gpt-9", device="remote"))][:2] == [
        "shapes",
        WELL_KNOWN[0][0],
    ]


def test_what_is_said_of_one_alone_comes_before_what_holds_for_all(
    catalogue: MachineCatalogue, monkeypatch: pytest.MonkeyPatch, shapes_folder: Path
) -> None:
    asked: list[CheckpointRequest] = []

    def note(request: CheckpointRequest) -> Loader:
        asked.append(request)
        return lambda *_: ScriptedGenerator([])

    monkeypatch.setattr("chat.cli.catalogue.apart_loader", note)
    catalogue.loader("org/other", "8bit", {"image_detail": "high", "dtype": "float16", "revision": "abc"})
    catalogue.loader("org/other", "8bit", {"quantize": "4bit"})
    catalogue.loader("shapes", AUTO, {"base_url": "http://127.0.0.1:1/v1", "api": "tgi"})
    assert asked == [
        CheckpointRequest("org/other", None, "abc", "float16", "8bit", "auto", "high"),
        CheckpointRequest("org/other", quantize="4bit"),
        CheckpointRequest("", base_url="http://127.0.0.1:1/v1", api="tgi"),
    ]
    with pytest.raises(UsageError, match="quantize is '3bit'"):
        catalogue.loader("shapes", AUTO, {"quantize": "3bit"})
    with pytest.raises(UsageError, match="device is 'gpu'"):
        catalogue.examine(str(shapes_folder), None, asks_hub=False, options={"device": "gpu"})
    with pytest.raises(UsageError, match="--revision is for checkpoints of the hub"):
        catalogue.examine(str(shapes_folder), None, asks_hub=False, options={"revision": "abc"})
