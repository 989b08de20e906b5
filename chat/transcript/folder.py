"""Transcripts on disk: a JSON file, and the pictures it names as ordinary files in its folder."""

import os
from pathlib import Path, PurePosixPath
from typing import Final

from chat.conversation import Image
from chat.errors import ImageError, TranscriptError
from chat.files import byte_size, check_free, make_folder, read_file, write_file
from chat.images import open_image, read_later
from chat.safe_text import short_line
from chat.transcript import mistaken
from chat.transcript.encoding import encoded
from chat.transcript.json_text import from_json, to_json
from chat.transcript.pictures import PictureNames, bytes_of
from chat.transcript.values import Transcript

MOST_BYTES: Final = 256 * 2**20
"""Of the JSON file, the pictures that it holds included."""
MOST_VALUES: Final = 20_000_000
"""That it holds, so that a small file cannot fill the memory: about 1.5 GiB."""
_LIST_VALUES: Final = 5
"""For how many values a list or an object counts: it takes up to 250 bytes of memory, a short text 70, a number 40."""


def save_transcript(
    path: str | Path, transcript: Transcript, *, overwrite: bool = False, inline: bool = False
) -> tuple[Image, ...]:
    """Write a transcript as a JSON file and its pictures into the folder `pictures` beside it.

    Files that hold the same already are left alone. The JSON file comes last: where it is, its pictures are.

    Args:
        path: The JSON file.
        transcript: What to write.
        overwrite: Replace files that hold something else.
        inline: Let the JSON file hold the pictures.

    Returns:
        The pictures whose bytes are gone; the file names them all the same, and says so.

    Raises:
        TranscriptError: A file cannot be written, or holds something else and `overwrite` was not asked for.
    """
    path = Path(path)
    pictures = None if inline else PictureNames.beside(transcript.images)
    document = encoded(to_json(transcript, pictures))
    if len(document) > MOST_BYTES:
        cure = ": leave the pictures beside it" if inline else ""
        raise TranscriptError(f"{_shown(path)}: would have {byte_size(len(document))}, too many to be read back{cure}")
    check_values(_shown(path), document)
    if not overwrite:
        check_free(path, document, error=TranscriptError)
    missing = [
        image
        for image in transcript.images
        if not (
            save_picture(path.parent, pictures.files[image.digest], image, overwrite) if pictures else bytes_of(image)
        )
    ]
    write_file(path, document, overwrite=overwrite, error=TranscriptError)
    return tuple(missing)


def load_transcript(path: str | Path, *, missing_ok: bool = False) -> Transcript:
    """The transcript in a JSON file, with the pictures it names; each is read and checked.

    Those in files beside it are read again when they are asked for, which raises ImageError where one has changed.

    Args:
        path: The JSON file.
        missing_ok: Let pictures that are gone be `missing` from the transcript, as is enough for playing it back; those
            of which the file itself says that they were gone are in any case.

    Raises:
        TranscriptError: The file or one of its pictures cannot be read, or is not what it should be.
    """
    path = Path(path)
    content = read_file(path, most_bytes=MOST_BYTES, error=TranscriptError)
    if words := mistaken.in_words(path.name, content):
        raise TranscriptError(f"{_shown(path)}: {words}")
    check_values(_shown(path), content)

    def open_picture(file: str) -> Image | None:
        place = inside(path.parent, file)
        # Thousands of pictures may be named: none is held until it is asked for.
        return read_later(open_image(place), place) if os.path.exists(place) else None

    try:
        return from_json(content.decode("utf-8-sig"), open_picture, missing_ok=missing_ok)
    except UnicodeDecodeError as error:
        raise TranscriptError(f"{_shown(path)}: is not JSON: it is not a text in UTF-8") from error
    except (ImageError, TranscriptError) as error:
        raise TranscriptError(f"{_shown(path)}: {short_line(str(error), 400)}") from error


def check_values(place: str, document: bytes) -> None:
    """Raise TranscriptError for a document with too many values; what separates them in a text counts, too."""
    if document.count(b",") + _LIST_VALUES * (document.count(b"[") + document.count(b"{")) > MOST_VALUES:
        raise TranscriptError(
            f"{place}: holds more than {MOST_VALUES:,} values (a list or an object counts as {_LIST_VALUES}), too many"
            " for one session"
        )


def save_picture(folder: Path, file: str, image: Image, overwrite: bool) -> bool:
    """Write a picture's file where a document in this folder names it; tells whether there are bytes to write."""
    content = bytes_of(image)
    if content is None:
        return False
    path = inside(folder, file)
    make_folder(path.parent, error=TranscriptError)
    write_file(path, content, overwrite=overwrite, error=TranscriptError)
    return True


def inside(folder: Path, file: str, whose: str = "the transcript's folder") -> Path:
    """Where a picture lies; raises TranscriptError for what is named outside a folder, by links too."""
    named = PurePosixPath(file)
    try:
        top = folder.resolve()
        path = (top / named).resolve()
    except (OSError, RuntimeError, ValueError) as error:
        raise TranscriptError(f"{short_line(file)} leads to no file") from error
    if not named.parts or named.is_absolute() or ".." in named.parts or not path.is_relative_to(top):
        raise TranscriptError(f"{short_line(file) or 'a picture'} lies outside {whose}: move it in")
    return path


def is_gone(path: str | Path) -> bool:
    """Whether there is nothing of this name; where the system does not say, reading the file tells why."""
    try:
        os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        return True
    except (OSError, ValueError):
        return False
    return False


def _shown(path: Path) -> str:
    return short_line(str(path))
