"""Files read and written with care. Knows nothing of what they hold.

Reading never waits for a pipe and never drinks from a device; writing leaves the old file or the whole new one.
"""

import errno
import os
import stat
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, Final

from chat.errors import InputError
from chat.safe_text import short_line

# Without O_NONBLOCK, opening a pipe that nobody writes to would wait for ever. Windows has only O_BINARY of these.
_READ_FLAGS: Final = os.O_RDONLY | sum(
    getattr(os, flag, 0) for flag in ("O_NONBLOCK", "O_CLOEXEC", "O_NOCTTY", "O_BINARY")
)

_NO_ORDINARY_FILE: Final = "is a pipe, a socket or a device: name an ordinary file"

_READ_PROBLEMS: Final[Mapping[int | None, str]] = {
    errno.ENOENT: "there is no such file: check the name",
    errno.ENOTDIR: "there is no such file: check the name",
    errno.ELOOP: "the link leads back to itself: name the file it should stand for",
    errno.ENAMETOOLONG: "the path is too long: move the file where its path is shorter",
    errno.EACCES: "you may not read it: change its permissions",
    errno.EPERM: "you may not read it: change its permissions",
    errno.ENXIO: _NO_ORDINARY_FILE,
    errno.ENODEV: _NO_ORDINARY_FILE,
    errno.EISDIR: "is a folder: name a file in it",
}

_WRITE_PROBLEMS: Final[Mapping[int | None, str]] = {
    errno.ENOENT: "there is no such folder: make it first",
    errno.ENOTDIR: "there is no such folder: make it first",
    errno.EISDIR: "is a folder: name a file in it",
    errno.ENAMETOOLONG: "the path is too long: choose a shorter one",
    errno.EACCES: "you may not write there: choose another folder",
    errno.EPERM: "you may not write there: choose another folder",
    errno.EROFS: "nothing can be written there: choose another folder",
    errno.ENOSPC: "the disk is full: free some space",
    errno.EDQUOT: "your share of the disk is full: free some space",
}


def byte_size(count: int) -> str:
    """A number of bytes in words, such as `3.4 MiB`."""
    if count < 1024:
        return f"{count} bytes"
    if count < 2**20:
        return f"{count / 1024:.1f} KiB"
    return f"{count / 2**20:.1f} MiB" if count < 2**30 else f"{count / 2**30:.1f} GiB"


def read_file(path: str | Path, *, most_bytes: int, error: type[InputError]) -> bytes:
    """All bytes of an ordinary file.

    Args:
        path: What to read; links are followed.
        most_bytes: The size above which the file is refused.
        error: What is raised, in one line that names the file, when it cannot be read.
    """
    with _read_errors(path, error):
        descriptor = os.open(path, _READ_FLAGS)
        try:
            return _read_open_file(descriptor, short_line(os.fspath(path)), most_bytes, error)
        finally:
            os.close(descriptor)


def read_lines(path: str | Path, *, most_bytes: int, error: type[InputError]) -> Iterator[bytes]:
    """The lines of an ordinary file one after the other, each with its end; no more than one of them is held.

    Args:
        path: What to read; links are followed.
        most_bytes: The length above which a line is refused.
        error: What is raised, in one line that names the file, when it cannot be read.
    """
    shown = short_line(os.fspath(path))
    with _read_errors(path, error):
        descriptor = os.open(path, _READ_FLAGS)
        try:
            _require_ordinary(descriptor, shown, error)
            with open(descriptor, "rb", closefd=False) as file:
                yield from _lines(file, shown, most_bytes, error)
        finally:
            os.close(descriptor)


def write_file(path: Path, content: bytes, *, overwrite: bool, error: type[InputError]) -> None:
    """Write a file that only its owner can read, whole or not at all.

    A file that holds the same bytes already is left alone.

    Args:
        path: Where to write; its folder must exist.
        content: The file's bytes.
        overwrite: Replace a file that holds something else; otherwise that is an error.
        error: What is raised, in one line that names the file, when it cannot be written.
    """
    with _write_errors(path, error):
        if not overwrite:
            check_free(path, content, error=error)
        if not _holds(path, content):
            with _new_file(path, [content]) as written:
                os.replace(written, path)
            _sync_folder(path.parent)


def write_pieces(path: Path, pieces: Iterable[bytes], *, overwrite: bool, error: type[InputError]) -> None:
    """Write a file as `write_file` does, whose bytes come in pieces: no more than one of them is held.

    Args:
        path: Where to write; its folder must exist.
        pieces: The file's bytes, one piece after the other.
        overwrite: Replace a file that holds something else; otherwise that is an error.
        error: What is raised, in one line that names the file, when it cannot be written.
    """
    import filecmp

    with _write_errors(path, error):
        with _new_file(path, pieces) as written:
            if path.exists() and filecmp.cmp(path, written, shallow=False):
                return
            if not overwrite and os.path.lexists(path):
                raise error(_taken(path))
            os.replace(written, path)
        _sync_folder(path.parent)


@contextmanager
def whole_file(path: Path, *, overwrite: bool, error: type[InputError]) -> Iterator[Path]:
    """A file that only its owner can read, to be written by the body; it gets its name once that is done.

    Args:
        path: What it is to be called; its folder must exist.
        overwrite: Take the place of a file that is there by then; otherwise that is an error.
        error: What is raised, in one line that names the file, when it cannot be written.
    """
    with _write_errors(path, error):
        if not overwrite and os.path.lexists(path):
            raise error(_taken(path))
        with _new_file(path, []) as written:
            yield Path(written)
            _sync_file(written)
            if overwrite:
                os.replace(written, path)
            else:
                _give_free_name(written, path, error)
        _sync_folder(path.parent)


def check_free(path: Path, content: bytes, *, error: type[InputError]) -> None:
    """Raise `error` where a path is taken by anything but a file that holds just this."""
    if os.path.lexists(path) and not _holds(path, content):
        raise error(_taken(path))


def make_folder(path: Path, *, error: type[InputError]) -> None:
    """Make a folder that only its owner can enter, where there is none; raises `error` where that cannot be."""
    try:
        path.mkdir(mode=0o700, exist_ok=True)
    except OSError as cause:
        shown = short_line(os.fspath(path))
        raise error(f"{shown}: {_WRITE_PROBLEMS.get(cause.errno) or _system_words(cause)}") from cause


def _taken(path: Path) -> str:
    return f"{short_line(os.fspath(path))}: exists already: choose another name, or give --overwrite"


@contextmanager
def _read_errors(path: str | Path, error: type[InputError]) -> Iterator[None]:
    shown = short_line(os.fspath(path))
    try:
        yield
    except OSError as cause:
        raise error(f"{shown}: {_read_problem(cause, path)}") from cause
    except ValueError as cause:
        raise error(f"{shown}: no file can have this name: check it") from cause


@contextmanager
def _write_errors(path: Path, error: type[InputError]) -> Iterator[None]:
    shown = short_line(os.fspath(path))
    try:
        yield
    except OSError as cause:
        raise error(f"{shown}: {_WRITE_PROBLEMS.get(cause.errno) or _system_words(cause)}") from cause
    except ValueError as cause:
        raise error(f"{shown}: no file can have this name: choose another") from cause


def _require_ordinary(descriptor: int, shown: str, error: type[InputError]) -> None:
    mode = os.fstat(descriptor).st_mode
    if stat.S_ISDIR(mode):
        raise error(f"{shown}: is a folder: name a file in it")
    if not stat.S_ISREG(mode):
        raise error(f"{shown}: {_NO_ORDINARY_FILE}")


def _lines(file: BinaryIO, shown: str, most_bytes: int, error: type[InputError]) -> Iterator[bytes]:
    number = 1
    while line := file.readline(most_bytes + 1):
        if len(line) > most_bytes:
            raise error(f"{shown}: line {number} is longer than {byte_size(most_bytes)}: make it shorter")
        yield line
        number += 1


def _read_open_file(descriptor: int, shown: str, most_bytes: int, error: type[InputError]) -> bytes:
    _require_ordinary(descriptor, shown, error)
    # One byte above the limit tells, also of a file that grows or says that it is empty.
    with open(descriptor, "rb", closefd=False) as file:
        content = file.read(most_bytes + 1)
    if len(content) > most_bytes:
        raise error(f"{shown}: is larger than {byte_size(most_bytes)}: make a smaller copy")
    return content


def _read_problem(cause: OSError, path: str | Path) -> str:
    if cause.errno == errno.ENOENT and os.path.islink(path):
        return "the link leads to a file that is gone: name the file itself"
    return _READ_PROBLEMS.get(cause.errno) or _system_words(cause)


def _system_words(cause: OSError) -> str:
    return f"{(cause.strerror or 'the system refused').lower()}: try another place"


def _holds(path: Path, content: bytes) -> bool:
    try:
        return read_file(path, most_bytes=len(content), error=InputError) == content
    except InputError:
        return False


@contextmanager
def _new_file(path: Path, pieces: Iterable[bytes]) -> Iterator[str]:
    """A file on the disk beside `path`, which is gone after the block unless it was given another name."""
    descriptor, temporary = tempfile.mkstemp(prefix=".idefics-chat-", dir=path.parent)
    try:
        with open(descriptor, "wb") as file:
            file.writelines(pieces)
            file.flush()
            os.fsync(descriptor)
        yield temporary
    finally:
        with suppress(OSError):
            os.unlink(temporary)


def _give_free_name(temporary: str, path: Path, error: type[InputError]) -> None:
    """Rename a file; raises `error` where the name is taken, however short the time since somebody looked."""
    try:
        os.link(temporary, path)
    except FileExistsError as cause:
        raise error(_taken(path)) from cause
    except OSError as cause:
        # There are file systems without a second name for a file.
        if os.path.lexists(path):
            raise error(_taken(path)) from cause
        os.rename(temporary, path)


def _sync_file(path: str) -> None:
    descriptor = os.open(path, os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _sync_folder(folder: Path) -> None:
    """Make the new name last through a power cut, where the system can."""
    if os.name == "posix":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
