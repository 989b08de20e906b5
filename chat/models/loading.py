"""Loads a checkpoint into a generator: checks the files first, imports torch second, reads the weights last."""

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from chat.errors import CheckpointError
from chat.generation import CheckpointFacts, LoadProgress, TextGenerator
from chat.models.folder import check_folder
from chat.models.hub import find_folder
from chat.models.request import CheckpointRequest

Report = Callable[[LoadProgress], None]


def load_generator(request: CheckpointRequest, progress: Report, stop: threading.Event) -> TextGenerator:
    """Load a checkpoint.

    Args:
        request: Which, and how.
        progress: Told every stage, and how far the weights are.
        stop: Cancels at the next stage.

    Raises:
        CheckpointError: The checkpoint cannot be loaded; the message says what to do.
    """
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    folder, revision = find_folder(request, progress, stop)
    progress(LoadProgress("checking the files"))
    config = check_folder(folder)
    _go_on(request, stop)
    progress(LoadProgress("starting torch", 0.1))
    return _with_torch(request, folder, revision, config, progress, stop)


def _go_on(request: CheckpointRequest, stop: threading.Event) -> None:
    if stop.is_set():
        raise CheckpointError(f"loading {request.name} was cancelled")


def _with_torch(
    request: CheckpointRequest,
    folder: Path,
    revision: str | None,
    config: dict[str, Any],
    progress: Report,
    stop: threading.Event,
) -> TextGenerator:
    import torch
    from transformers.utils import logging

    from chat.models.generator import ModelGenerator
    from chat.models.idefics import IdeficsEngine
    from chat.models.tokenizer_files import load_tokenizer
    from chat.models.tokens import PromptEncoder

    logging.set_verbosity_error()
    device = _device(request.device)
    dtype = _dtype(request, device)
    encoder = PromptEncoder(load_tokenizer(folder))
    _go_on(request, stop)
    progress(LoadProgress("reading the weights", 0.4))
    try:
        with _weights_reported(request, progress, stop):
            model = _read_model(request, folder, device, dtype)
    except torch.OutOfMemoryError as error:
        raise CheckpointError(f"{request.name} does not fit into {device}'s memory: try --quantize 4bit") from error
    _go_on(request, stop)
    processor = _image_processor(folder)
    facts = CheckpointFacts(
        name=request.name,
        revision=revision,
        family=config["model_type"],
        device=str(model.device),
        dtype=str(model.dtype).removeprefix("torch."),
        quantization=request.quantize,
        context_length=_context_length(config),
        image_size=processor.size["height"],
        is_demonstration=request.is_demonstration,
    )
    progress(LoadProgress("ready", 1.0))
    return ModelGenerator(IdeficsEngine(model, encoder, processor), facts)


def _context_length(config: dict[str, Any]) -> int:
    length = config.get("max_position_embeddings") or config.get("max_sequence_length") or 2048
    return int(length)


def _device(wanted: str) -> str:
    import torch

    if wanted != "auto":
        try:
            return str(torch.empty(0, device=wanted).device)
        except (RuntimeError, AssertionError, NotImplementedError) as error:
            raise CheckpointError(f"this machine has no device {wanted!r}: use cpu, or leave --device out") from error
    if torch.cuda.is_available():
        return "cuda"
    if torch.backends.mps.is_available():
        return "mps"
    if hasattr(torch, "xpu") and torch.xpu.is_available():
        return "xpu"
    return "cpu"


def _dtype(request: CheckpointRequest, device: str) -> Any:
    """Half precision where there is hardware for it; on a CPU, full precision is faster and what was trained."""
    import torch

    if request.dtype != "auto":
        return getattr(torch, request.dtype)
    return torch.float32 if device.startswith("cpu") and request.quantize == "none" else torch.bfloat16


def _kept_whole(folder: Path) -> list[str]:
    """The layers that are not packed.

    What sees stays whole, it is small and matters. So does the head, whose class cannot be packed: a list given to
    transformers replaces its own, which names the head. And packed rows are made of blocks of 64 numbers.
    """
    import torch
    from transformers import IdeficsConfig, IdeficsForVisionText2Text

    with torch.device("meta"):
        outline = IdeficsForVisionText2Text(IdeficsConfig.from_pretrained(folder))
    broken_rows = [
        name
        for name, module in outline.named_modules()
        if isinstance(module, torch.nn.Linear) and module.in_features % 64
    ]
    return ["lm_head", "vision_model", "perceiver_resampler", *broken_rows]


def _quantization(request: CheckpointRequest, folder: Path, dtype: Any) -> Any:
    """How bitsandbytes packs the language layers."""
    if request.quantize == "none":
        return None
    from transformers import BitsAndBytesConfig

    whole = _kept_whole(folder)
    if request.quantize == "8bit":
        return BitsAndBytesConfig(load_in_8bit=True, llm_int8_skip_modules=whole)
    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=dtype,
        llm_int8_skip_modules=whole,
    )


def _read_model(request: CheckpointRequest, folder: Path, device: str, dtype: Any) -> Any:
    from safetensors import SafetensorError
    from transformers import IdeficsForVisionText2Text

    options: dict[str, Any] = {}
    quantization = _quantization(request, folder, dtype)
    if quantization is not None:
        options = {"quantization_config": quantization, "device_map": {"": device}}
    try:
        model, report = IdeficsForVisionText2Text.from_pretrained(
            folder,
            dtype=dtype,
            local_files_only=True,
            use_safetensors=True,
            trust_remote_code=False,
            output_loading_info=True,
            **options,
        )
    except (OSError, ValueError, RuntimeError, KeyError, TypeError, SafetensorError, ImportError) as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise CheckpointError(f"{folder} cannot be loaded: {reason}") from error
    wrong = [*report["missing_keys"], *(key for key, *_ in report["mismatched_keys"])]
    if wrong:
        raise CheckpointError(
            f"{folder} lacks {len(wrong)} of the model's tensors, {sorted(wrong)[0]} first: copy the files again"
        )
    return (model if quantization is not None else model.to(device)).eval()


@contextmanager
def _weights_reported(request: CheckpointRequest, progress: Report, stop: threading.Event) -> Iterator[None]:
    """Turns transformers' own progress bar for the weights into progress reports."""
    from transformers.utils import logging

    def reported(factory: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        bar = factory(*args, **{**kwargs, "disable": True})
        return _ReportedBar(bar, args[0] if args else kwargs.get("iterable"), request, progress, stop)

    before = logging.set_tqdm_hook(reported)
    try:
        yield
    finally:
        logging.set_tqdm_hook(before)


class _ReportedBar:
    """Stands in for a progress bar: counts what goes by, and lets a cancelled loading end."""

    def __init__(
        self, bar: Any, items: Any, request: CheckpointRequest, progress: Report, stop: threading.Event
    ) -> None:
        self._bar = bar
        self._items = items
        self._request = request
        self._progress = progress
        self._stop = stop

    def __iter__(self) -> Iterator[Any]:
        total = len(self._items) if hasattr(self._items, "__len__") else 0
        for number, item in enumerate(self._items):
            _go_on(self._request, self._stop)
            if total and number % max(1, total // 100) == 0:
                self._progress(LoadProgress("reading the weights", 0.4 + 0.6 * number / total))
            yield item

    def __enter__(self) -> "_ReportedBar":
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._bar, name)


def _image_processor(folder: Path) -> Any:
    from transformers.models.idefics.image_processing_pil_idefics import IdeficsImageProcessorPil

    return IdeficsImageProcessorPil.from_pretrained(folder, local_files_only=True)
