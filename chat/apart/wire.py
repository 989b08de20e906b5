"""What goes between the program and the model's process: messages, pickled one behind the other into two pipes.

A picture goes as what is known of it, without its bytes: whoever needs those asks for them. Neither side trusts the
other less than itself: they are one program, and nobody else can write into the pipes.
"""

import io
import pickle
import threading
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import IO, Any, Final

from chat.conversation import Image
from chat.errors import ChatError

LOAD: Final = "load"
"""Name of the call that must come first: it takes a request, gives its progress piece by piece, facts and dialect."""

DEVICES: Final = "devices"
"""Name of a call for the devices of this machine, which needs no loading before."""


class Place(Enum):
    """Stands among the arguments of a call for what cannot be sent."""

    STOP = "stop"
    """For an event that stops the call; the other side has one of its own."""


@dataclass(frozen=True, slots=True)
class Call:
    """Asks for a method of the generator, or for the loading of one."""

    number: int
    name: str
    arguments: tuple[Any, ...]

    @property
    def can_be_stopped(self) -> bool:
        """Whether it is work that takes long."""
        return Place.STOP in self.arguments


@dataclass(frozen=True, slots=True)
class Stop:
    """Stops a call."""

    number: int


@dataclass(frozen=True, slots=True)
class PictureBytes:
    """Answers `PictureWanted`: a picture's bytes, or why there are none."""

    number: int
    found: bytes | ChatError


@dataclass(frozen=True, slots=True)
class PictureWanted:
    """Asks for the bytes of a picture that came with a call which has not ended."""

    number: int
    digest: str


@dataclass(frozen=True, slots=True)
class Piece:
    """One of several things that a call gives, in order."""

    number: int
    value: Any


@dataclass(frozen=True, slots=True)
class Done:
    """Ends a call."""

    number: int
    value: Any


@dataclass(frozen=True, slots=True)
class Failed:
    """Ends a call by an error."""

    number: int
    error: ChatError


Answer = Piece | Done | Failed


class Wire:
    """One end of the two pipes. Any thread may send, one receives."""

    def __init__(self, receiving: IO[bytes], sending: IO[bytes], read: Callable[[str], bytes]) -> None:
        """Take over the pipes.

        Args:
            receiving: Gives what the other side sends.
            sending: Takes what goes there.
            read: Gives the bytes of a picture that came from there, by its digest.
        """
        self._receiving, self._sending = receiving, sending
        self._read = read
        self._lock = threading.Lock()

    def send(self, message: object, images: dict[str, Image] | None = None) -> None:
        """Send a message.

        Args:
            message: What to send.
            images: Takes the pictures in it, by digest, before it is sent: then their bytes may be asked for.

        Raises:
            OSError: The other side is gone.
        """
        written = io.BytesIO()
        _Pickler(written, {} if images is None else images).dump(message)
        with self._lock:
            self._sending.write(written.getbuffer())
            self._sending.flush()

    def receive(self) -> Any:
        """The next message.

        Raises:
            EOFError: The other side is gone.
        """
        try:
            return _Unpickler(self._receiving, self._read).load()
        except (OSError, ValueError, pickle.UnpicklingError) as error:
            # It went in the middle of a message, or the pipe was closed here.
            raise EOFError from error


class _Pickler(pickle.Pickler):
    """Puts in a picture's place what is known of it."""

    def __init__(self, file: IO[bytes], images: dict[str, Image]) -> None:
        super().__init__(file, pickle.HIGHEST_PROTOCOL)
        self._images = images

    def persistent_id(self, value: Any) -> Any:
        if not isinstance(value, Image):
            return None
        self._images[value.digest] = value
        return value.digest, value.width, value.height, value.name


class _Unpickler(pickle.Unpickler):
    """Makes pictures of what is known of them."""

    def __init__(self, file: IO[bytes], read: Callable[[str], bytes]) -> None:
        super().__init__(file)
        self._read = read

    def persistent_load(self, known: Any) -> Image:
        digest, width, height, name = known
        return Image(digest, width, height, name, lambda: self._read(digest))
