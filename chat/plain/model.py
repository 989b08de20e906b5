"""The model, on a thread of its own: neither an import of torch nor a step of a large model can be interrupted.

Whoever waits for it goes on hearing signals. One thread for everything, because each new thread that computes gets its
own pool of helper threads.
"""

import gc
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Any, Final, Generic, TypeVar

from chat.errors import ChatError, CheckpointError, GenerationError, ModelError, in_one_line
from chat.files import byte_size
from chat.generation import Chunk, Loader, LoadProgress, ReadProgress, Reply, TextGenerator
from chat.plain.output import Output
from chat.plain.signals import Signals
from chat.safe_text import short_line

TICK_S: Final = 0.1
"""Seconds between two looks at what was signalled."""
TOLD_EVERY_S: Final = 5.0
"""Seconds between two lines about something that takes long."""

SLOW_TICKS: Final = 10
"""Looks after which something that was asked to end is told to take its time."""

Piece = LoadProgress | ReadProgress | Chunk | Reply
Result = TypeVar("Result")
Tell = Callable[[Piece], None]


class Stopped(ChatError):
    """Ctrl+C ended the waiting for something."""

    exit_code = 130


class Work(Generic[Result]):
    """Something that the model's thread does, and what it tells on the way."""

    def __init__(self, do: Callable[[Tell, threading.Event], Result]) -> None:
        self.stop = threading.Event()
        """Asks it to end."""
        self.is_over = False
        self._do = do
        self._told: SimpleQueue[Piece | None] = SimpleQueue()
        self._result: list[Result] = []
        self._error: ModelError | None = None

    def run(self) -> None:
        """Do it; called on the model's thread."""
        try:
            self._result.append(self._do(self._told.put, self.stop))
        except ModelError as error:
            self._error = error
        except Exception as error:
            # Whatever torch or a checkpoint's files raise ends here: a thread that died would let everybody wait.
            self._error = GenerationError(in_one_line(error))
        finally:
            self.is_over = True
            self._told.put(None)

    def next_piece(self, seconds: float) -> Piece | None:
        """What was told next, or None after its end; raises Empty where nothing comes in this time."""
        return self._told.get(timeout=seconds)

    def pieces(self) -> Iterator[Piece]:
        """What was told and not taken yet."""
        with suppress(Empty):
            while (piece := self._told.get_nowait()) is not None:
                yield piece

    def result(self) -> Result:
        """What came of it; raises ModelError."""
        if self._error is not None:
            raise self._error
        return self._result[0]


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

    def wait(self, work: Work[Result]) -> Result:
        """What comes of it; raises ModelError, and what `follow` does."""
        for _ in self.follow(work):
            pass
        return work.result()

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
            return self._loader(tell, stop)
        finally:
            # What was imported and loaded stays; it need not be looked over for garbage again and again.
            gc.freeze()
            gc.enable()

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
            except CheckpointError as error:
                self._output.notice(str(error))

    def ready(self) -> TextGenerator:
        """The loaded checkpoint, waited for if need be; one that could not be loaded is tried again.

        Raises:
            CheckpointError: It cannot be loaded.
            Stopped: Ctrl+C ended the waiting.
            Ended: The program was asked to end.
        """
        if self.generator is not None:
            return self.generator
        if self._loading is None:
            self.load()
        loading = self._loading
        if loading is None:
            raise CheckpointError("nothing is being loaded")
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
        except ModelError as error:
            if loading.stop.is_set():
                raise CheckpointError("The loading was stopped; /load tries again.") from error
            raise CheckpointError(f"Could not load: {error} · /load tries again") from error
        return self.generator


def _in_words(progress: LoadProgress) -> str:
    size = f" of {byte_size(progress.total_bytes)}" if progress.total_bytes else ""
    share = f", {progress.fraction:.0%}" if progress.fraction is not None else ""
    return f"{short_line(progress.stage, 60)}{size}{share}"
