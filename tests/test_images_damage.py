"""However the bytes of a picture are cut or changed, it is read or refused in one line, and nothing else is raised."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chat.errors import ImageError
from chat.images import decode, read_image
from tests.pictures import KINDS, refusal


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_cut_anywhere_is_refused_or_loses_no_pixel(kind: str) -> None:
    data = KINDS[kind]
    whole = decode(read_image(data, "whole")).tobytes()
    for length in {*range(0, len(data), max(1, len(data) // 40)), *range(len(data) - 30, len(data))}:
        try:
            image = read_image(data[:length], "cut")
        except ImageError as error:
            assert str(error).startswith("cut: ")
        else:
            assert decode(image).tobytes() == whole


def test_a_cut_file_is_said_to_be_cut() -> None:
    data = KINDS["jpeg"]
    assert refusal(lambda: read_image(data[:-100], "scan.jpg")) == "scan.jpg: the file is cut off: copy it again"


def read_or_refuse(data: bytes) -> None:
    """Read bytes that may be anything; only an ImageError may come out."""
    try:
        image = read_image(data, "changed")
    except ImageError as error:
        assert str(error).startswith("changed: ")
    else:
        assert decode(image).size == (image.width, image.height)


@pytest.mark.parametrize("kind", KINDS)
def test_changed_bytes_never_raise_anything_else(kind: str) -> None:
    chance = random.Random(kind)
    for _ in range(400):
        data = bytearray(KINDS[kind])
        for _ in range(chance.choice((1, 2, 8, 40))):
            # Most of what a decoder believes stands at the beginning.
            place = chance.randrange(chance.choice((40, len(data))))
            data[place] = chance.choice((0, 1, 0x7F, 0x80, 0xFF, chance.randrange(256)))
        read_or_refuse(bytes(data))


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(list(KINDS.values())), st.integers(0, 60), st.integers(0, 20), st.binary(max_size=20))
def test_spliced_bytes_never_raise_anything_else(data: bytes, start: int, length: int, inserted: bytes) -> None:
    read_or_refuse(data[:start] + inserted + data[start + length :])
