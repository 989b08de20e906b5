"""A title for a session to which the user gave none."""

from typing import Final

from chat.conversation import Turn
from chat.requests import CAPTION_REQUEST, STORY_REQUEST

LONGEST: Final = 60
REQUESTS: Final = (CAPTION_REQUEST, STORY_REQUEST)


def title_of(message: Turn, reply: str = "") -> str:
    """The first line of a message, at most 60 characters.

    A message that is only a picture, or only what a command asks, says nothing that tells it from others: its title is
    the first line of the reply, or until there is one the name of its picture.
    """
    words = _first_line(message.text)
    if words in ("", *REQUESTS):
        words = _first_line(reply) or _picture_name(message) or words
    return shortened(words)


def _first_line(text: str) -> str:
    return next((" ".join(line.split()) for line in text.splitlines() if line.strip()), "")


def _picture_name(message: Turn) -> str:
    return " ".join(f"Picture {message.images[0].name}".split()) if message.images else ""


def shortened(line: str) -> str:
    """The line cut after a word, with an ellipsis, where it is too long."""
    if len(line) <= LONGEST:
        return line
    cut = line[: LONGEST - 1]
    # A line without spaces is cut anywhere.
    words = cut if line[LONGEST - 1] == " " else cut.rpartition(" ")[0] or cut
    return f"{words.rstrip()}…"
