"""Checks a checkpoint's folder before anything of it is loaded, and before torch is imported.

Transformers loads a checkpoint with missing tensors and says so in a warning; a conversation with random weights would
follow. So whatever can be told from the files' names and headers is told here, naming the file.
"""

import json
from pathlib import Path
from typing import Any, Final

from chat.errors import CheckpointError
from chat.models.headers import TensorHeader, read_headers

SUPPORTED: Final = {
    "idefics": "IDEFICS (9b, 80b, base and instruct)",
    "idefics2": "Idefics2",
    "idefics3": "Idefics3 and SmolVLM",
    "smolvlm": "SmolVLM2",
}
"""Families that can be loaded, by the `model_type` of their config.json."""

_WEIGHTS: Final = "model.safetensors"
_INDEX: Final = "model.safetensors.index.json"


def check_folder(folder: Path) -> dict[str, Any]:
    """Check that a folder holds a whole checkpoint of a supported family; gives its config.

    Raises:
        CheckpointError: Something is missing, cut off or of another kind; the message names it.
    """
    if not folder.is_dir():
        raise CheckpointError(f"{folder} is no folder: give the folder of a checkpoint, or a hub name such as ORG/NAME")
    config = check_family(folder)
    _check_image_settings(folder)
    if not any((folder / name).exists() for name in ("tokenizer.json", "tokenizer.model")):
        raise CheckpointError(f"{folder} has no tokenizer.json: copy the checkpoint's files again")
    for name in ("preprocessor_config.json", "processor_config.json", "tokenizer_config.json"):
        if (folder / name).exists():
            _refuse_code(folder / name, _read_json(folder / name))
    _check_weights(folder, read_headers(weight_files(folder)))
    return config


def check_family(folder: Path) -> dict[str, Any]:
    """Check that the checkpoint in a folder is of a supported family; gives its config. Raises CheckpointError."""
    config = _read_json(folder / "config.json")
    family = config.get("model_type")
    if family not in SUPPORTED:
        known = ", ".join(SUPPORTED.values())
        raise CheckpointError(f"{folder} holds a checkpoint of the kind {family!r}; what works: {known}")
    _refuse_code(folder / "config.json", config)
    if quantization := config.get("quantization_config"):
        method = (
            quantization.get("quant_method", "an unknown method") if isinstance(quantization, dict) else quantization
        )
        raise CheckpointError(
            f"{folder} holds weights that are quantized already ({method}): "
            "use the checkpoint they were made from, with --quantize 4bit or 8bit"
        )
    return config


def _refuse_code(path: Path, settings: dict[str, Any]) -> None:
    """Refuse settings that name code: without that code, the checkpoint would be another than its makers meant."""
    if settings.get("auto_map"):
        raise CheckpointError(
            f"{path} names code to run (auto_map), and no checkpoint's code is ever run: use a checkpoint without it"
        )


def _check_image_settings(folder: Path) -> None:
    """Check that one of the two files says how pictures are prepared; transformers reads the same, in this order."""
    path = folder / "processor_config.json"
    if not path.exists() or not isinstance(_read_json(path).get("image_processor"), dict):
        _read_json(folder / "preprocessor_config.json")


def weight_files(folder: Path) -> list[Path]:
    """The files that hold the weights, in order.

    Raises:
        CheckpointError: There are none, one is missing, or they are pickles, which can run code.
    """
    if (folder / _INDEX).exists():
        shards = _read_json(folder / _INDEX).get("weight_map")
        if not isinstance(shards, dict) or not shards:
            raise CheckpointError(f"{folder / _INDEX} names no weights: copy the file again")
        return [folder / Path(str(name)).name for name in sorted(set(shards.values()))]
    if (folder / _WEIGHTS).exists():
        return [folder / _WEIGHTS]
    if any(folder.glob("*.bin")):
        raise CheckpointError(
            f"{folder} has pickled weights (.bin), which can run code: use a checkpoint with {_WEIGHTS}"
        )
    raise CheckpointError(f"{folder} has no {_WEIGHTS}: copy the checkpoint's files again")


def _check_weights(folder: Path, tensors: dict[str, TensorHeader]) -> None:
    """Check that the tensors are those that the index names, in numbers that can be computed with."""
    if (folder / _INDEX).exists():
        absent = _read_json(folder / _INDEX)["weight_map"].keys() - tensors.keys()
        if absent:
            raise CheckpointError(
                f"{folder / _INDEX} names {min(absent)}, which no file holds: copy the checkpoint's files again"
            )
    for name, tensor in tensors.items():
        if tensor.is_quantized:
            raise CheckpointError(
                f"{folder} holds {name} in numbers of the kind {tensor.kind}: use the checkpoint it was made from, "
                "with --quantize 4bit or 8bit"
            )


def _read_json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise CheckpointError(f"{path.parent} has no {path.name}: copy the checkpoint's files again") from error
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise CheckpointError(f"{path} is not JSON: copy the file again") from error
    if not isinstance(content, dict):
        raise CheckpointError(f"{path} is not a JSON object: copy the file again")
    return content
