"""By what two documents, or two turns, are known to be the same."""

import json
from dataclasses import replace
from hashlib import sha256
from typing import Final

from chat.conversation import Part, Role, Text
from chat.records import StoredTurn
from chat.transcript.encoding import encoded
from chat.transcript.json_text import document_of
from chat.transcript.pictures import PictureNames
from chat.transcript.replies import Environments
from chat.transcript.turns import written_turn
from chat.transcript.values import NOTHING_LEFT_OUT, UNKNOWN_GENERATION, PlacedTurn, Transcript

_NOT_CONTENT: Final = ("format", "version")
_NOT_SAID: Final = ("after", "created_at", "is_example")

_encode: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def fingerprint(transcript: Transcript) -> str:
    """sha256 of all that a document says, wherever its pictures lie."""
    document = document_of(transcript, PictureNames())
    return _digest({key: value for key, value in document.items() if key not in _NOT_CONTENT})


def content_of(stored: StoredTurn) -> str:
    """sha256 of what a turn says and where it came from, apart from its place, its time and its marks."""
    generation, turn = stored.generation, stored.turn
    if turn.role is Role.ASSISTANT and generation is None:
        generation = UNKNOWN_GENERATION
    if turn.images:
        turn = replace(turn, parts=tuple(map(_without_size, turn.parts)))
    placed = PlacedTurn(None, StoredTurn(1, turn, "", generation))
    written = written_turn(placed, NOTHING_LEFT_OUT, PictureNames(), Environments())
    return _digest({key: value for key, value in written.items() if key not in _NOT_SAID})


def _without_size(part: Part) -> Part:
    """A part; a picture's digest tells its size, which is not known of every one that is gone."""
    return part if isinstance(part, Text) else replace(part, width=1, height=1)


def _digest(value: object) -> str:
    return sha256(encoded(_encode(value))).hexdigest()
