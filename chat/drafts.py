"""Messages that have not been sent."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from chat.conversation import Image


@dataclass(frozen=True, slots=True)
class Draft:
    """A message that has not been sent."""

    text: str = ""
    images: tuple[Image, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.text or self.images)


NOTHING: Final = Draft()


def joined(drafts: Sequence[Draft]) -> Draft:
    """Unsent messages as one; their pictures keep their numbers, since those run on from draft to draft."""
    images: tuple[Image, ...] = tuple(image for draft in drafts for image in draft.images)
    return Draft("\n\n".join(draft.text for draft in drafts if draft.text.strip()), images)
