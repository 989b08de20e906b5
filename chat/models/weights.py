"""Reads a checkpoint's config and weights with transformers, packs them if asked, and tells how far it is."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import torch
from huggingface_hub.errors import StrictDataclassError
from safetensors import SafetensorError
from transformers import BitsAndBytesConfig
from transformers.utils import logging

from chat.errors import CheckpointError
from chat.generation import LoadProgress
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


def read_config(model_class: Any, folder: Path) -> Any:
    """A checkpoint's config, with the defaults of its class where the file is silent.

    Raises:
        CheckpointError: The file holds values that the class refuses.
    """
    with _own_errors(folder):
        return model_class.config_class.from_pretrained(folder, local_files_only=True, trust_remote_code=False)


def read_model(
    request: CheckpointRequest, folder: Path, model_class: Any, whole_modules: Sequence[str], device: str, dtype: Any
) -> Any:
    """A checkpoint's model in evaluation mode, on its device.

    Args:
        request: Says whether the weights are packed.
        folder: A checked folder.
        model_class: Of transformers.
        whole_modules: Modules that are not packed, by their full names.
        device: Where the model goes.
        dtype: Of the weights that are not packed.

    Raises:
        CheckpointError: The weights cannot be loaded, or tensors are missing.
    """
    options: dict[str, Any] = {}
    with _own_errors(folder):
        if request.quantize != "none":
            whole = [*whole_modules, *_unpackable(model_class, folder)]
            options = {"quantization_config": _packing(request.quantize, whole, dtype), "device_map": {"": device}}
        model, report = model_class.from_pretrained(
            folder,
            dtype=dtype,
            local_files_only=True,
            use_safetensors=True,
            trust_remote_code=False,
            output_loading_info=True,
            **options,
        )
    wrong = [*report["missing_keys"], *(key for key, *_ in report["mismatched_keys"])]
    if wrong:
        raise CheckpointError(
            f"{folder} lacks {len(wrong)} of the model's tensors, {sorted(wrong)[0]} first: copy the files again"
        )
    return (model if options else model.to(device)).eval()


@contextmanager
def _own_errors(folder: Path) -> Iterator[None]:
    try:
        yield
    except torch.OutOfMemoryError:
        raise
    except _LOADING_ERRORS as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise CheckpointError(f"{folder} cannot be loaded: {reason}") from error


def _unpackable(model_class: Any, folder: Path) -> list[str]:
    """The layers that packing cannot hold: packed rows are made of blocks of 64 numbers."""
    with torch.device("meta"):
        outline = model_class(model_class.config_class.from_pretrained(folder))
    return [
        name
        for name, module in outline.named_modules()
        if isinstance(module, torch.nn.Linear) and module.in_features % 64
    ]


def _packing(quantize: str, whole: list[str], dtype: Any) -> Any:
    """How bitsandbytes packs; a list given to transformers replaces its own, which names the head."""
    if quantize == "8bit":
        return BitsAndBytesConfig(load_in_8bit=True, llm_int8_skip_modules=whole)
    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=dtype,
        llm_int8_skip_modules=whole,
    )


@contextmanager
def weights_reported(progress: Callable[[LoadProgress], None], go_on: Callable[[], None]) -> Iterator[None]:
    """Turns transformers' own progress bar for the weights into progress reports.

    Args:
        progress: Told how far the weights are.
        go_on: Called often; raises when the loading was cancelled.
    """

    def reported(factory: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        bar = factory(*args, **{**kwargs, "disable": True})
        return _ReportedBar(bar, args[0] if args else kwargs.get("iterable"), progress, go_on)

    before = logging.set_tqdm_hook(reported)
    try:
        yield
    finally:
        logging.set_tqdm_hook(before)


class _ReportedBar:
    """Stands in for a progress bar: counts what goes by, and lets a cancelled loading end."""

    def __init__(
        self, bar: Any, items: Any, progress: Callable[[LoadProgress], None], go_on: Callable[[], None]
    ) -> None:
        self._bar = bar
        self._items = items
        self._progress = progress
        self._go_on = go_on

    def __iter__(self) -> Iterator[Any]:
        total = len(self._items) if hasattr(self._items, "__len__") else 0
        for number, item in enumerate(self._items):
            self._go_on()
            if total and number % max(1, total // 100) == 0:
                self._progress(LoadProgress("reading the weights", 0.4 + 0.6 * number / total))
            yield item

    def __enter__(self) -> "_ReportedBar":
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._bar, name)
