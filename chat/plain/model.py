"""The model, asked from a thread of its own, since a step of a large one cannot be interrupted.

Whoever waits for it goes on hearing signals. One thread for everything, because a model does one thing at a time.
"""

import gc
import threading
import time
from collections.abc import Callable, Iterator
from queue import Empty, SimpleQueue
from typing import Any, Final

from chat.errors import ChatError, CheckpointError, ModelLostError
from chat.files import byte_size
from chat.generation import CheckpointFacts, TextGenerator
from chat.loading import CanBeLost, Loader, LoadProgress
from chat.plain.output import Output
from chat.plain.signals import Signals
from chat.plain.work import Piece, Result, Tell, Work
from chat.safe_text import short_line

TICK_S: Final = 0.1
"""Seconds between two looks at what was signalled."""
TOLD_EVERY_S: Final = 5.0
"""Seconds between two lines about something that takes long."""

SLOW_TICKS: Final = 10
"""Looks after which something that was asked to end is told to take its time."""


class Stopped(ChatError):
    """Ctrl+C ended the waiting for something."""

    exit_code = 130


class NotLoadedError(CheckpointError):
    """The checkpoint to talk with could not be loaded."""


class Model:
    """Loads a checkpoint and has it do one thing after the other."""

    def __init__(self, loader: Loader, name: str, signals: Signals, output: Output) -> None:
        """Begin the thread.

        Args:
            loader: Loads the checkpoint.
            name: Of the checkpoint.
            signals: Heard while something is waited for.
            output: Told how far the loading is.
        """
        self.generator: TextGenerator | None = None
        """What is loaded."""
        self._loader = loader
        self._name = short_line(name, 60)
        self._signals = signals
        self._output = output
        self._works: SimpleQueue[Work[Any]] = SimpleQueue()
        self._loading: Work[TextGenerator] | None = None
        threading.Thread(target=self._work, name="model", daemon=True).start()

    def _work(self) -> None:
        while True:
            self._works.get().run()

    @property
    def facts(self) -> CheckpointFacts | None:
        """Of what is loaded."""
        return self.generator.facts if self.generator else None

    def begin(self, do: Callable[[Tell, threading.Event], Result]) -> Work[Result]:
        """Have something done as soon as what was begun before has ended."""
        work = Work(do)
        self._works.put(work)
        return work

    def follow(self, work: Work[Any]) -> Iterator[Piece | None]:
        """Yield what is told until it ends, and None in between so that time is felt. Ctrl+C asks it to end.

        Raises:
            Stopped: Ctrl+C was pressed a second time: nobody waits for the end.
            Ended: The program was asked to end.
        """
        waited = 0
        while True:
            self._signals.check()
            if self._signals.presses:
                work.stop.set()
                waited += 1
            if waited == SLOW_TICKS:
                self._output.notice("Stopping; ctrl+c once more does not wait for it.")
            if self._signals.presses > 1:
                raise Stopped("stopped")
            try:
                piece = work.next_piece(TICK_S)
            except Empty:
                yield None
                continue
            if piece is None:
                return
            yield piece

    @property
    def is_stopped(self) -> bool:
        """Whether ctrl+c was pressed since the last line was read."""
        return self._signals.presses > 0

    def check(self) -> None:
        """Raise Ended where the program was asked to end."""
        self._signals.check()

    def wait(self, work: Work[Result]) -> Result:
        """What comes of it; raises ChatError, and what `follow` does."""
        for _ in self.follow(work):
            pass
        return self.result(work)

    def result(self, work: Work[Result]) -> Result:
        """What came of it; raises ChatError. A model that is gone is loaded again with the next question for it."""
        try:
            return work.result()
        except ModelLostError:
            self.generator = None
            raise

    # Loading

    @property
    def is_loading(self) -> bool:
        """Whether the checkpoint is being loaded."""
        return self._loading is not None

    def load(self) -> None:
        """Begin to load the checkpoint."""
        self._loading = self.begin(self._load)

    def stop_loading(self) -> None:
        """Ask the loading to end."""
        if self._loading is not None:
            self._loading.stop.set()

    def _load(self, tell: Tell, stop: threading.Event) -> TextGenerator:
        try:
            generator = self._loader(tell, stop)
        finally:
            # The program is begun without, for the sake of its start.
            gc.enable()
        if stop.is_set():
            # Nobody waits for it any more.
            _let_go(generator)
            raise CheckpointError("it was stopped")
        return generator

    def look(self) -> None:
        """Tell what has become of the loading since it was last asked."""
        if self._loading is None:
            return
        for piece in self._loading.pieces():
            if isinstance(piece, LoadProgress) and piece.notice:
                self._output.notice(piece.notice)
        if self._loading.is_over:
            try:
                self._end_loading(self._loading)
            except NotLoadedError as error:
                self._output.notice(str(error))

    def settle(self) -> None:
        """Wait until nothing is being loaded; what has become of it is told.

        Raises:
            Stopped: Ctrl+C ended the waiting.
            Ended: The program was asked to end.
        """
        if self._loading is not None:
            for _ in self.follow(self._loading):
                pass
            self.look()

    def ready(self) -> TextGenerator:
        """The loaded checkpoint, waited for if need be; one that could not be loaded is tried again.

        Raises:
            NotLoadedError: It cannot be loaded.
            Stopped: Ctrl+C ended the waiting.
            Ended: The program was asked to end.
        """
        if self.generator is not None:
            return self.generator
        if self._loading is None:
            self.load()
        loading = self._loading
        if loading is None:
            raise NotLoadedError("nothing is being loaded")
        self._output.notice(f"Loading {self._name}.")
        told_at = time.monotonic()
        for piece in self.follow(loading):
            if isinstance(piece, LoadProgress):
                if piece.notice:
                    self._output.notice(piece.notice)
                if piece.stage and time.monotonic() - told_at >= TOLD_EVERY_S:
                    told_at = time.monotonic()
                    self._output.notice(f"Loading {self._name}: {_in_words(piece)}.")
        return self._end_loading(loading)

    def _end_loading(self, loading: Work[TextGenerator]) -> TextGenerator:
        self._loading = None
        try:
            self.generator = loading.result()
        except ChatError as error:
            if loading.stop.is_set():
                raise NotLoadedError("The loading was stopped; /load tries again.") from error
            raise NotLoadedError(f"Could not load: {error}; /load tries again") from error
        return self.generator

    def change(self, loader: Loader, name: str, *, keeps: bool) -> None:
        """Load another checkpoint in the place of the one in use.

        Args:
            loader: Loads it.
            name: Of the checkpoint.
            keeps: Let go of the one in use when the other one is loaded, and not before.

        Raises:
            CheckpointError: It cannot be loaded; the one before it is in use, or will be loaded again.
            Stopped: Ctrl+C ended the waiting, as above.
            Ended: The program was asked to end.
        """
        before, self.generator = self.generator, None
        used = self._loader, self._name
        self._loader, self._name = loader, short_line(name, 60)
        if not keeps:
            _let_go(before)
            before = None
        self.load()
        try:
            self.ready()
        except NotLoadedError as error:
            self._loader, self._name = used
            self.generator = before
            raise CheckpointError(f"{error.__cause__ or error}; {self._name} stays.") from error
        except Stopped:
            self.stop_loading()
            self._loading = None
            self._loader, self._name = used
            self.generator = before
            raise
        _let_go(before)


def _let_go(generator: TextGenerator | None) -> None:
    if isinstance(generator, CanBeLost):
        generator.close()


def _in_words(progress: LoadProgress) -> str:
    size = f" of {byte_size(progress.total_bytes)}" if progress.total_bytes else ""
    share = f", {progress.fraction:.0%}" if progress.fraction is not None else ""
    return f"{short_line(progress.stage, 60)}{size}{share}"
