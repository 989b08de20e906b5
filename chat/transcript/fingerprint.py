"""By what two documents, or two turns, are known to be the same."""

import json
from hashlib import sha256
from typing import Final

from chat.conversation import Role
from chat.records import StoredTurn
from chat.transcript.encoding import encoded
from chat.transcript.json_text import document_of
from chat.transcript.replies import Environments
from chat.transcript.turns import written_turn
from chat.transcript.values import NOTHING_LEFT_OUT, UNKNOWN_GENERATION, PlacedTurn, Transcript

_NOT_CONTENT: Final = ("format", "version")
_NOT_SAID: Final = ("after", "created_at", "is_example")

_encode: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def fingerprint(transcript: Transcript) -> str:
    """sha256 of all that a document says, wherever its pictures lie."""
    document = document_of(transcript, {})
    return _digest({key: value for key, value in document.items() if key not in _NOT_CONTENT})


def content_of(stored: StoredTurn) -> str:
    """sha256 of what a turn says and where it came from, apart from its place, its time and its marks."""
    generation = stored.generation
    if stored.turn.role is Role.ASSISTANT and generation is None:
        generation = UNKNOWN_GENERATION
    placed = PlacedTurn(None, StoredTurn(1, stored.turn, "", generation))
    written = written_turn(placed, NOTHING_LEFT_OUT, {}, Environments())
    return _digest({key: value for key, value in written.items() if key not in _NOT_SAID})


def _digest(value: object) -> str:
    return sha256(encoded(_encode(value))).hexdigest()
