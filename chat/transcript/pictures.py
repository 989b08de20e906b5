"""Pictures as a document names them: by a file beside it, and by what they hold."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import PurePosixPath
from typing import Final

from chat.conversation import Image
from chat.errors import TranscriptError
from chat.images import media_type
from chat.safe_text import printable, short_line

PICTURE_FOLDER: Final = "pictures"

_NOT_FOR_FILE_NAMES: Final = re.compile(r"[^A-Za-z0-9_-]+")


@dataclass(frozen=True, slots=True)
class PictureObject:
    """A picture as a document names it."""

    file: str
    digest: str
    width: int = 0
    height: int = 0
    name: str | None = None


def picture_object(image: Image, files: Mapping[str, str]) -> PictureObject:
    """How a document names a picture whose file is known by its digest."""
    return PictureObject(files[image.digest], image.digest, image.width, image.height, _shown_name(image.name))


def picture_from(named: PictureObject, open_picture: Callable[[str], Image]) -> Image:
    """The picture that a document names; raises TranscriptError where its file holds another one."""
    image = open_picture(named.file)
    if image.digest != named.digest:
        raise TranscriptError(f"{short_line(named.file)} is another picture than the one that was saved")
    return image if named.name is None else replace(image, name=_shown_name(named.name))


def file_of(image: Image) -> str:
    """Where a picture's file lies beside the document.

    The path keeps the picture's name where that is fit for one, and part of its digest, so that the pictures of many
    transcripts can share a folder.
    """
    mark = f"-{image.digest[:12]}"
    # A picture that came with a transcript carries the mark already.
    stem = PurePosixPath(_shown_name(image.name)).stem.removesuffix(mark)
    stem = _NOT_FOR_FILE_NAMES.sub("-", stem)[:40].strip("-") or "picture"
    suffix = media_type(image.read()).rpartition("/")[2].replace("jpeg", "jpg")
    return f"{PICTURE_FOLDER}/{stem}{mark}.{suffix}"


def require_time(moment: str) -> None:
    """Raise TranscriptError for what is neither a time nor empty."""
    try:
        datetime.fromisoformat(moment or "2000-01-01")
    except ValueError as error:
        raise TranscriptError("created_at is not a time as ISO 8601 writes it") from error


def _shown_name(name: str) -> str:
    return printable(name, multiline=False)
