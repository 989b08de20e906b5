"""Transcripts on disk: a JSON file, and the pictures it names as ordinary files in its folder."""

import hashlib
from functools import cache
from pathlib import Path, PurePosixPath
from typing import Final

from chat.conversation import Image
from chat.errors import ImageError, TranscriptError
from chat.files import byte_size, check_free, make_folder, read_file, write_file
from chat.images import open_image
from chat.safe_text import short_line
from chat.transcript.json_text import from_json, picture_files, to_json
from chat.transcript.values import Transcript

MOST_BYTES: Final = 64 * 2**20
"""Of the JSON file; its pictures are apart."""


def save_transcript(path: str | Path, transcript: Transcript, *, overwrite: bool = False) -> None:
    """Write a transcript as a JSON file and its pictures into the folder `pictures` beside it.

    Files that hold the same already are left alone. The JSON file comes last: where it is, its pictures are.

    Raises:
        TranscriptError: A file cannot be written, or holds something else and `overwrite` was not asked for.
    """
    path = Path(path)
    files = picture_files(transcript)
    document = _encoded(to_json(transcript, files))
    if len(document) > MOST_BYTES:
        raise TranscriptError(f"{_shown(path)}: would have {byte_size(len(document))}, too many to be read back")
    if not overwrite:
        check_free(path, document, error=TranscriptError)
    for image in transcript.images:
        _save_picture(path.parent, files[image.digest], image, overwrite)
    write_file(path, document, overwrite=overwrite, error=TranscriptError)


def load_transcript(path: str | Path) -> Transcript:
    """The transcript in a JSON file, with the pictures it names; each is read, checked and held.

    Raises:
        TranscriptError: The file or one of its pictures cannot be read, or is not what it should be.
    """
    path = Path(path)
    content = read_file(path, most_bytes=MOST_BYTES, error=TranscriptError)

    @cache
    def open_picture(file: str) -> Image:
        return open_image(_inside(path.parent, file))

    try:
        return from_json(content.decode("utf-8-sig"), open_picture)
    except UnicodeDecodeError as error:
        raise TranscriptError(f"{_shown(path)}: is not JSON: it is not a text in UTF-8") from error
    except (ImageError, TranscriptError) as error:
        raise TranscriptError(f"{_shown(path)}: {error}") from error


def _save_picture(folder: Path, file: str, image: Image, overwrite: bool) -> None:
    content = image.read()
    if hashlib.sha256(content).hexdigest() != image.digest:
        raise TranscriptError(f"picture {short_line(image.name)} is no longer what it was: its digest differs")
    path = _inside(folder, file)
    make_folder(path.parent, error=TranscriptError)
    write_file(path, content, overwrite=overwrite, error=TranscriptError)


def _inside(folder: Path, file: str) -> Path:
    """Where a picture lies; nothing outside the transcript's own folder can be named."""
    named = PurePosixPath(file)
    try:
        top = folder.resolve()
        path = (top / named).resolve()
    except (OSError, RuntimeError, ValueError) as error:
        raise TranscriptError(f"{short_line(file)} leads to no file") from error
    if not named.parts or named.is_absolute() or ".." in named.parts or not path.is_relative_to(top):
        raise TranscriptError(f"{short_line(file) or 'a picture'} lies outside the transcript's folder: move it in")
    return path


def _encoded(document: str) -> bytes:
    try:
        return document.encode()
    except UnicodeEncodeError:
        # Halves of surrogate pairs: two that fit are one character, and one alone is written as JSON's escape for it.
        joined = document.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")
        return joined.encode("utf-8", "backslashreplace")


def _shown(path: Path) -> str:
    return short_line(str(path))
