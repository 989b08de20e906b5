"""Pictures as a file is written that has them in it: their bytes, and which of them are gone."""

from base64 import b64encode

from chat.conversation import Image
from chat.images import media_type
from chat.safe_text import printable
from chat.transcript.pictures import bytes_of


class PresentPictures:
    """Gives the pictures of conversations, and knows afterwards which were gone."""

    def __init__(self) -> None:
        self._missing: dict[str, Image] = {}

    @property
    def missing(self) -> tuple[Image, ...]:
        """Those that were asked for and are gone, each once."""
        return tuple(self._missing.values())

    def url(self, image: Image) -> str | None:
        """A data URL that holds the picture; None where it is gone. Raises TranscriptError where it is another one."""
        content = bytes_of(image)
        if content is None:
            self._missing[image.digest] = image
            return None
        return f"data:{media_type(content)};base64,{b64encode(content).decode('ascii')}"


def missing_in_words(image: Image) -> str:
    """What stands in the place of a picture that is gone."""
    return f"[picture not found: {printable(image.name, multiline=False)}]"
