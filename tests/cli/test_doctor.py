"""`doctor` tells what the machine is and what a checkpoint would take of it, quickly and without loading it."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from chat.cli.app import run as run_here
from chat.models import survey
from chat.models.estimate import estimate
from chat.models.survey import Device
from chat.shapes.bundled import CHECKPOINT
from tests.cli.program import Run, told

MIB = 2**20
CPU_BUILD = {"python": "3.11.7", "torch": "2.13.0+cpu"}


def document(run: Run, *arguments: str | Path) -> dict[str, Any]:
    done = run("doctor", "--json", *arguments)
    assert (done.returncode, done.stderr, done.stdout.count("\n")) == (0, "", 1)
    parsed: dict[str, Any] = json.loads(done.stdout)
    return parsed


def test_the_machine_is_told_in_one_document(run: Run, tmp_path: Path) -> None:
    machine = document(run)
    main = machine["devices"][-1]
    assert main["device"] == "cpu"
    assert 0 < main["free_bytes"] <= main["total_bytes"]
    assert set(machine["packages"]) == {"python", *survey.PACKAGES}
    assert machine["packages"]["torch"]
    assert machine["database"] == {"path": str(tmp_path / "sessions.db"), "exists": False}
    assert 0 < machine["kept_state_bytes"] < machine["devices"][0]["total_bytes"]
    assert machine["checkpoint"] is None


def test_a_checkpoint_is_told_choice_by_choice(run: Run) -> None:
    checkpoint = document(run, "--checkpoint", "shapes")["checkpoint"]
    assert (checkpoint["model_type"], checkpoint["context_length"], checkpoint["revision"]) == ("idefics", 1024, None)
    assert [(choice["dtype"], choice["quantize"]) for choice in checkpoint["choices"]] == [
        ("float32", "none"),
        ("bfloat16", "none"),
        ("float16", "none"),
        ("bfloat16", "8bit"),
        ("bfloat16", "4bit"),
    ]
    for choice in checkpoint["choices"]:
        parts = sum(choice[f"{part}_bytes"] for part in ("weights", "state", "pictures", "working"))
        assert choice["total_bytes"] == parts
        assert (choice["device"], choice["tokens"], choice["is_spread"]) != (None, 0, True)
    weights = [choice["weights_bytes"] for choice in checkpoint["choices"]]
    assert weights[0] == 2 * weights[1] == 2 * weights[2]
    assert weights[2] > weights[3] > weights[4]
    assert checkpoint["recommended"].split()[0] == "idefics-chat"


def test_a_table_for_a_person_has_lines_that_a_terminal_shows_whole(run: Run) -> None:
    done = run("doctor", "--checkpoint", "shapes")
    lines = done.stdout.splitlines()
    assert (done.returncode, done.stderr) == (0, "")
    assert all(len(line) <= 80 for line in lines if "sessions.db" not in line and "huggingface" not in line)
    assert [line for line in lines if line and not line.startswith(" ")] == [
        "This machine",
        "Packages",
        "Kept",
        "Checkpoint shapes",
        "Begin with",
    ]
    rows = [line.split()[0] for line in lines if line.endswith(("  cpu", ":0"))]
    assert rows == ["float32", "bfloat16", "float16", "8bit", "4bit"]


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--checkpoint", "./nowhere"], 4, "./nowhere is no folder"),
        (["--checkpoint", "some/thing", "--revision", "x"], 4, "is not on this machine and the hub cannot be reached"),
        (["--checkpoint", "shapes", "--revision", "x"], 2, "--revision is for checkpoints of the hub"),
    ],
)
def test_a_checkpoint_that_cannot_be_examined_is_one_line(
    run: Run, arguments: list[str], code: int, words: str
) -> None:
    done = run("doctor", *arguments, HF_HUB_OFFLINE="1")
    assert (done.returncode, done.stdout) == (code, "")
    assert words in told(done)


def test_a_build_of_torch_for_the_cpu_alone_is_not_imported() -> None:
    script = (
        "import sys\nfrom chat.models import survey\n"
        f"survey.packages = lambda: {CPU_BUILD!r}\n"
        "from chat.cli.app import run\n"
        "assert run(['doctor', '--checkpoint', 'shapes']) == 0\n"
        "print({'torch', 'transformers', 'textual'} & set(sys.modules))\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "set()"


@pytest.mark.parametrize(
    ("devices", "fits", "command"),
    [
        ([("cpu", 9000)], ["cpu"] * 5, "idefics-chat"),
        ([("cuda:0", 9000), ("cpu", 9000)], ["cuda:0"] * 5, "idefics-chat"),
        ([("cuda:0", 10), ("cpu", 9000)], ["cpu"] * 5, "idefics-chat --device cpu"),
        ([("cpu", 80)], ["no", "cpu", "cpu", "cpu", "cpu"], "idefics-chat --dtype bfloat16"),
        ([("cpu", 10)], ["no"] * 5, None),
    ],
)
def test_what_fits_decides_what_to_begin_with(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    devices: list[tuple[str, int]],
    fits: list[str],
    command: str | None,
) -> None:
    there = [Device(name, "", 10_000 * MIB, free * MIB) for name, free in devices]
    monkeypatch.setattr(survey, "devices", lambda: there)
    monkeypatch.setattr(survey, "estimate", larger(estimate))
    assert run_here(["doctor", "--checkpoint", "shapes", "--json"]) == 0
    checkpoint = json.loads(capsys.readouterr().out)["checkpoint"]
    assert [choice["device"] or "no" for choice in checkpoint["choices"]] == fits
    assert checkpoint["recommended"] == command
    assert run_here(["doctor", "--checkpoint", "shapes"]) == 0
    assert ("Nothing of this fits here" in capsys.readouterr().out) == (command is None)


def larger(exact: Any) -> Any:
    """The same estimates with room for nothing but weights, so that the figures above stay when the others change."""
    from dataclasses import replace

    def changed(*arguments: Any, dtype: str, **options: Any) -> Any:
        need = exact(*arguments, dtype=dtype, **options)
        sizes = {"weights": need.weights * 2, "working": 40 * MIB if need.weights < 9 * MIB else 80 * MIB}
        return replace(need, state=0, pictures=0, resident=need.weights * 2, **sizes)

    return changed


def test_a_long_conversation_that_does_not_fit_is_told_by_its_length(monkeypatch: pytest.MonkeyPatch) -> None:
    from chat.models.folder import check_folder, weight_files
    from chat.models.headers import read_headers

    config = {**check_folder(CHECKPOINT), "max_position_embeddings": 100_000}
    tensors = read_headers(weight_files(CHECKPOINT))
    there = [Device("cpu", "", 300 * MIB, 300 * MIB)]
    first = survey.choices(config, tensors, there, name="shapes")[0]
    assert first.device == "cpu"
    assert 2048 < first.tokens < 100_000
    fitting = estimate(config, tensors, dtype="float32", tokens=first.tokens).total
    assert fitting == pytest.approx(300 * MIB, rel=0.01)
