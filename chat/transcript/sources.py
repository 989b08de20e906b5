"""Pictures that a foreign file names: in it as data URLs, or as files of one folder. Nothing is ever fetched."""

import base64
import binascii
import re
from pathlib import Path
from typing import Final

from chat.conversation import Image
from chat.errors import ImageError, TranscriptError
from chat.images import MOST_BYTES, open_image, read_image, read_later
from chat.safe_text import short_line
from chat.transcript.folder import inside, is_gone

MOST_CHARACTERS: Final = MOST_BYTES * 4 // 3 + 1000
"""Of a data URL."""

_DATA_URL: Final = re.compile(r"data:(?P<kind>[^;,]*)(?P<options>(?:;[^;,]*)*),", re.IGNORECASE)
_REMOTE: Final = re.compile(r"[a-z][a-z0-9+.-]+://", re.IGNORECASE)


class PictureSources:
    """Finds the pictures of one conversation, and lists those that stay out."""

    def __init__(self, folder: Path, *, is_given: bool = True) -> None:
        """Begin a conversation.

        Args:
            folder: Pictures that are named as files lie in it, or below.
            is_given: Somebody said so; otherwise it is where the file lies.
        """
        self._folder = folder
        self._is_given = is_given
        self.left_out: list[str] = []
        """What cannot be kept, a line for each, with its place."""

    def open(self, name: str, place: str) -> Image | None:
        """The picture with this address or name; None for one on the net, which is listed.

        Raises:
            TranscriptError: It is no picture, or lies outside the folder; the message names the place.
        """
        try:
            if name[:5].lower() == "data:":
                return read_data_url(name)
            if _REMOTE.match(name):
                self.leave_out(place, f"{short_line(name, 80)} was not fetched: nothing is")
                return None
            return self._of_file(name)
        except (ImageError, TranscriptError) as error:
            raise TranscriptError(f"{place}: {error}") from error

    def leave_out(self, place: str, reason: str) -> None:
        """List something that is not kept."""
        self.left_out.append(f"{place}: {reason}")

    def _of_file(self, name: str) -> Image:
        path = inside(self._folder, name, "the folder of the pictures")
        if is_gone(path):
            if self._is_given:
                raise ImageError(f"{short_line(name)} is not in {short_line(str(self._folder))}: put it there")
            raise ImageError(f"{short_line(name)} is not beside the file: give --images FOLDER")
        return read_later(open_image(path), path)


def read_data_url(url: str) -> Image:
    """The picture that a data URL holds; raises ImageError where that is none."""
    found = _DATA_URL.match(url[:200])
    if found is None:
        raise ImageError("is not a data URL as it should be: data:image/png;base64,…")
    kind = found["kind"].lower()
    if not kind.startswith("image/"):
        raise ImageError(f"holds {short_line(kind, 40) or 'a text'}, not a picture")
    if ";base64" not in found["options"].lower():
        raise ImageError("is not written in base64")
    if len(url) > MOST_CHARACTERS:
        raise ImageError(f"is larger than a picture may be, {MOST_BYTES // 2**20} MiB")
    try:
        content = base64.b64decode(url[found.end() :], validate=True)
    except (binascii.Error, ValueError) as error:
        raise ImageError("is not base64 as it should be: it was cut or changed") from error
    return read_image(content, f"picture.{kind.removeprefix('image/').replace('jpeg', 'jpg')}")
