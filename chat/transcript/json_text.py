"""The project's own format, version 1: a transcript as one JSON document, its pictures named and not held.

A key is called like the attribute it is written from. Reading trusts nothing: what it does not know it refuses.
"""

import json
import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import PurePosixPath
from typing import Final

from chat.conversation import Image, Part, Role, Text, Turn
from chat.errors import InvalidTurnError, TranscriptError
from chat.images import media_type
from chat.records import Generation, StoredTurn
from chat.safe_text import printable, short_line
from chat.transcript.typed_json import read_as
from chat.transcript.values import UNKNOWN_GENERATION, Transcript

FORMAT: Final = "idefics-chat transcript"
VERSION: Final = 1

PICTURE_FOLDER: Final = "pictures"

_NUMBER_LIST: Final = re.compile(r"\[\n((?:\s*\d+,\n)*\s*\d+\n)\s*\]")
_NOT_FOR_FILE_NAMES: Final = re.compile(r"[^A-Za-z0-9_-]+")


@dataclass(frozen=True, slots=True)
class _Picture:
    """A picture as a document names it."""

    file: str
    digest: str
    width: int = 0
    height: int = 0
    name: str | None = None


@dataclass(frozen=True, slots=True)
class _Part:
    """A part of a turn: one of its fields."""

    text: str | None = None
    image: _Picture | None = None

    def __post_init__(self) -> None:
        if (self.text is None) == (self.image is None):
            raise TranscriptError('a part holds either "text" or "image"')


@dataclass(frozen=True, slots=True)
class _Turn:
    """A turn as a document holds it."""

    role: Role
    parts: tuple[_Part, ...]
    created_at: str = ""
    generation: Generation | None = None

    def __post_init__(self) -> None:
        try:
            datetime.fromisoformat(self.created_at or "2000-01-01")
        except ValueError as error:
            raise TranscriptError("created_at is not a time as ISO 8601 writes it") from error


@dataclass(frozen=True, slots=True)
class _Document:
    """A whole document; the order of the fields is that of the keys."""

    format: str
    version: int
    turns: tuple[_Turn, ...]
    title: str = ""
    system: str = ""


def to_json(transcript: Transcript, files: Mapping[str, str]) -> str:
    """The document of a transcript; the same transcript always gives the same text.

    Args:
        transcript: What to write.
        files: For the digest of every picture, the path of its file from where the document will lie.
    """
    document = {
        "format": FORMAT,
        "version": VERSION,
        "title": transcript.title,
        "system": transcript.system,
        "turns": [_turn_object(stored, files) for stored in transcript.turns],
    }
    indented = json.dumps(document, ensure_ascii=False, indent=2, allow_nan=False)
    # Token ids would fill a file with lines of one number. Strings hold no line ends in JSON, so only lists match.
    return _NUMBER_LIST.sub(lambda found: "[" + ", ".join(found[1].replace(",", "").split()) + "]", indented) + "\n"


def from_json(document: str, open_picture: Callable[[str], Image]) -> Transcript:
    """The transcript that a document holds.

    Args:
        document: The text of a file.
        open_picture: Gives the picture in a file that the document names by a path from where it lies.

    Raises:
        TranscriptError: The document is not a transcript that this version can read; the message names the place.
    """
    value = _parse(document)
    if not isinstance(value, dict) or value.get("format") != FORMAT:
        raise TranscriptError(f'is no saved conversation: its "format" is not "{FORMAT}"')
    version = value.get("version")
    if isinstance(version, int) and version > VERSION:
        raise TranscriptError(f"was written by a newer idefics-chat (version {version}): update the program")
    if version != VERSION or isinstance(version, bool):
        raise TranscriptError(f"version is not {VERSION}")
    read = read_as(_Document, value, "", {Generation: UNKNOWN_GENERATION})
    turns = tuple(_stored_turn(number, turn, open_picture) for number, turn in enumerate(read.turns, start=1))
    try:
        return Transcript(read.title, read.system, turns)
    except InvalidTurnError as error:
        raise TranscriptError(str(error)) from error


def picture_files(transcript: Transcript) -> dict[str, str]:
    """For the digest of every picture, where its file lies beside the document.

    The path keeps the picture's name where that is fit for one, and part of its digest, so that the pictures of many
    transcripts can share a folder.
    """
    return {image.digest: f"{PICTURE_FOLDER}/{_file_name(image)}" for image in transcript.images}


def _file_name(image: Image) -> str:
    mark = f"-{image.digest[:12]}"
    # A picture that came with a transcript carries the mark already.
    stem = PurePosixPath(_shown_name(image.name)).stem.removesuffix(mark)
    stem = _NOT_FOR_FILE_NAMES.sub("-", stem)[:40].strip("-") or "picture"
    suffix = media_type(image.read()).rpartition("/")[2].replace("jpeg", "jpg")
    return f"{stem}{mark}.{suffix}"


def _shown_name(name: str) -> str:
    return printable(name, multiline=False)


def _turn_object(stored: StoredTurn, files: Mapping[str, str]) -> dict[str, object]:
    written: dict[str, object] = {
        "role": stored.turn.role,
        "created_at": stored.created_at,
        "parts": [_part_object(part, files) for part in stored.turn.parts],
    }
    if stored.generation is not None:
        written["generation"] = asdict(stored.generation)
    return written


def _part_object(part: Part, files: Mapping[str, str]) -> dict[str, object]:
    if isinstance(part, Text):
        return {"text": part.text}
    picture = _Picture(files[part.digest], part.digest, part.width, part.height, _shown_name(part.name))
    return {"image": asdict(picture)}


def _parse(document: str) -> object:
    try:
        return json.loads(document, object_pairs_hook=_object, parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        raise TranscriptError(f"is not JSON: line {error.lineno}, column {error.colno}") from error
    except ValueError as error:
        raise TranscriptError("is not JSON: it holds a number of thousands of digits") from error
    except RecursionError as error:
        raise TranscriptError("is no saved conversation: its lists are nested too deeply") from error


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        twice, _ = Counter(key for key, _ in pairs).most_common(1)[0]
        raise TranscriptError(f"the key {short_line(twice, 60)} stands twice in one object")
    return found


def _refuse_constant(name: str) -> object:
    raise TranscriptError(f"is not JSON: {name} is no number")


def _stored_turn(number: int, read: _Turn, open_picture: Callable[[str], Image]) -> StoredTurn:
    try:
        parts = tuple(_part(part, open_picture) for part in read.parts)
        return StoredTurn(number, Turn(read.role, parts), read.created_at, read.generation)
    except InvalidTurnError as error:
        raise TranscriptError(f"turn {number}: {error}") from error


def _part(part: _Part, open_picture: Callable[[str], Image]) -> Part:
    if part.image is None:
        return Text(part.text or "")
    image = open_picture(part.image.file)
    if image.digest != part.image.digest:
        raise TranscriptError(f"{short_line(part.image.file)} is another picture than the one that was saved")
    return image if part.image.name is None else replace(image, name=_shown_name(part.image.name))
