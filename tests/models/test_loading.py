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
from chat.generation import LoadProgress
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
    "another size": (lambda f: edit_json(f / "config.json", intermediate_size=360), "cannot be loaded|lacks"),
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
    load(copied)
    assert not mark.exists()


def test_loading_tells_its_stages_and_how_far_it_is(shapes_folder: Path) -> None:
    progress = load(shapes_folder)
    assert [step.stage for step in progress[:2]] == ["checking the files", "starting torch"]
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


def test_a_device_that_is_not_there_is_named(shapes_folder: Path) -> None:
    with pytest.raises(CheckpointError, match="no device 'nonsense'"):
        load(shapes_folder, device="nonsense")


@pytest.mark.parametrize("options", [{"dtype": "int3"}, {"quantize": "2bit"}])
def test_unknown_precisions_are_wrong_usage(options: dict[str, str]) -> None:
    with pytest.raises(UsageError, match="choose one of"):
        CheckpointRequest("shapes", **options)  # type: ignore[arg-type]  # the options are strings


@pytest.mark.parametrize("quantize", ["8bit", "4bit"])
def test_packed_weights_answer(shapes_folder: Path, quantize: str) -> None:
    from chat.conversation import Conversation, user_turn
    from chat.generation import GenerationSettings, Reply
    from chat.prompt import serialize

    request = CheckpointRequest("shapes", folder=shapes_folder, quantize=quantize)
    generator = load_generator(request, lambda _: None, threading.Event())
    prompt = serialize(Conversation((user_turn("Hello"),)))
    *_, reply = generator.generate(prompt, GenerationSettings(max_new_tokens=8), threading.Event())
    assert isinstance(reply, Reply)
    assert reply.token_ids
    assert generator.facts.quantization == quantize


@pytest.mark.parametrize("quantize", ["8bit", "4bit"])
def test_what_sees_and_what_chooses_words_is_never_packed(shapes_folder: Path, quantize: str) -> None:
    import torch

    from chat.models.families import family_of
    from chat.models.weights import read_model

    family = family_of("idefics")
    request = CheckpointRequest("shapes", folder=shapes_folder, quantize=quantize)
    model = read_model(
        request, shapes_folder, family.model_class, family.whole_modules, device="cpu", dtype=torch.bfloat16
    )
    packed = {
        name
        for name, module in model.named_modules()
        if isinstance(module, torch.nn.Linear) and type(module).__name__ in ("Linear4bit", "Linear8bitLt")
    }
    assert any(".layers." in name for name in packed)
    assert not any(name.startswith(("lm_head", "model.vision_model", "model.perceiver_resampler")) for name in packed)
