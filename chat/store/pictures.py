"""Pictures in the database: their bytes once by digest, read when they are asked for."""

import dataclasses
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any, Final

from chat.conversation import Image
from chat.errors import PictureGoneError, StoreError
from chat.images import media_type
from chat.store.columns import now, text_from, whole_from
from chat.store.faults import BUSY_S, store_errors

_INSERT: Final = """
    INSERT INTO images (digest, width, height, media_type, byte_count, created_at, data)
    VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (digest)
"""
# Neither reads the bytes. Of an image that was gone already when it came, nothing but its row is kept.
_IS_GONE: Final = "images.byte_count = 0 OR length(images.data) <> images.byte_count"


def check(image: Image, data: bytes) -> bytes:
    """The bytes, if they are the image's; raises StoreError."""
    if not _is_of(data, image.digest):
        raise StoreError(f"picture {image.digest[:8]} does not have the bytes it is known by: attach it again")
    return data


def missing(connection: sqlite3.Connection, images: Iterable[Image], *, reads: bool = False) -> tuple[Image, ...]:
    """The images whose bytes are not kept, each once: those that never were, and those that are gone.

    Args:
        connection: To the database.
        images: Those that are to be kept.
        reads: Read what is kept: bytes that have changed are gone, too.
    """
    return tuple(image for image in dict.fromkeys(images) if not _is_kept(connection, image, reads))


def _is_kept(connection: sqlite3.Connection, image: Image, reads: bool) -> bool:
    column = "data" if reads else "1"
    query = f"SELECT {column} FROM images WHERE digest = ? AND NOT ({_IS_GONE})"
    row = connection.execute(query, (image.digest,)).fetchone()
    return row is not None and (not reads or _is_of(row[0], image.digest))


def _is_of(data: object, digest: str) -> bool:
    """Whether these are the bytes that a picture is known by."""
    from hashlib import sha256

    return isinstance(data, bytes) and sha256(data).hexdigest() == digest


def is_known(connection: sqlite3.Connection, image: Image) -> bool:
    """Whether an image can be part of a turn, be it that its bytes are gone."""
    return connection.execute("SELECT 1 FROM images WHERE digest = ?", (image.digest,)).fetchone() is not None


def insert(connection: sqlite3.Connection, image: Image, data: bytes) -> None:
    """Keep an image's checked bytes, also in the place of others; nothing happens where they are kept already."""
    connection.execute(
        f"{_INSERT} DO UPDATE SET width = excluded.width, height = excluded.height, media_type = excluded.media_type,"
        f" byte_count = excluded.byte_count, data = excluded.data WHERE images.data <> excluded.data OR {_IS_GONE}",
        (image.digest, image.width, image.height, media_type(data), len(data), now(), data),
    )


def insert_gone(connection: sqlite3.Connection, image: Image) -> None:
    """Keep what is known of an image whose bytes are gone; nothing happens where it is known already."""
    connection.execute(f"{_INSERT} DO NOTHING", (image.digest, image.width, image.height, None, 0, now(), b""))


def image_from(columns: Iterable[Any], path: Path) -> Image:
    """The image of digest, name, width and height, whose bytes the database at `path` keeps."""
    digest, name, width, height = columns
    # A picture that somebody took out of the database by hand has no size; its session opens all the same.
    width, height = (1 if side is None else whole_from(side) for side in (width, height))
    return Image(text_from(digest), width, height, text_from(name), partial(read, path, digest))


def kept(image: Image, path: Path) -> Image:
    """The image, with its bytes read from the database."""
    return dataclasses.replace(image, read=partial(read, path, image.digest))


def read(path: Path, digest: str) -> bytes:
    """A picture's bytes, from any thread: the connection lives no longer than this call.

    Raises:
        PictureGoneError: The picture is gone or its bytes have changed.
    """
    with store_errors(path), closing(_reader(path)) as connection:
        row = connection.execute("SELECT data FROM images WHERE digest = ?", (digest,)).fetchone()
    if row is None or not _is_of(row[0], digest):
        raise PictureGoneError(
            f"{path} no longer holds picture {digest[:8]} as it was: attach it again, or import a file that has it"
        )
    data: bytes = row[0]
    return data


def _reader(path: Path) -> sqlite3.Connection:
    # Opened for writing but told not to write: only so can SQLite first undo what a process that died left half done.
    connection = sqlite3.connect(f"{path.as_uri()}?mode=rw", uri=True, timeout=BUSY_S)
    connection.execute("PRAGMA query_only = ON")
    return connection
