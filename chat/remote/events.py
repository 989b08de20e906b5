"""Server-sent events: the data of each, out of bytes that come cut anyhow."""

from collections.abc import Iterable, Iterator
from typing import Final

from chat.remote.address import Address
from chat.remote.problems import no_api

MOST_BYTES: Final = 2**22
"""Of one event. None that a model says is nearly as long."""


def data_of(pieces: Iterable[bytes], address: Address) -> Iterator[bytes]:
    """The data of each event, as soon as the event has ended.

    Args:
        pieces: What is said, as it comes.
        address: Who says it.

    Raises:
        GenerationError: An event has no end.
    """
    data: list[bytes] = []
    size = 0
    for line in _lines(pieces, address):
        if line:
            field, _, value = line.partition(b":")
            # All others, and lines without a field, are comments to us.
            if field == b"data":
                data.append(value.removeprefix(b" "))
                size += len(line)
                if size > MOST_BYTES:
                    raise no_api(address, "")
        elif data:
            yield b"\n".join(data)
            data, size = [], 0
    if data:
        yield b"\n".join(data)


def _lines(pieces: Iterable[bytes], address: Address) -> Iterator[bytes]:
    rest = bytearray()
    for piece in pieces:
        rest += piece
        # Only what is new is looked through: a line that comes byte by byte is not looked through again and again.
        if b"\n" in piece:
            *lines, rest = rest.split(b"\n")
            for line in lines:
                yield bytes(line.removesuffix(b"\r"))
        if len(rest) > MOST_BYTES:
            raise no_api(address, "")
    if rest:
        yield bytes(rest.removesuffix(b"\r"))
