"""Whether the pictures are what their rows say, read one at a time."""

import sqlite3
from collections.abc import Iterator
from hashlib import sha256
from typing import Final

from chat.errors import ImageError
from chat.images import MOST_BYTES, media_type, size_of
from chat.store.checks.difference import Difference, Differences, Tell

_FACTS: Final = """
    SELECT rowid, digest, width, height, media_type, byte_count, length(data) AS length, typeof(data) AS kind
    FROM images WHERE rowid > ? ORDER BY rowid LIMIT 1
"""
_FIRST_PLACE: Final = """
    SELECT session_id, turn_id FROM parts JOIN turns ON turns.id = turn_id WHERE image_digest = ?
    UNION ALL
    SELECT session_id, turn_id FROM choice_images JOIN choices ON choices.id = choice_id WHERE image_digest = ?
    LIMIT 1
"""
_PIECE: Final = 2**20
"""Bytes that are read at once."""


def differences(connection: sqlite3.Connection, tell: Tell) -> Iterator[Differences]:
    """For each picture what is wrong with it; none of it is repaired: nobody knows the picture that it was."""
    total, place, number = connection.execute("SELECT count(*) FROM images").fetchone()[0], -(2**63), 0
    while (row := connection.execute(_FACTS, (place,)).fetchone()) is not None:
        place, number = row["rowid"], number + 1
        tell(f"reading the pictures, {number:,} of {max(total, number):,}")
        yield _of_one(connection, row)


def _of_one(connection: sqlite3.Connection, row: sqlite3.Row) -> Differences:
    # Of one that was gone already when it came, where it was seen is most of what is known.
    place = (None, None) if row["length"] else _first_place(connection, row["digest"])
    for words in _wrong(connection, row):
        yield Difference(words, *place, image=str(row["digest"]))


def _first_place(connection: sqlite3.Connection, digest: str) -> tuple[str | None, int | None]:
    """The session and the turn that a picture is of, as far as it is of one."""
    found = connection.execute(_FIRST_PLACE, (digest, digest)).fetchone()
    return (None, None) if found is None else (found["session_id"], found["turn_id"])


def _wrong(connection: sqlite3.Connection, row: sqlite3.Row) -> Iterator[str]:
    if row["kind"] != "blob":
        yield "its bytes are none"
        return
    if not row["length"]:
        yield "is missing: a file that has it brings it back when it is imported"
        return
    try:
        digest, data = _read(connection, row["rowid"])
    except sqlite3.OperationalError:
        # Another program has taken it out meanwhile.
        return
    if digest != row["digest"]:
        yield "its bytes have changed: a file that has them as they were brings them back when it is imported"
    if row["byte_count"] != row["length"]:
        said = row["byte_count"]
        count = f"{said:,}" if isinstance(said, int) else str(said)
        yield f"is said to have {count} bytes, and has {row['length']:,}"
    if row["media_type"] != media_type(data):
        yield f"is said to be {row['media_type']}, and is {media_type(data)}"
    try:
        width, height = size_of(data)
    except ImageError as error:
        yield f"cannot be shown: {error}"
        return
    if (row["width"], row["height"]) != (width, height):
        yield f"is said to be {row['width']}x{row['height']}, and is {width}x{height}"


def _read(connection: sqlite3.Connection, rowid: int) -> tuple[str, bytes]:
    """The digest of a picture's bytes, and the bytes; of more than a picture may have only the first."""
    digest, data = sha256(), bytearray()
    with connection.blobopen("images", "data", rowid, readonly=True) as blob:
        while piece := blob.read(_PIECE):
            digest.update(piece)
            if len(data) <= MOST_BYTES:
                data += piece
    return digest.hexdigest(), bytes(data)
