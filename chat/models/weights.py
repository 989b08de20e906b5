"""Reads a checkpoint's config and weights with transformers: nothing missing, nothing left over, quantized if asked."""

import re
import tempfile
import weakref
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import torch
from huggingface_hub.errors import StrictDataclassError
from safetensors import SafetensorError
from transformers import BitsAndBytesConfig, GenerationConfig
from transformers.initialization import no_init_weights

from chat.errors import CheckpointError
from chat.models.folder import weight_files
from chat.models.headers import TensorHeader, read_headers
from chat.models.memory import is_out_of_memory
from chat.models.placement import Placement
from chat.models.reading import Reading, bar_reported, lazy_tensors
from chat.models.request import CheckpointRequest

# What transformers raises on files that do not fit together.
_LOADING_ERRORS: Final = (
    OSError,
    ValueError,
    RuntimeError,
    KeyError,
    TypeError,
    AttributeError,
    ImportError,
    SafetensorError,
    StrictDataclassError,
)

_HARMLESS: Final = re.compile(r"(^|\.)(position_ids|rotary_emb\.inv_freq)$")
"""Tensors that old checkpoints hold and that are computed now; transformers leaves them out as well."""


def read_config(model_class: Any, folder: Path) -> Any:
    """A checkpoint's config, with the defaults of its class where the file is silent.

    Raises:
        CheckpointError: The file holds values that the class refuses.
    """
    with _own_errors(folder):
        return model_class.config_class.from_pretrained(folder, local_files_only=True, trust_remote_code=False)


def read_model(
    request: CheckpointRequest,
    folder: Path,
    model_class: Any,
    whole_modules: Sequence[str],
    device: str,
    dtype: Any,
    reading: Reading | None = None,
    placement: Placement | None = None,
) -> Any:
    """A checkpoint's model in evaluation mode, on its device.

    Args:
        request: Says whether the weights are quantized.
        folder: A checked folder.
        model_class: Of transformers.
        whole_modules: Modules that are not quantized, by their full names.
        device: Where the model goes.
        dtype: Of the weights that are not quantized.
        reading: Told how far it is, and able to end it.
        placement: Where the model goes, if one device is not enough for it.

    Raises:
        CheckpointError: The weights cannot be loaded, or tensors are missing, left over or of another shape.
    """
    headers = read_headers(weight_files(folder))
    reading = reading or Reading("", 0, lambda _: None, lambda: None)
    config = read_config(model_class, folder)
    with _own_errors(folder):
        with torch.device("meta"), no_init_weights():
            outline = model_class(config)
        _check_tensors(folder, outline, headers)
        quantization = _quantization(request.quantize, [*whole_modules, *_unquantizable(outline)], dtype)
        source, offload_folder = _source(folder, config, reading, placement)
        with bar_reported(reading, counts_bytes="state_dict" not in source):
            model, report = model_class.from_pretrained(
                **source,
                dtype=dtype,
                use_safetensors=True,
                output_loading_info=True,
                ignore_mismatched_sizes=True,  # Refused below, in words of ours.
                **_places(device, placement, is_quantized=quantization is not None),
                **({"quantization_config": quantization} if quantization else {}),
            )
    shapes = {name: (tuple(found), tuple(wanted)) for name, found, wanted in report["mismatched_keys"]}
    _refuse_others(folder, missing=report["missing_keys"], unexpected=report["unexpected_keys"], shapes=shapes)
    if offload_folder:
        weakref.finalize(model, offload_folder.cleanup)
    # Nothing is trained: whatever is computed with these weights keeps no record of how.
    return model.eval().requires_grad_(False)


def _source(
    folder: Path, config: Any, reading: Reading, placement: Placement | None
) -> tuple[dict[str, Any], "tempfile.TemporaryDirectory[str] | None"]:
    """Where transformers takes the weights from: tensors read one by one, or the files, where some of them stay there.

    Also gives the folder for what is not in the files as it is needed.
    """
    if placement is not None and placement.uses_disk:
        rest = tempfile.TemporaryDirectory(prefix="idefics-chat-")
        options = {"local_files_only": True, "trust_remote_code": False, "offload_folder": rest.name}
        return {"pretrained_model_name_or_path": folder, "config": config, **options}, rest
    generation = None
    if (folder / "generation_config.json").exists():
        generation = GenerationConfig.from_pretrained(folder, local_files_only=True)
    tensors = lazy_tensors(weight_files(folder), reading)
    return {
        "pretrained_model_name_or_path": None,
        "config": config,
        "generation_config": generation,
        "state_dict": tensors,
    }, None


def _places(device: str, placement: Placement | None, *, is_quantized: bool) -> dict[str, Any]:
    """Where transformers puts the weights."""
    if placement is not None and placement.limits:
        return {"device_map": "auto", "max_memory": dict(placement.limits)}
    return {} if device == "cpu" and not is_quantized else {"device_map": {"": device}}


def _check_tensors(folder: Path, outline: Any, headers: Mapping[str, TensorHeader]) -> None:
    """Refuse, before a weight is read, what the files' headers show to be wrong.

    Some checkpoints call their tensors otherwise and transformers knows how; where names differ both ways, it is left
    to say which are wrong.
    """
    wanted = {name: tuple(tensor.shape) for name, tensor in outline.state_dict().items()}
    ignored = [_HARMLESS, *map(re.compile, outline._keys_to_ignore_on_load_unexpected or ())]
    unexpected = {name for name in headers if name not in wanted and not any(rule.search(name) for rule in ignored)}
    missing = wanted.keys() - headers.keys() - set(outline.all_tied_weights_keys)
    if missing and unexpected:
        missing = unexpected = set()
    both = wanted.keys() & headers.keys()
    shapes = {name: (headers[name].shape, wanted[name]) for name in both if headers[name].shape != wanted[name]}
    _refuse_others(folder, missing=missing, unexpected=unexpected, shapes=shapes)


def _refuse_others(
    folder: Path,
    *,
    missing: set[str],
    unexpected: set[str],
    shapes: Mapping[str, tuple[tuple[int, ...], tuple[int, ...]]],
) -> None:
    if shapes:
        name = min(shapes)
        found, config = (" × ".join(map(str, shape)) or "one number" for shape in shapes[name])
        raise CheckpointError(
            f"{folder}: {_how_many(len(shapes))} another shape than config.json says, {name} first: "
            f"{found} in place of {config}; copy config.json and the weights from one checkpoint"
        )
    if missing:
        raise CheckpointError(
            f"{folder} lacks {len(missing)} of the model's tensors, {min(missing)} first: copy the files again"
        )
    if unexpected:
        raise CheckpointError(
            f"{folder}: {_how_many(len(unexpected))} no place in the model, {min(unexpected)} first: "
            "copy config.json and the weights from one checkpoint"
        )


def _how_many(count: int) -> str:
    return "1 tensor has" if count == 1 else f"{count:,} tensors have"


@contextmanager
def _own_errors(folder: Path) -> Iterator[None]:
    try:
        yield
    except _LOADING_ERRORS as error:
        if is_out_of_memory(error):
            raise
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise CheckpointError(f"{folder} cannot be loaded: {reason}") from error


def _unquantizable(outline: Any) -> list[str]:
    """The layers that quantization cannot hold: quantized rows are made of blocks of 64 numbers."""
    return [
        name
        for name, module in outline.named_modules()
        if isinstance(module, torch.nn.Linear) and module.in_features % 64
    ]


def _quantization(quantize: str, whole: list[str], dtype: Any) -> Any:
    """How bitsandbytes quantizes, if at all; a list given to transformers replaces its own, which names the head."""
    if quantize == "none":
        return None
    if quantize == "8bit":
        return BitsAndBytesConfig(load_in_8bit=True, llm_int8_skip_modules=whole)
    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=dtype,
        llm_int8_skip_modules=whole,
    )
