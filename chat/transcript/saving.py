"""Transcripts as files of any form that can be written."""

import os
from collections.abc import Iterable, Iterator
from enum import StrEnum
from pathlib import Path
from typing import Final
from unicodedata import category, normalize

from chat.conversation import Image
from chat.errors import TranscriptError, UsageError
from chat.files import check_free, write_file, write_pieces
from chat.safe_text import short_line
from chat.transcript.folder import save_picture, save_transcript
from chat.transcript.html import to_html
from chat.transcript.markdown import to_markdown
from chat.transcript.openai import to_openai
from chat.transcript.pictures import PictureNames
from chat.transcript.present import PresentPictures
from chat.transcript.telling import images_of
from chat.transcript.values import Transcript

_LONGEST_NAME: Final = 40
"""Characters of a title in a file's name."""
_MOST_BYTES_OF_NAME: Final = 120
"""Bytes of them: a name has 255 at most, and on some file systems 143."""


class Form(StrEnum):
    """What a file of conversations can be."""

    JSON = "json"
    MARKDOWN = "markdown"
    HTML = "html"
    OPENAI = "openai"

    @property
    def suffix(self) -> str:
        """How the name of such a file ends."""
        return next(suffix for suffix, form in _SUFFIXES.items() if form is self)

    @property
    def holds_many(self) -> bool:
        """Whether one file can hold several conversations."""
        return self in (Form.HTML, Form.OPENAI)

    @property
    def has_pictures_beside(self) -> bool:
        """Whether pictures lie in a folder beside the file."""
        return self in (Form.JSON, Form.MARKDOWN)


_SUFFIXES: Final = {
    ".json": Form.JSON,
    ".md": Form.MARKDOWN,
    ".markdown": Form.MARKDOWN,
    ".html": Form.HTML,
    ".htm": Form.HTML,
    ".jsonl": Form.OPENAI,
}


def form_of(path: Path) -> Form:
    """The form that a file's name asks for, the project's own where it has no ending; raises UsageError for others."""
    suffix = path.suffix.lower()
    if suffix and suffix not in _SUFFIXES and not os.path.isdir(path):
        raise UsageError(f"{short_line(path.name)}: no form ends so: name it .json, .md, .html or .jsonl")
    return _SUFFIXES.get(suffix, Form.JSON)


def file_name(title: str, session_id: str, form: Form) -> str:
    """A name for a session's file: its title as far as a name can hold it, and its id, so that no two are the same."""
    words = _fit_for_a_name(title)
    return f"{words}-{session_id}{form.suffix}" if words else f"{session_id}{form.suffix}"


def _fit_for_a_name(title: str) -> str:
    """The letters and digits of a title, of any script, with dashes for all between them."""
    # In many scripts vowels are marks.
    kept = "".join(one if category(one)[0] in "LMN" else " " for one in normalize("NFC", title))
    name = "-".join(kept.split())[:_LONGEST_NAME]
    return name.encode()[:_MOST_BYTES_OF_NAME].decode(errors="ignore").strip("-")


def save_as(
    path: Path, transcript: Transcript, form: Form, *, overwrite: bool = False, inline: bool = False
) -> tuple[Image, ...]:
    """Write a transcript as one file, and where its form has them so, its pictures into the folder beside it.

    Files that hold the same already are left alone.

    Args:
        path: The file.
        transcript: What to write.
        form: What the file is.
        overwrite: Replace files that hold something else.
        inline: Let a JSON file hold its pictures.

    Returns:
        The pictures that are gone: words stand for them.

    Raises:
        TranscriptError: A file cannot be written, or holds something else and `overwrite` was not asked for.
    """
    match form:
        case Form.JSON:
            return save_transcript(path, transcript, overwrite=overwrite, inline=inline)
        case Form.MARKDOWN:
            return _save_markdown(path, transcript, overwrite)
        case _:
            return save_together(path, [transcript], form, overwrite=overwrite)


def save_together(
    path: Path, transcripts: Iterable[Transcript], form: Form, *, overwrite: bool = False
) -> tuple[Image, ...]:
    """Write transcripts as one file of a form that holds many; what it gives and raises is as with `save_as`."""
    pictures = PresentPictures()
    pieces = (piece.encode() for piece in text_of(transcripts, form, pictures))
    write_pieces(path, pieces, overwrite=overwrite, error=TranscriptError)
    return pictures.missing


def text_of(transcripts: Iterable[Transcript], form: Form, pictures: PresentPictures | None = None) -> Iterator[str]:
    """The document of transcripts that needs no folder, in pieces.

    Args:
        transcripts: What to write.
        form: HTML, OpenAI's, or Markdown for a single one without pictures.
        pictures: Told which pictures are gone.
    """
    match form:
        case Form.OPENAI:
            return (f"{to_openai(transcript, pictures)}\n" for transcript in transcripts)
        case Form.HTML:
            return to_html([*transcripts], pictures)
        case _:
            return (to_markdown(transcript, {}) for transcript in transcripts)


def _save_markdown(path: Path, transcript: Transcript, overwrite: bool) -> tuple[Image, ...]:
    shown = images_of(transcript)
    pictures = PictureNames.beside(shown)
    files = {digest: file for digest, file in pictures.files.items() if digest not in pictures.missing}
    document = to_markdown(transcript, files).encode()
    if not overwrite:
        check_free(path, document, error=TranscriptError)
    for image in shown:
        if image.digest in files:
            save_picture(path.parent, files[image.digest], image, overwrite)
    write_file(path, document, overwrite=overwrite, error=TranscriptError)
    return tuple(image for image in shown if image.digest not in files)
