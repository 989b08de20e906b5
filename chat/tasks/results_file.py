"""The file that results are added to: locked, checked before anything is added, and cut where a killed run tore it."""

import os
import stat
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from chat.errors import InputError
from chat.generation import CheckpointFacts
from chat.prompt import Dialect
from chat.safe_text import short_line
from chat.tasks.jobs import BadJob, Job
from chat.tasks.results import Result, begins, check_result, read_result

_LONGEST: Final = 2**26
"""Bytes of a line; no reply comes near."""
_SYNC_S: Final = 5.0
"""Seconds after which what was written is made to last through a power cut."""


class ResultsFile:
    """An open file of results, one on every line. Closing it lets others write to it."""

    def __init__(self, path: Path, jobs: Sequence[Job | BadJob]) -> None:
        """Open or make it, and see what it holds; nothing in it is changed.

        Args:
            path: Where it lies.
            jobs: That its lines are results of, in this order.

        Raises:
            InputError: It cannot be written, another run writes to it, or it holds something else.
        """
        self._shown = short_line(os.fspath(path))
        self._jobs = jobs
        self._synced = time.monotonic()
        self.count = 0
        """How many jobs have their result in it."""
        self._end = 0
        self._is_unended = False
        """Whether all that its last line lacks is its end."""
        try:
            # What is added goes to the end, wherever it was read last.
            flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | _flag("O_NONBLOCK") | _flag("O_BINARY")
            self._descriptor = os.open(path, flags, 0o600)
        except OSError as error:
            raise self._refusal(error) from error
        except ValueError as error:
            raise InputError(f"{self._shown}: no file can have this name: choose another") from error
        try:
            self._lock()
            self._look()
        except BaseException:
            os.close(self._descriptor)
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(OSError):
            os.fsync(self._descriptor)
        os.close(self._descriptor)

    def results(self) -> Iterator[Result]:
        """The results that it held when it was opened."""
        for number, line in enumerate(self._lines(), start=1):
            if number > self.count:
                return
            yield self._read(number, line)

    def check(
        self,
        facts: CheckpointFacts,
        dialect: Dialect,
        stop: threading.Event,
        told: Callable[[int], object] | None = None,
    ) -> None:
        """Raise InputError where it holds what this checkpoint would not have written for these jobs.

        Args:
            facts: Of the checkpoint.
            dialect: Of the checkpoint.
            stop: Ends it early when set.
            told: Told how many results are left, before each.
        """
        for number, result in enumerate(self.results(), start=1):
            if stop.is_set():
                return
            if told is not None:
                told(self.count - number + 1)
            try:
                check_result(result, self._jobs[number - 1], facts, dialect)
            except InputError as error:
                raise InputError(f"{self._shown}, line {number}: {error}") from error

    def begin(self) -> None:
        """Cut off what a killed run has left of a line, or end it where that is all it lacks, and let lines be added.

        Raises:
            InputError: It cannot be written.
        """
        if self._is_unended:
            self._write(b"\n")
        else:
            os.ftruncate(self._descriptor, self._end)

    def add(self, line: str) -> None:
        """Add a line, whole before anything else is done.

        Raises:
            InputError: It cannot be written.
        """
        self._write(f"{line}\n".encode())

    def _write(self, content: bytes) -> None:
        left = memoryview(content)
        try:
            while left:
                left = left[os.write(self._descriptor, left) :]
            if time.monotonic() - self._synced > _SYNC_S:
                os.fsync(self._descriptor)
                self._synced = time.monotonic()
        except OSError as error:
            raise self._refusal(error) from error

    def _lock(self) -> None:
        if not stat.S_ISREG(os.fstat(self._descriptor).st_mode):
            raise InputError(f"{self._shown}: is a pipe, a socket or a device: name an ordinary file")
        if sys.platform == "win32":
            return
        import fcntl

        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise InputError(f"{self._shown}: another run writes to it: wait for it or choose another --out") from error
        except OSError:
            # File systems of other machines may know no locks.
            return

    def _look(self) -> None:
        """See which results it holds, and where the last whole one ends."""
        for number, line in enumerate(self._lines(), start=1):
            if number > len(self._jobs):
                words = f"there are only {len(self._jobs):,} jobs"
                raise InputError(
                    f"{self._shown}, line {number}: belongs to another run ({words}): choose another --out"
                )
            job = self._jobs[number - 1]
            self._is_unended = not line.endswith(b"\n") and _is_whole(line)
            if not line.endswith(b"\n") and not self._is_unended:
                if not begins(job, line):
                    raise InputError(f"{self._shown}, line {number}: is no result of a job: choose another --out")
                return
            result = self._read(number, line)
            if (type(result.id), result.id) != (type(job.id), job.id):
                words = f"of job {short_line(repr(result.id), 60)}, not {short_line(repr(job.id), 60)}"
                raise InputError(
                    f"{self._shown}, line {number}: belongs to another run ({words}): choose another --out"
                )
            self.count = number
            self._end += len(line)

    def _lines(self) -> Iterator[bytes]:
        with open(self._descriptor, "rb", closefd=False) as file:
            file.seek(0)
            while line := file.readline(_LONGEST):
                yield line

    def _read(self, number: int, line: bytes) -> Result:
        try:
            return read_result(line)
        except InputError as error:
            raise InputError(f"{self._shown}, line {number}: {error}") from error

    def _refusal(self, error: OSError) -> InputError:
        words = "is a folder" if isinstance(error, IsADirectoryError) else (error.strerror or "cannot be written")
        return InputError(f"{self._shown}: {words[0].lower()}{words[1:]}: choose another --out")


def _is_whole(line: bytes) -> bool:
    """Whether a line without its end is a result all the same."""
    try:
        read_result(line)
    except InputError:
        return False
    return True


def _flag(name: str) -> int:
    return int(getattr(os, name, 0))
