"""Something that the model's thread does, and what it tells on the way to whoever waits for it."""

import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Generic, TypeVar

from chat.errors import ChatError, GenerationError, in_one_line
from chat.generation import Chunk, ReadProgress, Reply
from chat.loading import LoadProgress

Piece = LoadProgress | ReadProgress | Chunk | Reply
Result = TypeVar("Result")
Tell = Callable[[Piece], None]


class Work(Generic[Result]):
    """Something that the model's thread does, and what it tells on the way."""

    def __init__(self, do: Callable[[Tell, threading.Event], Result]) -> None:
        self.stop = threading.Event()
        """Asks it to end."""
        self.is_over = False
        self._do = do
        self._told: SimpleQueue[Piece | None] = SimpleQueue()
        self._result: list[Result] = []
        self._error: ChatError | None = None

    def run(self) -> None:
        """Do it; called on the model's thread."""
        try:
            self._result.append(self._do(self._told.put, self.stop))
        except ChatError as error:
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
        """What came of it; raises ChatError."""
        if self._error is not None:
            raise self._error
        return self._result[0]
