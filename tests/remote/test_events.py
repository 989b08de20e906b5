"""Events out of bytes that come cut anyhow."""

from collections.abc import Iterator

import pytest

from chat.remote.address import Address
from chat.remote.events import data_of

SAID = (
    b'\xef\xbb\xbf\r\n: comment\r\ndata: {"a":\r\ndata:  1}\r\n\r\nevent: x\nid: 7\ndata:two\n\n\n: ping\n\ndata: three'
)


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_the_data_of_each_event_is_whole_however_the_bytes_come(size: int) -> None:
    pieces = [SAID[place : place + size] for place in range(0, len(SAID), size)]
    assert list(data_of(pieces, Address("http://localhost"))) == [b'{"a":\n 1}', b"two", b"three"]


def test_an_event_is_given_as_soon_as_it_has_ended() -> None:
    taken = []

    def pieces() -> Iterator[bytes]:
        for piece in (b"data: one\n", b"\n", b"data: two\n\n"):
            taken.append(piece)
            yield piece

    events = data_of(pieces(), Address("http://localhost"))
    assert next(events) == b"one"
    assert len(taken) == 2
