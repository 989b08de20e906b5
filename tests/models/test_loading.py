"""A checkpoint that is not whole, not supported or not there is refused in one line, before a word is said with it."""

import json
import os
import shutil
import struct
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from chat.errors import CheckpointError, UsageError
from chat.loading import LoadProgress
from chat.models.loading import load_generator
from chat.models.request import CheckpointRequest


def load(folder: Path | str, stop: threading.Event | None = None, **options: Any) -> list[LoadProgress]:
    progress: list[LoadProgress] = []
    load_generator(CheckpointRequest(str(folder), **options), progress.append, stop or threading.Event())
    return progress


@pytest.fixture
def copied(shapes_folder: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "copied"
    shutil.copytree(shapes_folder, folder)
    return folder


def edit_json(path: Path, **changes: object) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def cut(path: Path, length: int) -> None:
    os.truncate(path, length)


def drop_tensor(folder: Path) -> None:
    from safetensors.torch import load_file, save_file

    tensors = load_file(folder / "model.safetensors")
    del tensors["model.layers.0.mlp.up_proj.weight"]
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})


def add_tensor(folder: Path) -> None:
    import torch
    from safetensors.torch import load_file, save_file

    tensors = load_file(folder / "model.safetensors")
    tensors["model.layers.0.mlp.adapter.weight"] = torch.zeros(2, 2)
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})


def quantize_tensor(folder: Path) -> None:
    import torch
    from safetensors.torch import load_file, save_file

    tensors = load_file(folder / "model.safetensors")
    tensors["lm_head.weight"] = tensors["lm_head.weight"].to(torch.int8)
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})


def name_a_tensor_that_no_file_holds(folder: Path) -> None:
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {"a": "model.safetensors"}}))


def drop_tokenizer(folder: Path) -> None:
    for name in ("tokenizer.json", "tokenizer.model"):
        (folder / name).unlink()


def promise_missing_shard(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "model-00001-of-00002.safetensors")
    shards = {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": shards}))


def only_pickles(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")


BROKEN: dict[str, tuple[Callable[[Path], object], str]] = {
    "no config": (lambda f: (f / "config.json").unlink(), "has no config.json"),
    "a cut config": (lambda f: cut(f / "config.json", 100), "config.json is not JSON"),
    "a config that is a list": (lambda f: (f / "config.json").write_text("[]"), "config.json is not a JSON object"),
    "another model": (lambda f: edit_json(f / "config.json", model_type="llama"), "'llama'; what works: IDEFICS"),
    "no weights": (lambda f: (f / "model.safetensors").unlink(), "has no model.safetensors"),
    "pickled weights": (only_pickles, "pickled weights"),
    "cut weights": (lambda f: cut(f / "model.safetensors", 5_000_000), "has 5,000,000 of 10,"),
    "weights cut in the header": (lambda f: cut(f / "model.safetensors", 300), "cut off or not a safetensors"),
    "empty weights": (lambda f: cut(f / "model.safetensors", 0), "cut off or not a safetensors"),
    "weights of another kind": (
        lambda f: (f / "model.safetensors").write_bytes(struct.pack("<Q", 10) + b"not json!!" + b"x" * 100),
        "cut off or not a safetensors",
    ),
    "a missing tensor": (drop_tensor, "lacks 1 of the model's tensors, model.layers.0.mlp.up_proj.weight"),
    "another size": (
        lambda f: edit_json(f / "config.json", intermediate_size=360),
        "24 tensors have another shape than .*mlp.down_proj.weight first: 128 × 352 in place of 128 × 360; copy",
    ),
    "a tensor too many": (add_tensor, "1 tensor has no place in the model, model.layers.0.mlp.adapter.weight first"),
    "more layers than weights": (lambda f: edit_json(f / "config.json", num_hidden_layers=9), "lacks 40 of the model"),
    "fewer layers than weights": (lambda f: edit_json(f / "config.json", num_hidden_layers=5), "have no place in the"),
    "numbers without their scales": (
        quantize_tensor,
        "holds lm_head.weight in numbers of the kind I8: use the checkpoint",
    ),
    "weights that are quantized": (
        lambda f: edit_json(f / "config.json", quantization_config={"quant_method": "gptq"}),
        r"quantized already \(gptq\): use the checkpoint they were made from, with --quantize 4bit",
    ),
    "code in the config": (lambda f: edit_json(f / "config.json", auto_map={"AutoConfig": "a.A"}), "names code to run"),
    "code in the settings of pictures": (
        lambda f: edit_json(f / "preprocessor_config.json", auto_map={"AutoProcessor": "a.A"}),
        "preprocessor_config.json names code to run",
    ),
    "an index of other tensors": (name_a_tensor_that_no_file_holds, "index.json names a, which no file holds"),
    "a missing shard": (promise_missing_shard, "has no model-00002-of-00002.safetensors"),
    "no tokenizer": (
        drop_tokenizer,
        "has no tokenizer.json",
    ),
    "a cut tokenizer": (lambda f: cut(f / "tokenizer.json", 1000), "tokenizer.json cannot be read"),
    "no preprocessor": (lambda f: (f / "preprocessor_config.json").unlink(), "has no preprocessor_config.json"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_folder_is_refused_in_one_line_that_names_it(name: str, copied: Path) -> None:
    damage, expected = BROKEN[name]
    damage(copied)
    with pytest.raises(CheckpointError, match=expected) as caught:
        load(copied)
    assert "\n" not in str(caught.value)
    assert str(copied) in str(caught.value)
    assert caught.value.exit_code == 4


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("/no/such/folder", "is no folder"),
        ("./nowhere", "is no folder"),
        ("just-a-word", "is no folder: give the folder of a checkpoint, a hub name such as ORG/NAME"),
        ("some/where/deep", "is no folder"),
        ("NoOrg/not-on-this-machine", "not on this machine and the hub cannot be reached"),
    ],
)
def test_a_checkpoint_that_is_not_there_is_named(name: str, expected: str) -> None:
    with pytest.raises(CheckpointError, match=expected):
        load(name)


def test_code_in_a_checkpoint_folder_is_not_run(copied: Path, tmp_path: Path) -> None:
    mark = tmp_path / "was-run"
    (copied / "evil.py").write_text(f"open({str(mark)!r}, 'w')\nclass Evil: pass\n")
    edit_json(copied / "config.json", auto_map={"AutoConfig": "evil.Evil", "AutoModelForImageTextToText": "evil.Evil"})
    with pytest.raises(CheckpointError, match=r"config.json names code to run \(auto_map\)"):
        load(copied)
    assert not mark.exists()


def test_tensors_that_old_checkpoints_hold_and_nobody_reads_are_no_harm(copied: Path) -> None:
    import torch
    from safetensors.torch import load_file, save_file

    tensors = load_file(copied / "model.safetensors")
    tensors["model.layers.0.self_attn.rotary_emb.inv_freq"] = torch.ones(16)
    tensors["model.vision_model.embeddings.position_ids"] = torch.arange(65)[None]
    save_file(tensors, copied / "model.safetensors", metadata={"format": "pt"})
    assert load(copied)[-1] == LoadProgress("ready", 1.0)


def test_checkpoints_whose_tensors_have_older_names_are_left_to_transformers(shapes_folder: Path) -> None:
    import torch

    from chat.models.headers import read_headers
    from chat.models.weights import _check_tensors

    outline = torch.nn.Linear(2, 3)
    outline._keys_to_ignore_on_load_unexpected = None  # type: ignore[assignment]  # as of a model of transformers
    outline.all_tied_weights_keys = {}  # type: ignore[assignment]
    headers = read_headers([shapes_folder / "model.safetensors"])
    _check_tensors(shapes_folder, outline, {"old.weight": headers["lm_head.weight"]})
    with pytest.raises(CheckpointError, match="lacks 2 of"):
        _check_tensors(shapes_folder, outline, {})


def test_loading_tells_its_stages_and_how_far_it_is(shapes_folder: Path) -> None:
    progress = load(shapes_folder)
    stages = list(dict.fromkeys(step.stage for step in progress))
    assert stages == ["checking the files", "starting torch", "reading the weights", "ready"]
    read = [(step.done_bytes, step.total_bytes) for step in progress if step.total_bytes]
    assert read[0][0] == 0
    assert (
        read[-1][0] == read[-1][1] == os.path.getsize(shapes_folder / "model.safetensors") - header_size(shapes_folder)
    )
    fractions = [step.fraction for step in progress if step.fraction is not None]
    assert fractions == sorted(fractions)
    assert len(fractions) > 20
    assert progress[-1] == LoadProgress("ready", 1.0)


def test_a_cancelled_loading_ends(shapes_folder: Path) -> None:
    stop = threading.Event()
    stop.set()
    with pytest.raises(CheckpointError, match="was cancelled"):
        load(shapes_folder, stop)


def test_a_broken_folder_is_told_before_torch_is_imported(copied: Path) -> None:
    cut(copied / "model.safetensors", 1000)
    script = (
        "import sys, threading\n"
        "from chat.models.loading import load_generator\n"
        "from chat.models.request import CheckpointRequest\n"
        f"try: load_generator(CheckpointRequest({str(copied)!r}), lambda _: None, threading.Event())\n"
        "except Exception: print('torch' in sys.modules)\n"
    )
    assert (
        subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout == "False\n"
    )


def header_size(folder: Path) -> int:
    with (folder / "model.safetensors").open("rb") as weights:
        return 8 + int(struct.unpack("<Q", weights.read(8))[0])


def test_a_device_that_is_not_there_is_named_with_those_that_are(shapes_folder: Path) -> None:
    with pytest.raises(
        CheckpointError, match=r"^this machine has no device cuda:77: it has cpu.*; leave --device out$"
    ):
        load(shapes_folder, device="cuda:77")


@pytest.mark.parametrize("stop_after", [0, 2_000_000])
def test_a_loading_that_is_cancelled_while_it_reads_ends(shapes_folder: Path, stop_after: int) -> None:
    stop = threading.Event()

    def tell(progress: LoadProgress) -> None:
        if progress.done_bytes is not None and progress.done_bytes >= stop_after:
            stop.set()

    with pytest.raises(CheckpointError, match="was cancelled"):
        load_generator(CheckpointRequest(str(shapes_folder)), tell, stop)


@pytest.mark.parametrize(
    "options",
    [{"dtype": "int3"}, {"quantize": "2bit"}, {"device": "nvidia"}, {"device": "cuda:x"}, {"device": "cpu:0"}],
)
def test_unknown_precisions_are_wrong_usage(options: dict[str, str]) -> None:
    with pytest.raises(UsageError, match="choose one of"):
        CheckpointRequest("shapes", **options)  # type: ignore[arg-type]  # the options are strings
