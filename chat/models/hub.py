"""Finds a checkpoint's folder: one on this machine, or one from the hub, fetched only when the user named it."""

import errno
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from chat.errors import CheckpointError, UsageError
from chat.files import byte_size
from chat.loading import LoadProgress
from chat.models.folder import check_family, check_folder, weight_files
from chat.models.headers import TensorHeader, read_headers
from chat.models.request import CheckpointRequest

_FILES: Final = ["*.json", "*.safetensors", "tokenizer.model"]
"""What a checkpoint needs; pickles and code are never fetched."""
_FETCHED: Final = 0.7
"""Share of the whole loading that has been done when everything is fetched."""


def find_folder(
    request: CheckpointRequest, progress: Callable[[LoadProgress], None], stop: threading.Event
) -> tuple[Path, str | None]:
    """The folder of a checkpoint and, for one of the hub, its commit.

    Raises:
        CheckpointError: There is no such folder, or the hub has no such checkpoint or cannot be reached.
    """
    if folder := folder_here(request):
        return folder, None
    snapshot = _cached(request) or _fetched(request, progress, stop)
    return snapshot, snapshot.name


def folder_here(request: CheckpointRequest) -> Path | None:
    """The folder that a checkpoint is; None for one of the hub.

    Raises:
        CheckpointError: It is neither.
        UsageError: A revision is wanted of a folder.
    """
    folder = request.folder or _local(request.name)
    if folder is not None and request.revision is not None:
        raise UsageError(f"--revision is for checkpoints of the hub: leave it out, {request.name} is a folder here")
    if folder is None and (request.name.startswith((".", "/", "~")) or request.name.count("/") != 1):
        raise CheckpointError(
            f"{request.name} is no folder: give the folder of a checkpoint, a hub name such as ORG/NAME, or shapes"
        )
    return folder


def _local(name: str) -> Path | None:
    """The folder of this name, if there is one."""
    try:
        folder = Path(name).expanduser()
        return folder if folder.is_dir() else None
    except (OSError, RuntimeError, ValueError):
        # Too long a name, an unknown user's home, a zero byte.
        return None


def _cached(request: CheckpointRequest) -> Path | None:
    """The folder of a checkpoint that was fetched before; None where something of it is missing."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

    try:
        folder = Path(
            snapshot_download(request.name, revision=request.revision, allow_patterns=_FILES, local_files_only=True)
        )
        return folder if all(path.exists() for path in weight_files(folder)) else None
    except HFValidationError as error:
        raise CheckpointError(f"{request.name} is no hub name: give ORG/NAME, a folder, or shapes") from error
    except (LocalEntryNotFoundError, OSError, CheckpointError):
        return None


def cached_names() -> list[str]:
    """Hub names of the checkpoints on this machine that are whole and of a supported family."""
    from huggingface_hub import constants

    prefix = "models--"
    folders = sorted(Path(constants.HF_HUB_CACHE).glob(f"{prefix}*--*"))
    names = [folder.name.removeprefix(prefix).replace("--", "/", 1) for folder in folders]
    return [name for name in names if _is_supported(_cached(CheckpointRequest(name)))]


def is_cached(request: CheckpointRequest) -> bool:
    """Whether a hub checkpoint is on this machine, and whole."""
    return folder_here(request) is None and _cached(request) is not None


def _is_supported(folder: Path | None) -> bool:
    try:
        return folder is not None and bool(check_family(folder))
    except CheckpointError:
        return False


def described(
    request: CheckpointRequest, *, asks_hub: bool = True
) -> tuple[dict[str, Any], dict[str, TensorHeader], str | None]:
    """What a checkpoint's files say of it: its config, the headers of its weights and, of the hub, its commit.

    Of a checkpoint that is not on this machine, the config and the beginnings of the weights' files are fetched, and
    no weights.

    Args:
        request: Which.
        asks_hub: Whether anything may be fetched.

    Raises:
        CheckpointError: There is no such checkpoint, it cannot be loaded, or the hub cannot be reached.
    """
    folder = folder_here(request)
    if snapshot := folder or _cached(request):
        return check_folder(snapshot), read_headers(weight_files(snapshot)), None if folder else snapshot.name
    if not asks_hub:
        raise CheckpointError(f"{request.name} is not on this machine")
    from huggingface_hub import HfApi, snapshot_download
    from huggingface_hub.errors import NotASafetensorsRepoError
    from huggingface_hub.utils.tqdm import disable_progress_bars

    disable_progress_bars()
    with _hub_errors(request):
        outline = Path(snapshot_download(request.name, revision=request.revision, allow_patterns=["config.json"]))
        config = check_family(outline)
        try:
            found = HfApi().get_safetensors_metadata(request.name, revision=outline.name)
        except NotASafetensorsRepoError as error:
            raise CheckpointError(
                f"{request.name} has no weights as safetensors: use a checkpoint with them"
            ) from error
    tensors = {
        name: TensorHeader(tensor.dtype, tuple(tensor.shape))
        for file in found.files_metadata.values()
        for name, tensor in file.tensors.items()
    }
    return config, tensors, outline.name


def _fetched(request: CheckpointRequest, progress: Callable[[LoadProgress], None], stop: threading.Event) -> Path:
    """Fetch a checkpoint: its config first, so that nothing large comes of one that cannot be loaded."""
    from huggingface_hub import snapshot_download

    progress(LoadProgress(f"fetching {request.name}"))
    silent = _reporting_bar(request.name, 0, lambda _: None, stop)
    with _hub_errors(request):
        outline = snapshot_download(
            request.name, revision=request.revision, allow_patterns=["config.json"], tqdm_class=silent
        )
        check_family(Path(outline))
        wanted = snapshot_download(
            request.name, revision=request.revision, allow_patterns=_FILES, tqdm_class=silent, dry_run=True
        )
        total = sum(file.file_size or 0 for file in wanted if file.will_download)
        _check_room(request.name, Path(outline), total)
        bar = _reporting_bar(request.name, total, progress, stop)
        return Path(snapshot_download(request.name, revision=request.revision, allow_patterns=_FILES, tqdm_class=bar))


def _check_room(name: str, folder: Path, total: int) -> None:
    """Refuse, before anything large is fetched, what the disk has no room for."""
    free = shutil.disk_usage(folder).free
    if total > free:
        raise CheckpointError(
            f"{name} takes {byte_size(total)} more on the disk and {byte_size(free)} are free in {folder.parent}: "
            "free some space, or set HF_HOME to a folder on another disk"
        )


@contextmanager
def _hub_errors(request: CheckpointRequest) -> Iterator[None]:
    from huggingface_hub.errors import (
        GatedRepoError,
        HfHubHTTPError,
        HFValidationError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    name = request.name
    try:
        yield
    except GatedRepoError as error:
        raise CheckpointError(f"{name} must be asked for on the hub: accept its terms there and log in") from error
    except RevisionNotFoundError as error:
        raise CheckpointError(f"{name} has no revision {request.revision}: check --revision") from error
    except (RepositoryNotFoundError, HFValidationError) as error:
        raise CheckpointError(f"the hub has no checkpoint {name}: check the name") from error
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise CheckpointError(f"the disk is full while fetching {name}: free some space and try again") from error
        raise CheckpointError(_unreachable(name)) from error
    except (HfHubHTTPError, ValueError, RuntimeError) as error:
        raise CheckpointError(_unreachable(name)) from error
    except _transport_errors() as error:
        raise CheckpointError(
            f"{name} cannot be fetched, the connection to the hub broke off: what came is kept, try again, "
            "or give a folder"
        ) from error


def _transport_errors() -> tuple[type[Exception], ...]:
    """What the hub's client raises where a connection fails half way.

    Which library speaks HTTP is the client's own affair and has changed before; its errors are derived from that
    library's.
    """
    from huggingface_hub.errors import HfHubHTTPError

    return tuple(base for base in HfHubHTTPError.__mro__ if issubclass(base, Exception) and base is not Exception)


def _unreachable(name: str) -> str:
    return f"{name} is not on this machine and the hub cannot be reached: connect and try again, or give a folder"


def _reporting_bar(name: str, total: int, progress: Callable[[LoadProgress], None], stop: threading.Event) -> Any:
    """A class of progress bars that draw nothing and tell how many of so many bytes have been fetched.

    The hub's library has a bar for the bytes that come in, one for those that are written, where these differ, and one
    for files; what is furthest along is how far the fetching is.
    """
    from tqdm.auto import tqdm

    class ReportingBar(tqdm):
        most = 0

        def __init__(self, *args: Any, **kwargs: Any) -> None:
            kwargs.pop("name", None)
            super().__init__(*args, **{**kwargs, "disable": True})
            self._counts_bytes = kwargs.get("unit") == "B"
            self._done = 0

        def update(self, n: float | None = 1) -> bool | None:
            if stop.is_set():
                raise CheckpointError(f"fetching {name} was cancelled; what came is kept")
            self._done += int(n or 0)
            if self._counts_bytes and total and self._done > ReportingBar.most:
                ReportingBar.most = min(self._done, total)
                share = ReportingBar.most / total
                progress(LoadProgress(f"fetching {name}", share * _FETCHED, ReportingBar.most, total))
            return None

    return ReportingBar
