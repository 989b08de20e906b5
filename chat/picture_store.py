"""What a store of sessions must be able to do with pictures."""

from collections.abc import Callable
from typing import Protocol

from chat.conversation import Image


class PictureStore(Protocol):
    """Keeps pictures, each once. Belongs to the thread that opened it. Every call is committed when it returns."""

    def add_image(self, data: bytes, image: Image) -> Image:
        """Keep a picture's bytes once by digest; gives the image with bytes read from the store."""

    def learn_likenesses(self, tell: Callable[[int, int], None], is_wanted: Callable[[], bool]) -> None:
        """Look at the pictures that were never compared: only then can like ones be found among them.

        It is told how many of how many have been looked at, and ends early, keeping those, once it is not wanted.
        """
