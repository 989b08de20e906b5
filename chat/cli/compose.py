"""The composition root: where the store, the generator and the sample pictures come from."""

import threading
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from chat.errors import StoreError

# Most commands need few of these parts.
if TYPE_CHECKING:
    from chat.conversation import Image
    from chat.generation import TextGenerator
    from chat.loading import Loader, LoadProgress
    from chat.models.request import CheckpointRequest
    from chat.session import SessionStore
    from chat.store import SessionLists
    from chat.talk.offers import Catalogue

Tell = Callable[[str], None]


def opened(paths: Iterable[str | Path]) -> "list[Image]":
    """The pictures in these files."""
    from chat.images import open_image

    return [open_image(Path(path)) for path in paths]


def sample_images() -> "Sequence[Image]":
    """The sample pictures."""
    from chat.shapes.bundled import SAMPLES

    return opened(SAMPLES)


def open_session_store(
    db: Path | None, *, must_exist: bool = False, wait_s: float | None = None, tell: Tell | None = None
) -> "SessionStore":
    """The store in this file, or in the place where the platform keeps a user's data.

    Args:
        db: The file the user named, if any.
        must_exist: Raise StoreError where that file is not there, and make nothing.
        wait_s: Seconds to wait for another program that writes, if not as long as usual.
        tell: Is told what goes on where the file must be brought up to date and that takes long; stderr, if not given.
    """
    from chat.cli.waiting import on_stderr
    from chat.store import default_path, open_store

    if db and must_exist:
        _require(db)
    with on_stderr() as say:
        return open_store(db or default_path(), owns_folder=db is None, wait_s=wait_s, tell=tell or say)


def open_session_lists(db: Path | None) -> "SessionLists":
    """The lists of the sessions in this file, or in that place; raises StoreError where the named file is not there."""
    from chat.cli.waiting import on_stderr
    from chat.store import default_path, open_lists

    if db:
        _require(db)
    with on_stderr() as say:
        return open_lists(db or default_path(), owns_folder=db is None, tell=say)


def store_update(db: Path | None) -> Callable[[Tell], None] | None:
    """What brings the store in this file up to date, which may take minutes; None where that is not needed."""
    from chat.store import default_path, needs_update

    if not needs_update(db or default_path()):
        return None
    return lambda tell: open_session_store(db, tell=tell).close()


def existing_database(db: Path | None) -> Path:
    """The file that the user named, or the one where the platform keeps a user's data; raises StoreError for none."""
    from chat.store import default_path

    path = db or default_path()
    _require(path)
    return path


def _require(db: Path) -> None:
    try:
        db.stat()
    except (FileNotFoundError, NotADirectoryError) as error:
        raise StoreError(
            f"{db.absolute()}: there is no such database: check --db, IDEFICS_CHAT_DB or the config"
        ) from error
    except OSError:
        # Whatever else is wrong with it, the store tells.
        return


def check_request(request: "CheckpointRequest") -> None:
    """Raise what is wrong with the checkpoint that can be told before anything is loaded or stored."""
    from chat.checkpoints import check

    check(request)


def apart_loader(request: "CheckpointRequest") -> "Loader":
    """What loads this checkpoint in a process of its own, so that its work keeps nobody from their keys.

    A server is such a process already.
    """
    if request.base_url:
        return loader(request)

    def load(progress: "Callable[[LoadProgress], None]", stop: threading.Event) -> "TextGenerator":
        from chat.apart.generator import load_apart

        return load_apart(request, progress, stop)

    return load


def machine_catalogue(**options: str) -> "Catalogue":
    """What can be chosen on this machine, each with these options of `CheckpointRequest`."""
    from chat.cli.catalogue import MachineCatalogue

    return MachineCatalogue(**options)


def loader(request: "CheckpointRequest") -> "Loader":
    """What loads this checkpoint; importing torch is left to the call."""

    def load(progress: "Callable[[LoadProgress], None]", stop: threading.Event) -> "TextGenerator":
        from chat.checkpoints import load_requested

        return load_requested(request, progress, stop)

    return load
