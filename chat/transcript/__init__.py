"""Conversations as files. Knows nothing of databases, models or screens."""

from chat.transcript.folder import load_transcript, save_transcript
from chat.transcript.json_text import FORMAT, VERSION, from_json, to_json
from chat.transcript.pictures import PictureNames
from chat.transcript.values import UNKNOWN_GENERATION, PlacedTurn, Transcript

__all__ = [
    "FORMAT",
    "UNKNOWN_GENERATION",
    "VERSION",
    "PictureNames",
    "PlacedTurn",
    "Transcript",
    "from_json",
    "load_transcript",
    "save_transcript",
    "to_json",
]
