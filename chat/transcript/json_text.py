"""The project's own format: a session as one JSON document, its pictures named in it or held by it.

Version 3 holds all there is of a session; versions 1 and 2 are read. A key is called like the attribute it is written
from. Reading trusts nothing: what it does not know it refuses.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final

from chat.conversation import Image, Role
from chat.environment import Environment
from chat.errors import InvalidTurnError, TranscriptError
from chat.transcript.choices import ChoiceObject
from chat.transcript.layout import laid_out
from chat.transcript.pictures import HeldPicture, PictureNames, PictureObject, Pictures, bytes_of
from chat.transcript.replies import UNKNOWN, Environments
from chat.transcript.times import as_utc
from chat.transcript.turns import TurnObject, left_out_of, placed_turns, written_turn
from chat.transcript.typed_json import object_of, read_as, refuse_constant
from chat.transcript.values import Transcript, divided

FORMAT: Final = "idefics-chat transcript"
VERSION: Final = 3
FIRST_VERSION: Final = 1
FIRST_OF_TREES: Final = 3
"""Before it, a file held one branch, and a message that never got a reply was followed by an empty one."""

LONGEST_ID: Final = 200


@dataclass(frozen=True, slots=True)
class _Document:
    """A whole document."""

    format: str
    version: int
    turns: tuple[TurnObject, ...]
    session_id: str = ""
    title: str = ""
    title_is_own: bool | None = None
    is_pinned: bool = False
    created_at: str = ""
    updated_at: str = ""
    system: str = ""
    shown: int | None = None
    """The number of the last turn that is shown, 0 for none; without it, the last one."""
    choices: tuple[ChoiceObject, ...] = ()
    environments: tuple[Environment, ...] = ()
    pictures: tuple[HeldPicture, ...] = ()

    def __post_init__(self) -> None:
        as_utc(self.created_at)
        as_utc(self.updated_at, "updated_at")
        if len(self.session_id) > LONGEST_ID:
            raise TranscriptError(f"session_id has more than {LONGEST_ID} characters")


def document_of(transcript: Transcript, pictures: PictureNames) -> dict[str, object]:
    """The document of a transcript, without the pictures' bytes; what goes without saying is left out.

    Args:
        transcript: What to write.
        pictures: How the document names them.
    """
    environments = Environments()
    tree = transcript.tree
    turns = [written_turn(placed, transcript.left_out, pictures, environments) for placed in tree]
    choices = [ChoiceObject.of(choice, pictures, environments).written() for choice in transcript.choices]
    said = {"title_is_own": transcript.title_is_own, "is_pinned": transcript.is_pinned or None}
    times = {"created_at": transcript.created_at or None, "updated_at": transcript.updated_at or None}
    document = {
        "format": FORMAT,
        "version": VERSION,
        "session_id": transcript.session_id or None,
        "title": transcript.title,
        **said,
        **times,
        "system": transcript.system,
        "shown": None if (transcript.last or 0) == len(tree) else transcript.last or 0,
        "turns": turns,
        "choices": choices or None,
        "environments": environments.written() or None,
    }
    return {key: value for key, value in document.items() if value is not None}


def to_json(transcript: Transcript, pictures: PictureNames | None = None) -> str:
    """The text of a transcript's document; the same transcript always gives the same text.

    Args:
        transcript: What to write.
        pictures: How the document names them. Without it the document holds the pictures themselves, as far as there
            are any bytes of them.
    """
    if pictures is not None:
        return laid_out(document_of(transcript, pictures)) + "\n"
    held = {picture.digest: picture.data for picture in _held(transcript.images)}
    missing = frozenset(image.digest for image in transcript.images if image.digest not in held)
    document = document_of(transcript, PictureNames(missing=missing))
    if held:
        document["pictures"] = [{"digest": digest, "data": data} for digest, data in held.items()]
    return laid_out(document) + "\n"


def from_json(document: str, open_picture: Callable[[str], Image | None], *, missing_ok: bool = False) -> Transcript:
    """The transcript that a document holds.

    Args:
        document: The text of a file.
        open_picture: Gives the picture in a file that the document names by a path from where it lies; None where
            there is no such file.
        missing_ok: Let pictures that are gone be `missing` from the transcript, instead of refusing it; those of which
            the document itself says so are in any case.

    Raises:
        TranscriptError: The document is not a transcript that this version can read; the message names the place.
    """
    read = read_as(_Document, _checked(_parse(document)), "", UNKNOWN)
    pictures = Pictures(open_picture, read.pictures, _named(read), missing_ok=missing_ok)
    if read.version < FIRST_OF_TREES:
        read = _without_empty_replies(read)
    tree = placed_turns(read.turns, pictures.picture, read.environments)
    try:
        choices = tuple(choice.choice(pictures.picture, read.environments) for choice in read.choices)
        turns, others = divided(tree, len(tree) or None if read.shown is None else read.shown or None)
        transcript = Transcript(
            read.title,
            read.system,
            turns,
            choices,
            others=others,
            left_out=left_out_of(read.turns),
            session_id=read.session_id,
            title_is_own=read.title_is_own,
            is_pinned=read.is_pinned,
            created_at=as_utc(read.created_at),
            updated_at=as_utc(read.updated_at),
            missing=tuple(pictures.missing.values()),
        )
    except InvalidTurnError as error:
        raise TranscriptError(str(error)) from error
    return transcript


def _named(read: _Document) -> Iterator[PictureObject]:
    """Every place of a document that names a picture."""
    yield from (part.image for turn in read.turns for part in turn.parts if part.image is not None)
    yield from (image for choice in read.choices for image in choice.images)


def _held(images: Iterable[Image]) -> Iterable[HeldPicture]:
    for image in images:
        content = bytes_of(image)
        if content is not None:
            yield HeldPicture.of(image.digest, content)


def _parse(document: str) -> object:
    try:
        return json.loads(document, object_pairs_hook=object_of, parse_constant=refuse_constant)
    except json.JSONDecodeError as error:
        raise TranscriptError(f"is not JSON: line {error.lineno}, column {error.colno}") from error
    except ValueError as error:
        raise TranscriptError("is not JSON: it holds a number of thousands of digits") from error
    except RecursionError as error:
        raise TranscriptError("is no saved conversation: its lists are nested too deeply") from error


def _checked(value: object) -> dict[str, object]:
    """A parsed document, if this version can read it."""
    if not isinstance(value, dict) or value.get("format") != FORMAT:
        raise TranscriptError(f'is no saved conversation: its "format" is not "{FORMAT}"')
    version = value.get("version")
    if isinstance(version, int) and version > VERSION:
        raise TranscriptError(f"was written by a newer idefics-chat (version {version}): update the program")
    if not isinstance(version, int) or isinstance(version, bool) or version < FIRST_VERSION:
        raise TranscriptError(f"version is none of {FIRST_VERSION} to {VERSION}")
    return value


def _without_empty_replies(read: _Document) -> _Document:
    """A document of an earlier version, with messages that follow each other where one never got a reply."""
    expected = Role.USER
    for number, turn in enumerate(read.turns, start=1):
        if turn.role is not expected:
            raise TranscriptError(f"turn {number} is the {turn.role}'s, but it is the {expected}'s turn to speak")
        if turn.after is not None:
            raise TranscriptError(f"turns[{number - 1}].after is of version {FIRST_OF_TREES}: say so in version")
        expected = expected.other
    kept = [number for number, turn in enumerate(read.turns, start=1) if not turn.says_nothing]
    numbers = {number: place for place, number in enumerate(kept, start=1)}
    choices = (replace(choice, after_turn=_place_of(choice.after_turn, numbers)) for choice in read.choices)
    return replace(read, turns=tuple(read.turns[number - 1] for number in kept), choices=tuple(choices))


def _place_of(number: int, numbers: Mapping[int, int]) -> int:
    """What the turn of that number is in a shorter list; of one that was left out, the one before it."""
    return numbers.get(number, numbers.get(number - 1, number))
