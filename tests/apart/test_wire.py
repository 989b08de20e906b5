"""What goes through the pipes comes out as it went in."""

import io

import pytest

from chat import errors
from chat.apart.wire import Call, Failed, Place, Wire
from chat.context import Overflow
from chat.conversation import Image
from chat.errors import ChatError, ContextFullError


def through(message: object, read: bytes = b"bytes") -> object:
    """The message as the other side gets it."""
    pipe = io.BytesIO()
    wire = Wire(pipe, pipe, lambda digest: read)
    wire.send(message)
    pipe.seek(0)
    return wire.receive()


KINDS = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, ChatError)]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_error_keeps_its_kind_and_words(kind: type[ChatError]) -> None:
    received = through(Failed(1, kind("it failed: try again")))
    assert isinstance(received, Failed)
    assert type(received.error) is kind
    assert str(received.error) == "it failed: try again"


def test_an_overflow_keeps_what_would_have_to_go() -> None:
    image = Image("a" * 64, 3, 4, "a.png", lambda: b"")
    overflow = Overflow(10, 8, 1, 1, (image,), 5)
    received = through(Failed(1, ContextFullError("too long", overflow)))
    assert isinstance(received, Failed)
    assert isinstance(received.error, ContextFullError)
    assert received.error.overflow == overflow


def test_a_picture_goes_without_its_bytes() -> None:
    def read() -> bytes:
        raise AssertionError("nobody asked for them")

    received = through(Call(1, "generate", (Image("a" * 64, 3, 4, "a.png", read), Place.STOP)), b"its bytes")
    assert isinstance(received, Call)
    assert received.can_be_stopped
    image = received.arguments[0]
    assert (image.digest, image.width, image.height, image.name) == ("a" * 64, 3, 4, "a.png")
    assert image.read() == b"its bytes"


@pytest.mark.parametrize("kept", [0, 10])
def test_a_side_that_goes_in_the_middle_of_a_message_is_gone(kept: int) -> None:
    whole = io.BytesIO()
    Wire(whole, whole, lambda digest: b"").send(Call(1, "count_tokens", ()))
    wire = Wire(io.BytesIO(whole.getvalue()[:kept]), whole, lambda digest: b"")
    with pytest.raises(EOFError):
        wire.receive()
