"""Conversations in the format of OpenAI's chat interface: one in a line of JSON, the pictures in it as data URLs."""

from typing import Final

from chat.conversation import Image, Part
from chat.safe_text import json_line
from chat.transcript.present import PresentPictures, missing_in_words
from chat.transcript.values import Transcript

OWN_KEY: Final = "idefics_chat"
"""Holds what the format has no place for; who reads the format passes over keys beside `messages`."""


def to_openai(transcript: Transcript, pictures: PresentPictures | None = None) -> str:
    """A transcript as one line, without its end; no character in it could act on a terminal.

    Every content is a list of parts, as readers that want columns of one type need it. A reply without a word is left
    out: the format knows no such thing. Words stand for a picture that is gone.

    Args:
        transcript: What to write.
        pictures: Told which of its pictures are gone.

    Raises:
        TranscriptError: A picture is no longer what it was.
    """
    pictures = pictures or PresentPictures()
    messages: list[dict[str, object]] = []
    if transcript.system:
        messages.append({"role": "system", "content": [_text(transcript.system)]})
    for stored in transcript.turns:
        if content := [_part(part, pictures) for part in stored.turn.parts]:
            messages.append({"role": str(stored.turn.role), "content": content})
    own = {"title": transcript.title, "created_at": transcript.created_at}
    return json_line({"messages": messages, OWN_KEY: own})


def _text(text: str) -> dict[str, object]:
    return {"type": "text", "text": text}


def _part(part: Part, pictures: PresentPictures) -> dict[str, object]:
    if not isinstance(part, Image):
        return _text(part.text)
    url = pictures.url(part)
    return {"type": "image_url", "image_url": {"url": url}} if url else _text(missing_in_words(part))
