"""Where weights go, planned over figures alone; and what stays on the disk computes the same."""

import re
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from chat.conversation import Conversation, user_turn
from chat.errors import CheckpointError
from chat.generation import GenerationSettings, Reply
from chat.loading import LoadProgress
from chat.models import loading
from chat.models.estimate import Estimate
from chat.models.placement import Placement, plan
from chat.models.request import CheckpointRequest
from chat.prompt import serialize
from tests.models.reference import IMAGES

GIB = 2**30
NEED = Estimate(
    weights=20 * GIB, state=GIB, pictures=0, working=GIB, tokens=2048, largest_layer=GIB // 2, resident=2 * GIB
)


def planned(free: Mapping[str, float], device: str = "cpu", **options: Any) -> Placement:
    return plan(NEED, device, {name: int(count * GIB) for name, count in free.items()}, name="ORG/NAME", **options)


@pytest.mark.parametrize("is_quantized", [False, True])
@pytest.mark.parametrize("device", ["cpu", "mps", "cuda:0"])
def test_what_fits_goes_whole_onto_its_device(device: str, is_quantized: bool) -> None:
    assert planned({"cpu": 22, device: 22}, device, is_quantized=is_quantized) == Placement(device)


@pytest.mark.parametrize(
    ("device", "free", "limits", "uses_disk", "notice"),
    [
        ("cpu", {"cpu": 12}, {"cpu": 10}, True, "10.0 GiB of the 20.0 GiB of weights stay on the disk"),
        ("cuda:0", {"cuda:0": 16, "cpu": 64}, {0: 14, "cpu": 63.5}, False, "6.0 GiB of .* stay in main memory"),
        ("cuda:0", {"cuda:0": 16, "cpu": 4}, {0: 14, "cpu": 3.5}, True, "2.5 GiB of .* stay on the disk"),
        ("cuda:1", {"cuda:1": 16, "cuda:0": 16, "cpu": 4}, {1: 14, 0: 14}, False, "spread over 2 devices"),
        ("cuda:0", {"cuda:0": 16, "cuda:1": 2.5, "cpu": 64}, {0: 14, "cpu": 63.5}, False, "stay in main memory"),
        ("xpu:0", {"xpu:0": 16, "cpu": 64}, {0: 14, "cpu": 63.5}, False, "stay in main memory"),
    ],
)
def test_what_does_not_fit_is_spread_with_a_notice(
    device: str, free: dict[str, float], limits: dict[int | str, float], uses_disk: bool, notice: str
) -> None:
    placement = planned(free, device)
    assert dict(placement.limits) == {place: count * GIB for place, count in limits.items()}
    assert (placement.device, placement.uses_disk) == (device, uses_disk)
    assert re.search(notice, placement.notice)


@pytest.mark.parametrize(
    ("device", "free", "is_quantized"),
    [
        ("cpu", {"cpu": 5.9}, False),
        ("cpu", {"cpu": 21}, True),
        ("mps", {"mps": 21, "cpu": 21}, False),
        ("cuda:0", {"cuda:0": 21, "cpu": 64}, True),
        ("cuda:0", {"cuda:0": 3.9, "cpu": 64}, False),
    ],
)
def test_what_fits_in_no_way_is_refused_with_need_have_and_cure(
    device: str, free: dict[str, float], is_quantized: bool
) -> None:
    with pytest.raises(CheckpointError) as caught:
        planned(free, device, is_quantized=is_quantized)
    words = str(caught.value)
    assert words.startswith("ORG/NAME does not fit: it takes 22.0 GiB, 20.0 GiB of it weights, and ")
    assert f"{free[device]:.1f} GiB are free on {device}: try " in words
    assert ("--quantize" in words) == (not is_quantized)
    assert "\n" not in words


def ids(folder: Path, told: list[LoadProgress]) -> tuple[int, ...]:
    generator = loading.load_generator(CheckpointRequest(str(folder)), told.append, threading.Event())
    prompt = serialize(Conversation((user_turn(IMAGES[0], "What is in the picture?"),)), generator.dialect)
    *_, reply = generator.generate(prompt, GenerationSettings(max_new_tokens=12), threading.Event())
    assert isinstance(reply, Reply)
    return reply.token_ids


@pytest.mark.parametrize("limit", [3_000_000, 7_000_000])
def test_weights_that_stay_on_the_disk_give_the_same_reply(
    shapes_folder: Path, monkeypatch: pytest.MonkeyPatch, limit: int
) -> None:
    told: list[LoadProgress] = []
    whole = ids(shapes_folder, told)
    assert not any(step.notice for step in told)
    spread = Placement("cpu", (("cpu", limit),), uses_disk=True, notice="some stay on the disk")
    monkeypatch.setattr(loading, "plan", lambda *_, **__: spread)
    assert ids(shapes_folder, told) == whole
    assert [step.notice for step in told if step.notice] == ["some stay on the disk"]


def test_warming_up_leaves_the_replies_as_they_are(shapes_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = ids(shapes_folder, [])
    build = loading._facts

    def warmed(request: CheckpointRequest, folder: Path, revision: str, config: dict[str, Any], engine: Any) -> Any:
        loading._warm_up(engine)
        return build(request, folder, revision, config, engine)

    monkeypatch.setattr(loading, "_facts", warmed)
    assert ids(shapes_folder, []) == whole


def test_what_does_not_fit_is_refused_before_a_weight_is_read(
    shapes_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loading, "free_memory", lambda _: 2**20)
    told: list[LoadProgress] = []
    with pytest.raises(CheckpointError, match=r"does not fit: it takes .* and 1.0 MiB are free on cpu: try --quantize"):
        ids(shapes_folder, told)
    assert told[-1].stage == "starting torch"


def test_memory_that_runs_out_while_weights_are_read_is_told_with_the_figures(
    shapes_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("[enforce fail at alloc_cpu.cpp:127] DefaultCPUAllocator: can't allocate memory")

    monkeypatch.setattr("chat.models.weights.read_model", fail)
    with pytest.raises(CheckpointError, match=r"does not fit: it takes .* of it weights, and .* are free on cpu"):
        ids(shapes_folder, [])


def test_memory_that_runs_out_before_is_told_without_figures(
    shapes_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr("chat.models.devices.find_device", fail)
    with pytest.raises(CheckpointError, match=r"cannot be loaded: memory ran out before its weights were read; close"):
        ids(shapes_folder, [])
