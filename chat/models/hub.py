"""Finds a checkpoint's folder: one on this machine, or one from the hub, fetched only when the user named it."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from chat.errors import CheckpointError
from chat.generation import LoadProgress
from chat.models.request import CheckpointRequest

_FILES: Final = ["*.json", "*.safetensors", "tokenizer.model"]
"""What a checkpoint needs; pickles and code are never fetched."""


def find_folder(
    request: CheckpointRequest, progress: Callable[[LoadProgress], None], stop: threading.Event
) -> tuple[Path, str | None]:
    """The folder of a checkpoint and, for one of the hub, its commit.

    Raises:
        CheckpointError: There is no such folder, or the hub has no such checkpoint or cannot be reached.
    """
    if request.folder is not None:
        return request.folder, request.revision
    name = request.name
    folder = Path(name).expanduser()
    if folder.is_dir():
        return folder, None
    if name.startswith((".", "/", "~")) or name.count("/") != 1 or folder.exists():
        raise CheckpointError(
            f"{name} is no folder: give the folder of a checkpoint, a hub name such as ORG/NAME, or shapes"
        )
    snapshot = _cached(name, request.revision) or _fetched(name, request.revision, progress, stop)
    return snapshot, snapshot.name


def _cached(name: str, revision: str | None) -> Path | None:
    """The folder of a checkpoint that was fetched before and is whole."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    from chat.models.folder import check_folder

    try:
        folder = Path(snapshot_download(name, revision=revision, allow_patterns=_FILES, local_files_only=True))
        check_folder(folder)
    except HFValidationError as error:
        raise CheckpointError(f"{name} is no hub name: give ORG/NAME, a folder, or shapes") from error
    except (LocalEntryNotFoundError, HfHubHTTPError, CheckpointError, OSError):
        return None
    return folder


def _fetched(name: str, revision: str | None, progress: Callable[[LoadProgress], None], stop: threading.Event) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, RepositoryNotFoundError

    progress(LoadProgress(f"fetching {name}"))
    try:
        return Path(
            snapshot_download(
                name, revision=revision, allow_patterns=_FILES, tqdm_class=_reporting_bar(name, progress, stop)
            )
        )
    except (RepositoryNotFoundError, HFValidationError) as error:
        raise CheckpointError(f"the hub has no checkpoint {name}: check the name") from error
    except (HfHubHTTPError, OSError, ValueError, RuntimeError) as error:
        raise CheckpointError(
            f"{name} is not on this machine and the hub cannot be reached: connect and try again, or give a folder"
        ) from error


def _reporting_bar(name: str, progress: Callable[[LoadProgress], None], stop: threading.Event) -> Any:
    """A progress bar that draws nothing and tells how much has been fetched."""
    from tqdm.auto import tqdm

    class ReportingBar(tqdm):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            kwargs.pop("name", None)
            super().__init__(*args, **{**kwargs, "disable": True})
            self._done = 0

        def update(self, n: float | None = 1) -> bool | None:
            if stop.is_set():
                raise CheckpointError(f"fetching {name} was cancelled; what came is kept")
            self._done += int(n or 0)
            if self.total:
                progress(LoadProgress(f"fetching {name}", min(1.0, self._done / self.total) * 0.5))
            return None

    return ReportingBar
