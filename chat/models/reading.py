"""Hands the tensors of safetensors files over one by one, and tells how many bytes have been read.

The files are read and not mapped: what is mapped counts as this process's memory until the last tensor is in its
place, so that bringing weights to another precision would take both at once; and a file that is cut while it is
mapped ends the program without a word.
"""

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from safetensors import safe_open
from transformers.utils import logging

from chat.loading import LoadProgress

_STEPS: Final = 200
"""Reports over one reading: enough for a bar that moves evenly."""


class Reading:
    """How far the reading of a checkpoint's weights is."""

    def __init__(
        self, stage: str, total_bytes: int, progress: Callable[[LoadProgress], None], go_on: Callable[[], None]
    ) -> None:
        """Begin with nothing read.

        Args:
            stage: What is told while it lasts.
            total_bytes: Of all tensors.
            progress: Told how far it is, with the share of this stage alone as the fraction.
            go_on: Called between two tensors; raises when the loading was cancelled.
        """
        self._stage = stage
        self.total_bytes = total_bytes
        self._progress = progress
        self.go_on = go_on
        self._lock = threading.Lock()
        self._done = 0
        self._told = -1

    def advance(self, count: int) -> None:
        """Note bytes that have been read; from any thread."""
        with self._lock:
            self._done = min(self._done + count, self.total_bytes)
            step = self._done * _STEPS // max(1, self.total_bytes)
            if step > self._told:
                self._told = step
                share = self._done / max(1, self.total_bytes)
                self._progress(LoadProgress(self._stage, share, self._done, self.total_bytes))


class LazyTensor:
    """Stands for one tensor of a file until it is indexed, which reads it."""

    def __init__(self, file: Any, name: str, reading: Reading) -> None:
        self._file = file
        self._name = name
        self._reading = reading

    def __getitem__(self, index: Any) -> Any:
        tensor = self._file.get_tensor(self._name)
        self._reading.advance(tensor.nbytes)
        return tensor[index]


def lazy_tensors(paths: Iterable[Path], reading: Reading) -> dict[str, LazyTensor]:
    """Every tensor of these files by name; none has been read."""
    tensors: dict[str, LazyTensor] = {}
    for path in paths:
        file = safe_open(path, framework="pt", device="cpu", backend="pread")
        tensors.update((name, LazyTensor(file, name, reading)) for name in _names(file))
    return tensors


def _names(file: Any) -> list[str]:
    return list(file.keys())


@contextmanager
def bar_reported(reading: Reading, *, counts_bytes: bool) -> Iterator[None]:
    """Keep transformers' own progress bar for the weights from being drawn, and let a cancelled loading end there.

    Args:
        reading: What can end the loading.
        counts_bytes: Whether the bar's steps are what tells how far the reading is, each an even share.
    """

    def stand_in(factory: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        bar = factory(*args, **{**kwargs, "disable": True})
        return _SilentBar(bar, args[0] if args else kwargs.get("iterable"), reading, counts_bytes)

    before = logging.set_tqdm_hook(stand_in)
    try:
        yield
    finally:
        logging.set_tqdm_hook(before)


class _SilentBar:
    """Stands in for a progress bar."""

    def __init__(self, bar: Any, items: Any, reading: Reading, counts_bytes: bool) -> None:
        self._bar = bar
        self._items = items
        self._reading = reading
        self._counts_bytes = counts_bytes

    def __iter__(self) -> Iterator[Any]:
        total = len(self._items) if hasattr(self._items, "__len__") else 0
        for item in self._items:
            self._reading.go_on()
            yield item
            if self._counts_bytes and total:
                self._reading.advance(self._reading.total_bytes // total)

    def __enter__(self) -> "_SilentBar":
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._bar, name)
