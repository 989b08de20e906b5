"""What a person asks in a random talk, and how it looks before it is asked."""

import random
from dataclasses import replace
from typing import Final

from chat.conversation import Conversation, Image, Text, Turn, user_turn
from chat.errors import ImageError
from tests.benign import benign_text
from tests.models.reference import IMAGES

_SHAPES: Final = ("t", "t", "t", "t", "it", "ti", "iit", "iti", "i", "tit", "ii")


def question(rng: random.Random) -> Turn:
    """Texts and pictures in every arrangement."""
    return user_turn(*(rng.choice(IMAGES) if part == "i" else benign_text(rng) for part in rng.choice(_SHAPES)))


def unreadable(image: Image) -> Image:
    """The same picture, whose bytes are gone."""

    def read() -> bytes:
        raise ImageError("the picture is gone")

    return replace(image, read=read)


def begun(rng: random.Random, asked: Conversation) -> Conversation:
    """A question when not all of it is written, or one that is changed before it is sent."""
    *said, last = asked.turns
    parts = last.parts[: rng.randint(1, len(last.parts))]
    end = parts[-1]
    if isinstance(end, Text):
        parts = (*parts[:-1], Text(end.text[: rng.randint(1, len(end.text))].strip() or "A"))
    return replace(asked, turns=(*said, user_turn(*parts) if rng.random() < 0.8 else question(rng)))
