"""What a model has seen in pictures, kept so that a picture is looked at once."""

import threading
from collections import OrderedDict
from collections.abc import Callable

from torch import Tensor

from chat.conversation import Image

Seen = tuple[Tensor, ...]
"""What was computed of one picture and of nothing else."""

Look = Callable[[Image, threading.Event | None], Seen | None]
"""Computes a picture's features; None where an event was given, and set before there were all of them."""


class KeptFeatures:
    """The features of the pictures used last, by digest."""

    def __init__(self, look: Look) -> None:
        """Begin with none, and with room for any number.

        Args:
            look: Computes a picture's features.
        """
        self._look = look
        self.most_bytes: float = float("inf")
        """That all features together may take; those of the picture used last stay even if they are larger."""
        self._seen: OrderedDict[str, Seen] = OrderedDict()

    def __len__(self) -> int:
        return len(self._seen)

    @property
    def nbytes(self) -> int:
        """Bytes of all features."""
        return sum(_nbytes(seen) for seen in self._seen.values())

    def clear(self) -> None:
        """Let go of all features."""
        self._seen.clear()

    def of(self, image: Image) -> Seen:
        """The features of a picture, computed if they are not kept."""
        self.see(image)
        return self._seen[image.digest]

    def see(self, image: Image, stop: threading.Event | None = None) -> bool:
        """Look at a picture whose features are not kept; tells whether they are now, as they are unless stopped."""
        if image.digest not in self._seen:
            seen = self._look(image, stop)
            if seen is None:
                return False
            self._seen[image.digest] = seen
            while len(self._seen) > 1 and self.nbytes > self.most_bytes:
                self._seen.popitem(last=False)
        self._seen.move_to_end(image.digest)
        return True


def _nbytes(seen: Seen) -> int:
    return sum(int(features.nbytes) for features in seen)
