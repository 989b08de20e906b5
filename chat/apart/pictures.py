"""The bytes of the pictures used last, in the model's process."""

import threading
from collections import OrderedDict
from typing import Final

MOST_BYTES: Final = 64 * 2**20
"""That are kept; a picture has 20 MiB at the most, and what was seen in it is kept by the model itself."""


class KeptBytes:
    """Pictures' bytes by digest. Any thread may use it."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        """Begin with none, and with room for so many bytes."""
        self._most_bytes = most_bytes
        self._kept: OrderedDict[str, bytes] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, digest: str) -> bytes | None:
        """The bytes of a picture, if they are kept."""
        with self._lock:
            if digest in self._kept:
                self._kept.move_to_end(digest)
            return self._kept.get(digest)

    def keep(self, digest: str, data: bytes) -> None:
        """Keep the bytes of a picture, and let go of those used longest ago where they are too many."""
        with self._lock:
            self._kept[digest] = data
            while sum(map(len, self._kept.values())) > self._most_bytes:
                self._kept.popitem(last=False)
