"""The program's end: begins the model's process, asks it, and tells when it is gone."""

import itertools
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from queue import SimpleQueue
from typing import IO, Any, Final

from chat.apart.wire import Answer, Call, Done, Failed, PictureBytes, PictureWanted, Piece, Place, Stop, Wire
from chat.conversation import Image
from chat.errors import ChatError, GenerationError, ModelLostError
from chat.safe_text import short_line

WATCH_S: Final = 0.5
"""Seconds after which whoever waits for a stop sees that the call has ended without one."""
PATIENCE_S: Final = 1.0
"""Seconds that a process which has closed its pipe may take to end."""
MOST_CHARACTERS: Final = 200
"""Of the last line that the process says on stderr."""

_BEGIN: Final = "import sys; sys.path[:] = sys.argv[1:]; from chat.apart.child import main; main()"


class _OpenCall:
    """A call that has not ended: where its answers go, and the pictures that it may ask for."""

    def __init__(self) -> None:
        self.answers: SimpleQueue[Answer] = SimpleQueue()
        self.images: dict[str, Image] = {}
        self.has_ended = False


class Link:
    """A process that a model lives in. Any thread may ask."""

    def __init__(self) -> None:
        """Begin the process; raises OSError where the system has no room for one."""
        self._process = _begun()
        if self._process.stdin is None or self._process.stdout is None or self._process.stderr is None:
            raise RuntimeError("the model's process was begun without pipes")
        self._wire = Wire(self._process.stdout, self._process.stdin, self._bytes_of)
        self._numbers = itertools.count(1)
        self._open: dict[int, _OpenCall] = {}
        self._lock = threading.Lock()
        self._lost: ModelLostError | None = None
        self._tell_lost: Callable[[ModelLostError], object] | None = None
        self._last_words = ""
        self._listening = threading.Thread(
            target=self._listen, args=(self._process.stderr,), name="model-stderr", daemon=True
        )
        self._listening.start()
        threading.Thread(target=self._receive, name="model-answers", daemon=True).start()

    @property
    def pid(self) -> int:
        """The process."""
        return self._process.pid

    def ask(self, name: str, *arguments: Any, tell: Callable[[Any], object] | None = None) -> Any:
        """What a call gives at its end.

        Args:
            name: Of a method of the generator.
            arguments: Its own; an event among them stops the call.
            tell: Takes what the call gives on its way.

        Raises:
            ModelLostError: The process is gone.
            ChatError: What the call raised.
        """
        value = None
        for answer in self._answers(name, arguments):
            match answer:
                case Piece(_, piece):
                    if tell:
                        tell(piece)
                case Done(_, value):
                    pass
        return value

    def stream(self, name: str, *arguments: Any) -> Iterator[Any]:
        """What a call gives piece by piece; see `ask`. Whoever leaves before its end stops it."""
        for answer in self._answers(name, arguments):
            if isinstance(answer, Piece):
                yield answer.value

    def when_lost(self, tell: Callable[[ModelLostError], object]) -> None:
        """Have it told, once and from another thread, that the process is gone though nobody ended it."""
        with self._lock:
            self._tell_lost = tell
            lost = self._lost
        if lost is not None:
            tell(lost)

    def end(self) -> None:
        """End the process at once; nothing is told of it."""
        with self._lock:
            self._tell_lost = None
            self._lost = self._lost or ModelLostError("the model was let go of: load it again")
        self._process.kill()

    def _answers(self, name: str, arguments: tuple[Any, ...]) -> Iterator[Answer]:
        number, call = next(self._numbers), _OpenCall()
        stop = next((argument for argument in arguments if isinstance(argument, threading.Event)), None)
        sent = tuple(Place.STOP if argument is stop and stop else argument for argument in arguments)
        with self._lock:
            if self._lost is not None:
                raise self._lost
            self._open[number] = call
        try:
            self._send(Call(number, name, sent), call)
            if stop is not None:
                threading.Thread(target=self._watch, args=(number, call, stop), name="stop", daemon=True).start()
            while not call.has_ended:
                answer = call.answers.get()
                call.has_ended = not isinstance(answer, Piece)
                if isinstance(answer, Failed):
                    raise answer.error
                yield answer
        finally:
            with self._lock:
                self._open.pop(number, None)
            if not call.has_ended:
                call.has_ended = True
                self._send(Stop(number))

    def _watch(self, number: int, call: _OpenCall, stop: threading.Event) -> None:
        while not call.has_ended:
            if stop.wait(WATCH_S):
                self._send(Stop(number))
                return

    def _send(self, message: object, call: _OpenCall | None = None) -> None:
        # A process that is gone is told of by its pipe, which ends every call.
        with suppress(OSError):
            self._wire.send(message, call.images if call else None)

    def _receive(self) -> None:
        with suppress(EOFError):
            while True:
                match self._wire.receive():
                    case PictureWanted(number, digest):
                        self._send(PictureBytes(number, self._found(digest)))
                    case Piece() | Done() | Failed() as answer:
                        if call := self._open.get(answer.number):
                            call.answers.put(answer)
        self._lose()

    def _found(self, digest: str) -> bytes | ChatError:
        try:
            return self._bytes_of(digest)
        except ChatError as error:
            return error
        except Exception as error:
            # Whatever a store or a disk raises is told where the picture was wanted; the thread lives on.
            return GenerationError(f"a picture cannot be read: {type(error).__name__}")

    def _bytes_of(self, digest: str) -> bytes:
        with self._lock:
            images = [call.images[digest] for call in self._open.values() if digest in call.images]
        if not images:
            raise GenerationError(f"picture {digest[:8]} is not among those that were sent")
        return images[0].read()

    def _lose(self) -> None:
        """End every call, now that no answer comes any more."""
        lost = ModelLostError(self._why_it_ended())
        for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
            with suppress(OSError):
                if pipe is not None:
                    pipe.close()
        with self._lock:
            self._lost = self._lost or lost
            lost, tell, open_calls = self._lost, self._tell_lost, dict(self._open)
        for number, call in open_calls.items():
            call.answers.put(Failed(number, lost))
        if tell is not None:
            tell(lost)

    def _why_it_ended(self) -> str:
        try:
            code = self._process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            code = self._process.wait()
        self._listening.join(PATIENCE_S)
        if code == -getattr(signal, "SIGKILL", 0):
            return "the model's process was killed: out of memory?"
        last = f": {short_line(self._last_words, MOST_CHARACTERS)}" if self._last_words else ""
        how = f"crashed ({signal.Signals(-code).name})" if code < 0 else f"ended with code {code}"
        return f"the model's process {how}{last}"

    def _listen(self, stderr: IO[bytes]) -> None:
        """Keep the last line that the process says: written to the terminal it would spoil the screen."""
        for line in stderr:
            if words := line.decode(errors="replace").strip():
                self._last_words = words


def _begun() -> subprocess.Popen[bytes]:
    """A new process, which no signal meant for this one's terminal reaches."""
    return subprocess.Popen(
        # Not from the folder that is worked in: a module there is none of ours.
        [sys.executable, "-P", "-c", _BEGIN, *(path or os.getcwd() for path in sys.path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        # In the session of the program: elsewhere a lower priority may count for nothing beside it.
        process_group=0,
        creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0)
        | getattr(subprocess, "BELOW_NORMAL_PRIORITY_CLASS", 0)
        | getattr(subprocess, "CREATE_NO_WINDOW", 0),
    )
