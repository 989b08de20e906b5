"""The model's process: loads a checkpoint and answers calls until the program is gone.

Work that can be stopped is done on the main thread, one call after the other, since each new thread that computes
gets its own pool of helper threads. What cannot be stopped is quick, and is answered on a thread beside it.
"""

import gc
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from queue import SimpleQueue
from typing import IO, Any, Final, NoReturn

from chat.apart.pictures import KeptBytes
from chat.apart.wire import DEVICES, LOAD, Call, Done, Failed, PictureBytes, PictureWanted, Piece, Place, Stop, Wire
from chat.errors import ChatError, GenerationError, in_one_line
from chat.generation import TextGenerator
from chat.loading import LoadProgress

NICENESS: Final = 10
"""The threads that torch keeps spinning between two steps would else take a processor from whoever answers keys."""


def main() -> NoReturn:
    """Answer what comes in by the standard input until it ends."""
    receiving, sending = _own_pipes()
    # Windows has no such numbers: there the process is begun with less priority.
    if hasattr(os, "nice"):
        with suppress(OSError):
            os.nice(NICENESS)
    Child(receiving, sending).serve()


def _own_pipes() -> tuple[IO[bytes], IO[bytes]]:
    """The pipes from and to the program; what anything here prints goes to stderr instead."""
    receiving, sending = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    sys.stdout.flush()
    os.dup2(2, 1)
    return receiving, sending


class Child:
    """Answers calls."""

    def __init__(self, receiving: IO[bytes], sending: IO[bytes]) -> None:
        """Take over the pipes from and to the program."""
        self._wire = Wire(receiving, sending, self._picture)
        self._work: SimpleQueue[Call] = SimpleQueue()
        self._beside: SimpleQueue[Call] = SimpleQueue()
        self._stops: dict[int, threading.Event] = {}
        self._wanted: dict[int, SimpleQueue[bytes | ChatError]] = {}
        self._pictures = KeptBytes()
        self._generator: TextGenerator | None = None

    def serve(self) -> NoReturn:
        """Answer until the program is gone, which ends the process whatever it is doing."""
        threading.Thread(target=self._receive, name="receive", daemon=True).start()
        threading.Thread(target=self._answer_all, args=(self._beside,), name="beside", daemon=True).start()
        self._answer_all(self._work)

    def _receive(self) -> None:
        while True:
            try:
                message = self._wire.receive()
            except EOFError:
                os._exit(0)
            match message:
                case Call():
                    self._stops[message.number] = threading.Event()
                    (self._work if message.can_be_stopped else self._beside).put(message)
                case Stop(number):
                    if stop := self._stops.get(number):
                        stop.set()
                case PictureBytes(number, found):
                    self._wanted.pop(number).put(found)

    def _answer_all(self, calls: "SimpleQueue[Call]") -> NoReturn:
        while True:
            self._answer(calls.get())

    def _answer(self, call: Call) -> None:
        try:
            value = self._called(call)
            if isinstance(value, Iterator):
                for piece in value:
                    self._send(Piece(call.number, piece))
                value = None
            self._send(Done(call.number, value))
        except ChatError as error:
            self._send(Failed(call.number, error))
        except Exception as error:
            # Whatever else is raised may be of a kind that the program has not imported.
            self._send(Failed(call.number, GenerationError(in_one_line(error))))
        finally:
            del self._stops[call.number]

    def _called(self, call: Call) -> Any:
        stop = self._stops[call.number]
        arguments = [stop if argument is Place.STOP else argument for argument in call.arguments]
        if call.name == LOAD:
            return self._load(call.number, *arguments)
        if call.name == DEVICES:
            from chat.models.survey import devices

            return devices()
        return getattr(self._generator, call.name)(*arguments)

    def _load(self, number: int, request: Any, stop: threading.Event) -> Any:
        # What is imported and loaded stays: looking it over for garbage again and again takes a tenth of the time.
        gc.disable()
        try:
            from chat.models.loading import load_generator

            self._generator = load_generator(request, lambda progress: self._tell(number, progress), stop)
        finally:
            gc.freeze()
            gc.enable()
        return self._generator.facts, self._generator.dialect

    def _tell(self, number: int, progress: LoadProgress) -> None:
        self._send(Piece(number, progress))

    def _picture(self, digest: str) -> bytes:
        """The bytes of a picture, from the program where they are not kept here."""
        if (kept := self._pictures.get(digest)) is not None:
            return kept
        answer: SimpleQueue[bytes | ChatError] = SimpleQueue()
        # Both threads may ask at once, for one picture even.
        number = id(answer)
        self._wanted[number] = answer
        self._send(PictureWanted(number, digest))
        found = answer.get()
        if isinstance(found, ChatError):
            raise found
        self._pictures.keep(digest, found)
        return found

    def _send(self, message: object) -> None:
        try:
            self._wire.send(message)
        except OSError:
            os._exit(0)
