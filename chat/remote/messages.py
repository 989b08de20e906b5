"""A prompt as the messages of a chat API: roles are fields there, and what somebody wrote stands in them as data."""

from collections.abc import Callable
from typing import Any, Final

from chat.conversation import Image
from chat.errors import GenerationError
from chat.prompt import Control, Dialect, Label, Picture, Prompt, Said, Words

CHAT: Final = Dialect("", goes_on=False)
"""Turns and nothing between them: the server writes the prompt of its checkpoint itself, by its chat template."""

_ROLES: Final = {"System:": "system", "User:": "user", "Assistant:": "assistant"}

Message = dict[str, Any]


def messages(prompt: Prompt, url_of: Callable[[Image], str], detail: str) -> list[Message]:
    """The messages of a prompt in the dialect `CHAT`; the model is to speak next.

    A label is a value of another type than words are, so no text can begin a message.

    Args:
        prompt: Ends with `Assistant:`.
        url_of: Gives a picture as a URL.
        detail: How closely pictures are to be seen.

    Raises:
        GenerationError: The prompt is no conversation, or its last reply has begun.
    """
    roles: list[str] = []
    parts: list[list[Message]] = []
    for segment in prompt.segments:
        match segment:
            case Label(text) if text.strip() in _ROLES:
                roles.append(_ROLES[text.strip()])
                parts.append([])
            case Label() | Control():
                # Spaces and tokens of a template, which is the server's.
                continue
            case _ if not parts:
                raise GenerationError("a server of the openai API knows turns alone: leave out --raw or a prefix")
            case Picture(image):
                parts[-1].append({"type": "image_url", "image_url": {"url": url_of(image), "detail": detail}})
            case Words(text) | Said(text):
                parts[-1].append({"type": "text", "text": text})
    if not roles or roles[-1] != "assistant" or parts[-1]:
        raise GenerationError("a server of the openai API cannot go on in the middle of a reply: ask for a new one")
    return [_message(role, part) for role, part in zip(roles[:-1], parts[:-1], strict=True)]


def _message(role: str, parts: list[Message]) -> Message:
    """A message; one without pictures is a text, as servers without pictures take it."""
    if all(part["type"] == "text" for part in parts):
        return {"role": role, "content": "".join(part["text"] for part in parts)}
    return {"role": role, "content": parts}
