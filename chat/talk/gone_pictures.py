"""Pictures that were said and whose bytes are gone: which one it is, and what can be done about it."""

from collections.abc import Iterable

from chat.conversation import Image
from chat.errors import ChatError, GenerationError, ModelError, PictureGoneError
from chat.safe_text import short_line
from chat.talk.said import SaidSession


class PictureMissingError(GenerationError):
    """A picture that the model is to be shown is gone."""

    def __init__(self, image: Image) -> None:
        """Say which one.

        Args:
            image: The picture.
        """
        super().__init__(f"picture {short_line(image.name, 40)} is gone: attach it again")
        self.image = image


def require_pictures(images: Iterable[Image], were_read: set[str]) -> None:
    """See that the bytes of all pictures are there; whatever else is wrong with one is told where it is used.

    Args:
        images: The pictures.
        were_read: The digests of those that need no look; those that are found to be there are added.

    Raises:
        PictureMissingError: The first that is gone.
    """
    for image in images:
        if image.digest in were_read:
            continue
        try:
            image.read()
        except PictureGoneError as error:
            raise PictureMissingError(image) from error
        except ChatError:
            continue
        were_read.add(image.digest)


def failure_in_words(error: ModelError, session: SaidSession) -> str:
    """Why the model was not asked, with the number of a picture that is gone."""
    if isinstance(error, PictureMissingError):
        for shown in session.shown_pictures():
            if shown.image == error.image:
                number, name = shown.number, short_line(error.image.name, 40)
                return f"picture [{number}] {name} is gone: attach it again, or /drop [{number}] goes on without it"
    return str(error)
