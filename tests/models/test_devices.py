"""Which device and which precision are taken, on machines of several kinds."""

import pytest
import torch

from chat.errors import CheckpointError
from chat.models import devices
from chat.models.devices import devices_here, find_device, find_dtype
from chat.models.request import CheckpointRequest

Patch = pytest.MonkeyPatch


@pytest.fixture
def two_gpus(monkeypatch: Patch) -> None:
    """A machine that says it has two GPUs, the second with more free memory; computing on them fails."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr("chat.models.memory.free_memory", {"cuda:0": 5, "cuda:1": 9}.get)


@pytest.mark.usefixtures("two_gpus")
def test_the_accelerator_with_the_most_room_is_taken() -> None:
    assert devices_here()[:3] == ["cpu", "cuda:0", "cuda:1"]
    assert find_device("auto") == "cuda:1"
    assert find_device("cpu") == "cpu"


@pytest.mark.usefixtures("two_gpus")
@pytest.mark.parametrize("wanted", ["cuda:2", "cuda:7", "mps", "xpu:0"])
def test_a_device_that_is_not_there_is_told_with_those_that_are(wanted: str) -> None:
    with pytest.raises(
        CheckpointError, match=rf"^this machine has no device {wanted}: it has cpu and cuda:0 and cuda:1"
    ):
        find_device(wanted)


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine without")
@pytest.mark.usefixtures("two_gpus")
def test_a_device_that_only_says_it_is_there_is_told(monkeypatch: Patch) -> None:
    with pytest.raises(CheckpointError, match=r"^the device cuda cannot be used: .*; leave --device out$") as caught:
        find_device("cuda")
    assert "\n" not in str(caught.value)


def test_without_an_accelerator_the_cpu_is_taken(monkeypatch: Patch) -> None:
    monkeypatch.setattr(devices, "devices_here", lambda: ["cpu"])
    assert find_device("auto") == "cpu"


@pytest.mark.parametrize(
    ("device", "dtype", "quantize", "has_bfloat16", "expected"),
    [
        ("cpu", "auto", "none", False, torch.float32),
        ("cpu", "auto", "4bit", False, torch.bfloat16),
        ("cpu", "float16", "none", False, torch.float16),
        ("cuda:0", "auto", "none", True, torch.bfloat16),
        ("cuda:0", "auto", "4bit", True, torch.bfloat16),
        ("cuda:0", "auto", "none", False, torch.float16),
        ("cuda:0", "auto", "4bit", False, torch.float16),
        ("cuda:0", "float32", "8bit", False, torch.float32),
        ("mps", "auto", "none", False, torch.bfloat16),
    ],
)
def test_the_precision_suits_the_device(
    monkeypatch: Patch, device: str, dtype: str, quantize: str, has_bfloat16: bool, expected: torch.dtype
) -> None:
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda *_, **__: has_bfloat16)
    request = CheckpointRequest("shapes", dtype=dtype, quantize=quantize)
    assert find_dtype(request, device) is expected
