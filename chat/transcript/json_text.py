"""The project's own format, versions 1 and 2: a transcript as one JSON document, its pictures named and not held.

A key is called like the attribute it is written from. Reading trusts nothing: what it does not know it refuses.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Final

from chat.conversation import Image, Part, Role, Text, Turn
from chat.errors import InvalidTurnError, TranscriptError
from chat.records import Generation, StoredTurn
from chat.transcript.choices import ChoiceObject
from chat.transcript.pictures import PictureObject, file_of, picture_from, picture_object, require_time
from chat.transcript.typed_json import object_of, read_as, refuse_constant
from chat.transcript.values import UNKNOWN_GENERATION, Transcript

FORMAT: Final = "idefics-chat transcript"
VERSION: Final = 2
FIRST_VERSION: Final = 1
"""Knows neither choices nor examples."""

_NUMBER_LIST: Final = re.compile(r"\[\n((?:\s*\d+,\n)*\s*\d+\n)\s*\]")


@dataclass(frozen=True, slots=True)
class _Part:
    """A part of a turn: one of its fields."""

    text: str | None = None
    image: PictureObject | None = None

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
    is_example: bool = False

    def __post_init__(self) -> None:
        require_time(self.created_at)


@dataclass(frozen=True, slots=True)
class _Document:
    """A whole document; the order of the fields is that of the keys."""

    format: str
    version: int
    turns: tuple[_Turn, ...]
    title: str = ""
    system: str = ""
    choices: tuple[ChoiceObject, ...] = ()


def to_json(transcript: Transcript, files: Mapping[str, str]) -> str:
    """The document of a transcript; the same transcript always gives the same text.

    Keys that the first version does not know are there only where they say something, and so is the later version.

    Args:
        transcript: What to write.
        files: For the digest of every picture, the path of its file from where the document will lie.
    """
    is_of_first = not transcript.choices and not any(stored.is_example for stored in transcript.turns)
    document = {
        "format": FORMAT,
        "version": FIRST_VERSION if is_of_first else VERSION,
        "title": transcript.title,
        "system": transcript.system,
        "turns": [_turn_object(stored, files) for stored in transcript.turns],
    }
    if transcript.choices:
        document["choices"] = [ChoiceObject.of(choice, files).written() for choice in transcript.choices]
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
    if not isinstance(version, int) or isinstance(version, bool) or version < FIRST_VERSION:
        raise TranscriptError(f"version is none of {FIRST_VERSION} to {VERSION}")
    read = read_as(_Document, value, "", {Generation: UNKNOWN_GENERATION})
    turns = tuple(_stored_turn(number, turn, open_picture) for number, turn in enumerate(read.turns, start=1))
    choices = tuple(choice.choice(open_picture) for choice in read.choices)
    try:
        return Transcript(read.title, read.system, turns, choices)
    except InvalidTurnError as error:
        raise TranscriptError(str(error)) from error


def picture_files(transcript: Transcript) -> dict[str, str]:
    """For the digest of every picture, where its file lies beside the document."""
    return {image.digest: file_of(image) for image in transcript.images}


def _turn_object(stored: StoredTurn, files: Mapping[str, str]) -> dict[str, object]:
    written: dict[str, object] = {
        "role": stored.turn.role,
        "created_at": stored.created_at,
        "parts": [_part_object(part, files) for part in stored.turn.parts],
    }
    if stored.generation is not None:
        written["generation"] = _generation_object(stored.generation)
    if stored.is_example:
        written["is_example"] = True
    return written


def _generation_object(generation: Generation) -> dict[str, object]:
    written = {**asdict(generation), "token_ids": list(generation.token_ids)}
    del written["prompt"], written["facts"]["environment"]
    return written


def _part_object(part: Part, files: Mapping[str, str]) -> dict[str, object]:
    if isinstance(part, Text):
        return {"text": part.text}
    return {"image": asdict(picture_object(part, files))}


def _parse(document: str) -> object:
    try:
        return json.loads(document, object_pairs_hook=object_of, parse_constant=refuse_constant)
    except json.JSONDecodeError as error:
        raise TranscriptError(f"is not JSON: line {error.lineno}, column {error.colno}") from error
    except ValueError as error:
        raise TranscriptError("is not JSON: it holds a number of thousands of digits") from error
    except RecursionError as error:
        raise TranscriptError("is no saved conversation: its lists are nested too deeply") from error


def _stored_turn(number: int, read: _Turn, open_picture: Callable[[str], Image]) -> StoredTurn:
    try:
        parts = tuple(_part(part, open_picture) for part in read.parts)
        return StoredTurn(number, Turn(read.role, parts), read.created_at, read.generation, read.is_example)
    except InvalidTurnError as error:
        raise TranscriptError(f"turn {number}: {error}") from error


def _part(part: _Part, open_picture: Callable[[str], Image]) -> Part:
    if part.image is None:
        return Text(part.text or "")
    return picture_from(part.image, open_picture)
