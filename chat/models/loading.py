"""Loads a checkpoint into a generator: checks the files first, imports torch second, reads the weights last."""

import logging
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from chat.errors import ChatError, CheckpointError
from chat.generation import CheckpointFacts, TextGenerator
from chat.loading import LoadProgress
from chat.models.digest import weights_digest
from chat.models.environment import environment_of
from chat.models.estimate import Estimate, context_length, estimate
from chat.models.folder import check_folder, weight_files
from chat.models.headers import read_headers
from chat.models.hub import find_folder, folder_here
from chat.models.memory import free_memory, is_out_of_memory, keep_for_later, release_at_once
from chat.models.placement import LEAST_TOKENS, Placement, plan, too_large
from chat.models.request import CheckpointRequest

if TYPE_CHECKING:
    from chat.models.engine import Engine
    from chat.models.reading import Reading

Report = Callable[[LoadProgress], None]

_STARTED: Final = 0.1
_READING: Final = 0.4
_READ: Final = 0.95
"""Shares of the loading at which torch is being imported, and the weights begin and end to be read."""

_SLOW_QUANTIZED: Final = "quantized weights save memory on a CPU, not time: replies are slower than without --quantize"


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
    progress = _Rising(progress)
    folder, revision = find_folder(request, progress, stop)
    progress.begin_rest()
    progress(LoadProgress("checking the files"))
    config = check_folder(folder)
    revision = revision or weights_digest(weight_files(folder))
    _go_on(request, stop)
    progress(LoadProgress("starting torch", _STARTED))
    try:
        return _with_torch(request, folder, revision, config, progress, stop)
    except ChatError:
        raise
    # Nobody lists what files that fit together badly make the libraries raise.
    except Exception as error:
        if is_out_of_memory(error):
            words = (
                f"{request.name} cannot be loaded: memory ran out before its weights were read; close other programs"
            )
            raise CheckpointError(words) from error
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
    from chat.models.devices import find_device, find_dtype
    from chat.models.families import family_of
    from chat.models.generator import ModelGenerator
    from chat.models.packed import pack_linears
    from chat.models.prefill import draft_chunk_for
    from chat.models.weights import read_config, read_model

    _keep_libraries_quiet()
    device = find_device(request.device)
    dtype = find_dtype(request, device)
    family = family_of(config["model_type"])
    encoder = family.read_encoder(folder, read_config(family.model_class, folder), request.image_detail)
    _go_on(request, stop)
    need = _need(request, folder, config, dtype)
    is_quantized = request.quantize != "none"
    placement = plan(need, device, _free(request, device), name=request.name, is_quantized=is_quantized)
    for notice in _notices(request, placement):
        progress(LoadProgress("", notice=notice))
    reading = _reading(request, folder, progress, stop)
    with _memory_told(need, device, request):
        model = read_model(request, folder, family.model_class, family.whole_modules, device, dtype, reading, placement)
        _go_on(request, stop)
        if not placement.limits:
            pack_linears(model)
        engine = family.build_engine(model, encoder, folder, request.image_detail)
        if device != "cpu":
            progress(LoadProgress("warming up", _READ))
            _warm_up(engine)
    facts = _facts(request, folder, revision, config, engine)
    progress(LoadProgress("ready", 1.0))
    draft_chunk = draft_chunk_for(need.weights, device, is_offloaded=bool(placement.limits))
    return ModelGenerator(engine, facts, draft_chunk=draft_chunk)


def _facts(
    request: CheckpointRequest, folder: Path, revision: str, config: dict[str, Any], engine: "Engine"
) -> CheckpointFacts:
    return CheckpointFacts(
        name=request.name,
        revision=revision,
        family=config["model_type"],
        device=str(engine.model.device),
        dtype=str(engine.model.dtype).removeprefix("torch."),
        quantization=request.quantize,
        context_length=context_length(config),
        image_size=engine.image_size,
        image_detail=request.image_detail,
        is_demonstration=request.is_demonstration,
        environment=environment_of(folder),
    )


@contextmanager
def _memory_told(need: Estimate, device: str, request: CheckpointRequest) -> Iterator[None]:
    """Take no more memory than needed, and tell in our words when it does not suffice."""
    is_quantized = request.quantize != "none"
    if device == "cpu":
        release_at_once()
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        words = too_large(need, device, free_memory(device), name=request.name, is_quantized=is_quantized)
        raise CheckpointError(words) from error
    finally:
        # Quantized weights are dequantized again for every token.
        if device == "cpu" and not is_quantized:
            keep_for_later()


def _warm_up(engine: "Engine") -> None:
    """Compute a few tokens for nobody, so that the first reply does not wait for an accelerator's routines.

    On a CPU they are there at once.
    """
    from chat.conversation import Conversation, user_turn
    from chat.models.state import KeptState
    from chat.prompt import serialize

    prompt = serialize(Conversation((user_turn("Hello"),)), engine.dialect)
    engine.compute(KeptState(), engine.encoder.keys(prompt), {})


def _need(request: CheckpointRequest, folder: Path, config: dict[str, Any], dtype: Any) -> Estimate:
    """What a checkpoint takes with a conversation of some length."""
    return estimate(
        config,
        read_headers(weight_files(folder)),
        dtype=str(dtype).removeprefix("torch."),
        quantize=request.quantize,
        tokens=min(context_length(config), LEAST_TOKENS),
    )


def _free(request: CheckpointRequest, device: str) -> dict[str, int]:
    """Free bytes of every device that may hold weights: other accelerators help unless the user named one."""
    from chat.models.devices import devices_here

    named = request.device != "auto"
    return {here: free_memory(here) for here in devices_here() if here in ("cpu", device) or not named}


def _notices(request: CheckpointRequest, placement: Placement) -> list[str]:
    """What the person should know of how the checkpoint is loaded."""
    is_slow = request.quantize != "none" and placement.device == "cpu"
    return [*([_SLOW_QUANTIZED] if is_slow else []), *([placement.notice] if placement.notice else [])]


def _reading(request: CheckpointRequest, folder: Path, progress: Report, stop: threading.Event) -> "Reading":
    """What tells how far the weights are, and ends their reading when the loading is cancelled."""
    from chat.models.reading import Reading

    def tell(part: LoadProgress) -> None:
        progress(part._replace(fraction=_READING + (_READ - _READING) * (part.fraction or 0)))

    total = sum(header.bytes for header in read_headers(weight_files(folder)).values())
    stage = "reading the weights" if request.quantize == "none" else "reading and quantizing the weights"
    reading = Reading(stage, total, tell, lambda: _go_on(request, stop))
    reading.advance(0)
    return reading


class _Rising:
    """Passes progress on so that its fraction only grows, whether a checkpoint had to be fetched first or not."""

    def __init__(self, progress: Report) -> None:
        self._progress = progress
        self._begun = 0.0
        self._last = 0.0

    def __call__(self, progress: LoadProgress) -> None:
        if progress.fraction is not None:
            self._last = self._begun + (1 - self._begun) * progress.fraction
            progress = progress._replace(fraction=self._last)
        self._progress(progress)

    def begin_rest(self) -> None:
        """Take what comes from now on for the rest of the whole."""
        self._begun = self._last


def _keep_libraries_quiet() -> None:
    """Let no advice for programmers come between the replies, such as a line for every quantized layer."""
    from transformers.utils.logging import set_verbosity_error

    set_verbosity_error()
    for name in ("bitsandbytes", "accelerate"):
        logging.getLogger(name).setLevel(logging.ERROR)
