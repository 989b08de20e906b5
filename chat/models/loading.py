"""Loads a checkpoint into a generator: checks the files first, imports torch second, reads the weights last."""

import logging
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from chat.errors import ChatError, CheckpointError
from chat.generation import CheckpointFacts, LoadProgress, TextGenerator
from chat.models.digest import weights_digest
from chat.models.folder import check_folder, weight_files
from chat.models.hub import find_folder, folder_here
from chat.models.request import CheckpointRequest

Report = Callable[[LoadProgress], None]


def check_request(request: CheckpointRequest) -> None:
    """Raise what loading a checkpoint would raise, as far as its files on this machine tell at once.

    Raises:
        CheckpointError: It is not there, or not whole, or not of a kind that can be loaded.
        UsageError: A revision is wanted of a folder.
    """
    if folder := folder_here(request):
        check_folder(folder)


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
    revision = revision or weights_digest(weight_files(folder))
    _go_on(request, stop)
    progress(LoadProgress("starting torch", 0.1))
    try:
        return _with_torch(request, folder, revision, config, progress, stop)
    except ChatError:
        raise
    # Nobody lists what files that fit together badly make the libraries raise.
    except Exception as error:
        reason = (str(error).strip().splitlines() or [""])[0]
        raise CheckpointError(f"{folder} cannot be loaded: {type(error).__name__}: {reason}") from error


def _go_on(request: CheckpointRequest, stop: threading.Event) -> None:
    if stop.is_set():
        raise CheckpointError(f"loading {request.name} was cancelled")


def _with_torch(
    request: CheckpointRequest,
    folder: Path,
    revision: str,
    config: dict[str, Any],
    progress: Report,
    stop: threading.Event,
) -> TextGenerator:
    import torch

    from chat.models.families import family_of
    from chat.models.generator import ModelGenerator
    from chat.models.weights import read_config, read_model, weights_reported

    _keep_libraries_quiet()
    device = _device(request.device)
    dtype = _dtype(request, device)
    family = family_of(config["model_type"])
    encoder = family.read_encoder(folder, read_config(family.model_class, folder))
    _go_on(request, stop)
    progress(LoadProgress("reading the weights", 0.4))
    try:
        with weights_reported(progress, lambda: _go_on(request, stop)):
            model = read_model(request, folder, family.model_class, family.whole_modules, device, dtype)
    except torch.OutOfMemoryError as error:
        raise CheckpointError(f"{request.name} does not fit into {device}'s memory: try --quantize 4bit") from error
    _go_on(request, stop)
    engine = family.build_engine(model, encoder, folder)
    facts = CheckpointFacts(
        name=request.name,
        revision=revision,
        family=config["model_type"],
        device=str(model.device),
        dtype=str(model.dtype).removeprefix("torch."),
        quantization=request.quantize,
        context_length=family.context_length(config),
        image_size=engine.image_size,
        is_demonstration=request.is_demonstration,
    )
    progress(LoadProgress("ready", 1.0))
    return ModelGenerator(engine, facts)


def _keep_libraries_quiet() -> None:
    """Let no advice for programmers come between the replies: bitsandbytes has a line for every quantized layer."""
    from transformers.utils.logging import set_verbosity_error

    set_verbosity_error()
    logging.getLogger("bitsandbytes").setLevel(logging.ERROR)


def _device(wanted: str) -> str:
    import torch

    if wanted != "auto":
        try:
            # To the device and back: one that only pretends to compute gives nothing back.
            torch.zeros(1, device=wanted).cpu()
            return wanted
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
