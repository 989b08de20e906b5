"""The pictures of a store: their bytes, kept once, and what they look like."""

import time
from collections.abc import Callable, Iterable
from typing import Final

from chat.conversation import Image
from chat.errors import ChatError
from chat.likeness import hash_or_none
from chat.store import likenesses, pictures
from chat.store.connection import Database

COMMIT_EVERY_S: Final = 1.0
"""Seconds of looking at pictures after which what was seen is kept."""


class KeptPictures:
    """A store as far as it is about pictures."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add_image(self, data: bytes, image: Image) -> Image:
        """Keep a picture's bytes once by digest; gives the image with bytes read from the store."""
        pictures.check(image, data)
        with self._database.writing() as connection:
            pictures.insert(connection, image, data)
        return pictures.kept(image, self._database.path)

    def learn_likenesses(self, tell: Callable[[int, int], None], is_wanted: Callable[[], bool]) -> None:
        """Look at the pictures that were never compared; nothing is locked meanwhile."""
        with self._database.reading() as connection:
            unseen = [digest for (digest,) in connection.execute(likenesses.UNSEEN)]
        seen: dict[str, str] = {}
        begun = time.monotonic()
        for number, digest in enumerate(unseen, start=1):
            if not is_wanted():
                break
            with self._database.reading() as connection:
                data = likenesses.data_of(connection, digest)
            seen[digest] = hash_or_none(data)
            tell(number, len(unseen))
            if time.monotonic() - begun >= COMMIT_EVERY_S:
                self._keep_likenesses(seen)
                seen, begun = {}, time.monotonic()
        self._keep_likenesses(seen)

    def _keep_likenesses(self, seen: dict[str, str]) -> None:
        if seen:
            with self._database.writing() as connection:
                likenesses.insert(connection, seen)

    def _read_missing(self, images: Iterable[Image], *, reads: bool = False) -> list[tuple[Image, bytes]]:
        """The bytes of the pictures that are not kept yet, read before the database is locked for writing.

        A message may be said again with a picture that is gone; it stays so. `reads` is that of `pictures.missing`.
        """
        with self._database.reading() as connection:
            lacking = pictures.missing(connection, images, reads=reads)
            new = {image: pictures.is_known(connection, image) for image in lacking}
        read: list[tuple[Image, bytes]] = []
        for image, is_known in new.items():
            try:
                read.append((image, pictures.check(image, image.read())))
            except ChatError:
                if not is_known:
                    raise
        return read
