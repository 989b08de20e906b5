"""A prompt as the one string that text-generation-inference takes, with the pictures in it.

Such a server reads control tokens and pictures out of the string, whoever wrote them. What somebody wrote is text on
this machine and must be text there: where the server would take it for more, it is refused.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Final
from urllib.parse import urlsplit

from chat.conversation import Image
from chat.errors import GenerationError
from chat.prompt import (
    BEGIN_OF_SEQUENCE,
    FENCE,
    IDEFICS,
    IDEFICS3,
    IDEFICS_BASE,
    IMAGE,
    Control,
    Dialect,
    Label,
    Picture,
    Prompt,
    Said,
    Words,
    written,
)
from chat.safe_text import short_line

_ADDED_BY_SERVER: Final = (BEGIN_OF_SEQUENCE, IDEFICS3.begin, FENCE)
"""Control tokens that its tokenizer and its processor put where they belong."""
_PICTURE: Final = re.compile(r"!\[[^\]]*\]\(")
"""What begins a picture, in whatever version of the server; it would fetch what the address behind it names."""
_CONTROL: Final = re.compile(
    rf"<\|[^|\s]*\|>|</?s>|<unk>|<pad>|{re.escape(FENCE)}|{re.escape(IMAGE)}|<end_of_utterance>|<global-img>"
    r"|<row_\d+_col_\d+>|<(?:repo_name|reponame|file_sep|filename|gh_stars|empty_output"
    r"|(?:issue|jupyter)_[a-z]+)>"
)
"""The control tokens of all the families, those of their language models included."""
_FETCHED: Final = (IDEFICS, IDEFICS_BASE)
"""Dialects whose processor takes a text for a picture's address where it looks like one."""


def inputs(prompt: Prompt, dialect: Dialect, url_of: Callable[[Image], str]) -> str:
    """The string for a prompt.

    Args:
        prompt: In the dialect.
        dialect: Of the server's checkpoint.
        url_of: Gives a picture as a URL.

    Raises:
        GenerationError: A text in it would be more than a text to the server.
    """
    # Without what pictures are written as, which no control token is part of.
    parts = [_written(segment) for segment in prompt.segments]
    own = [part for segment, part in zip(prompt.segments, parts, strict=True) if part and isinstance(segment, Control)]
    shown = "".join(part if part is not None else "\n" for part in parts)
    found = _CONTROL.findall(shown)
    if found != own:
        raise _refusal(next(one for one in found if found.count(one) > own.count(one)))
    for text in _texts(prompt):
        if picture := _PICTURE.search(text):
            raise _refusal(picture[0])
    if dialect in _FETCHED:
        _check_addresses(parts)
    pictures = (f"![]({url_of(image)})" for image in prompt.images)
    return "".join(part if part is not None else next(pictures) for part in parts)


def _written(segment: Control | Label | Words | Picture | Said) -> str | None:
    """A segment in the string; None for a picture."""
    if isinstance(segment, Picture):
        return None
    if isinstance(segment, Control) and segment.token in _ADDED_BY_SERVER:
        return ""
    return written(segment)


def _texts(prompt: Prompt) -> Iterator[str]:
    return (segment.text for segment in prompt.segments if isinstance(segment, Words | Said))


def _check_addresses(parts: Iterable[str | None]) -> None:
    """Refuse what stands alone between two pictures, or behind the last, and would be fetched as one."""
    runs = [""]
    for part in parts:
        if part is None:
            runs.append("")
        else:
            runs[-1] += part
    for run in runs:
        text = run.strip(" ")
        if " " not in text and _is_address(text):
            raise _refusal(text.partition("<")[0])


def _is_address(text: str) -> bool:
    try:
        found = urlsplit(text)
    except ValueError:
        return False
    return bool(found.scheme and found.netloc)


def _refusal(text: str) -> GenerationError:
    return GenerationError(
        f"{short_line(text, 40)} in a text would not be text to a server of the tgi API: leave it out, or reword it"
    )
