"""The pictures of the message being written, and those that were taken out of it. Knows no widget."""

from collections.abc import Sequence
from typing import NamedTuple

from chat.conversation import Image
from chat.talk.marks import without_picture


class _Removed(NamedTuple):
    """A picture that was taken out, and how to undo that."""

    images: tuple[Image, ...]
    """All there were before."""
    text: str
    """That stood there before."""
    text_since: str


class DraftPictures:
    """Pictures in order, the first of them with a number."""

    def __init__(self) -> None:
        self.images: tuple[Image, ...] = ()
        self.first_number = 1
        self._removed: list[_Removed] = []

    def show(self, images: tuple[Image, ...], first_number: int) -> None:
        """Begin anew with these."""
        self.images, self.first_number, self._removed = images, first_number, []

    def take(self) -> tuple[Image, ...]:
        """Take all out."""
        images = self.images
        self.show((), self.first_number)
        return images

    def attach(self, images: Sequence[Image]) -> tuple[Image, ...]:
        """Add pictures behind those that are there; gives those that were there already and are not added again."""
        new = dict.fromkeys(images)
        known = tuple(image for image in new if image in self.images)
        self.images += tuple(image for image in new if image not in self.images)
        return known

    def replace(self, old: Image, new: Image) -> None:
        """Put a picture in the place of another."""
        self.images = tuple(new if image == old else image for image in self.images)

    def remove(self, position: int, text: str) -> str:
        """Take a picture out; gives the message's text without it."""
        number, last = self.first_number + position, self.first_number + len(self.images) - 1
        since = without_picture(text, number, last)
        self._removed.append(_Removed(self.images, text, since))
        self.images = (*self.images[:position], *self.images[position + 1 :])
        return since

    @property
    def text_since(self) -> str | None:
        """The text as the last picture was taken out of it, if one was: only with that text can it come back."""
        return self._removed[-1].text_since if self._removed else None

    def restore(self) -> str | None:
        """Bring back the picture that was taken out last; gives the text from before, None where there is none."""
        if not self._removed:
            return None
        removed = self._removed.pop()
        # What was attached since stays, behind all that were there before.
        since = tuple(image for image in self.images if image not in removed.images)
        self.images = removed.images + since
        return removed.text
