"""Conversations as OpenAI's chat interface, ShareGPT and LLaVA write them: one JSON object each.

They differ in the names of a few keys, and files mix them: `messages` or `conversations`, `role` and `content` or
`from` and `value`, pictures in the parts of a content or in the places of `<image>`.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final, Literal, NamedTuple

from chat.conversation import Image, Part, Text
from chat.errors import TranscriptError
from chat.safe_text import short_line
from chat.transcript.alternation import LEFT_OUT, Message, transcript_of
from chat.transcript.openai import OWN_KEY
from chat.transcript.sources import PictureSources
from chat.transcript.values import Transcript

MESSAGE_KEYS: Final = ("messages", "conversations")
"""One of them holds a conversation's messages."""

_SPEAKERS: Final[dict[str, Literal["system", "user", "assistant"]]] = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "human": "user",
    "assistant": "assistant",
    "gpt": "assistant",
    "model": "assistant",
}
_TOOLS: Final = frozenset({"tool", "function", "function_call", "observation"})
# A line's end beside the mark belongs to it, as LLaVA writes it.
_MARK: Final = re.compile(r"<image>\n?|\n<image>")
_PICTURE_KEYS: Final = ("images", "image")
_SYSTEM_KEY: Final = "system"
_OTHER_MEDIA: Final = ("video", "videos", "audio", "audios")
_OTHER_LEFT_OUT: Final = "[video or sound left out]"
_TEXT_KINDS: Final = frozenset({"text", "input_text", "output_text"})
_PICTURE_KINDS: Final = frozenset({"image_url", "input_image", "image"})
_LONGEST_KIND: Final = 40
_BESIDE_KEYS: Final = (*_OTHER_MEDIA, "refusal", "reasoning", "reasoning_content")
"""Of a message: what it holds beside its content."""
_TOOL_KEYS: Final = ("tool_calls", "function_call")
"""Of a message."""
_OFFERED_KEYS: Final = ("tools", "functions")
"""Of a conversation."""


class Incoming(NamedTuple):
    """A conversation that came from a file."""

    transcript: Transcript
    left_out: tuple[str, ...] = ()
    """What of it cannot be kept, a line for each, with its place."""


def is_foreign(value: dict[str, object]) -> bool:
    """Whether a JSON object looks like a conversation of this kind."""
    return any(key in value for key in MESSAGE_KEYS)


def read_foreign(value: object, folder: Path, *, is_given: bool = True) -> Incoming:
    """The conversation that a JSON value stands for.

    Args:
        value: What `json.loads` gave.
        folder: Where pictures lie that are named as files.
        is_given: Somebody said so; otherwise it is where the file lies.

    Raises:
        TranscriptError: It is none that can be kept; the message names the place.
    """
    if not isinstance(value, dict):
        raise TranscriptError("is not an object with messages")
    key = next((key for key in MESSAGE_KEYS if key in value), None)
    if key is None or not isinstance(value[key], list):
        raise TranscriptError('is no conversation: it has no list "messages" or "conversations"')
    sources = PictureSources(folder, is_given=is_given)
    pictures = _Pictures(value, sources)
    for offered in _OFFERED_KEYS:
        if value.get(offered):
            sources.leave_out(offered, "the tools that the model was offered are not kept")
    messages = [*_system(value, pictures, sources), *_messages(value[key], key, pictures, sources)]
    transcript = transcript_of(pictures.placed(messages), _title_of(value))
    if not transcript.turns:
        raise TranscriptError(f"{key} has no message of the user's")
    return Incoming(transcript, tuple(sources.left_out))


class _Pictures:
    """The pictures that stand beside the messages, in order."""

    def __init__(self, value: dict[str, object], sources: PictureSources) -> None:
        self.key = next((key for key in _PICTURE_KEYS if value.get(key) is not None), "")
        named = value[self.key] if self.key else []
        self._names = named if isinstance(named, list) else [named]
        self._sources = sources
        self._next = 0
        self._others = [key for key in _OTHER_MEDIA if value.get(key)]
        for key in self._others:
            sources.leave_out(key, "not kept: only pictures are")
        kinds = {key.removesuffix("s") for key in self._others}
        self._other_marks = "|".join(rf"<{kind}>\n?|\n<{kind}>" for kind in sorted(kinds))

    @property
    def are_there(self) -> bool:
        """Whether there are any, so that `<image>` stands for one and is not a word."""
        return bool(self._names)

    def without_others(self, text: str) -> str:
        """The text without the places of videos and sounds; where there are none, `<video>` is a word."""
        if not self._others:
            return text
        rest = re.sub(self._other_marks, "", text)
        return rest if rest.strip() else ""

    def take(self, place: str) -> Iterator[Part]:
        """The next one; nothing for one that stays out."""
        if self._next == len(self._names):
            raise TranscriptError(f"{place}: <image> stands for one more picture than the {self._next} of {self.key!r}")
        name, where = self._names[self._next], f"{self.key}[{self._next}]"
        self._next += 1
        if not isinstance(name, str):
            raise TranscriptError(f"{where} is not a text")
        if (image := self._sources.open(name, where)) is not None:
            yield image

    def placed(self, messages: Sequence[Message]) -> Sequence[Message]:
        """The messages; pictures that no `<image>` stands for come before the words of the first of the user's."""
        if self._next == len(self._names):
            return messages
        if self._next:
            raise TranscriptError(f"{self.key!r} has {len(self._names)} pictures, but only {self._next} places <image>")
        first = next((at for at, message in enumerate(messages) if message.speaker == "user"), None)
        if first is None:
            raise TranscriptError(f"{self.key!r} has pictures, but there is no message of the user's")
        parts = [part for _ in self._names for part in self.take(self.key)]
        changed = replace(messages[first], parts=(*parts, *messages[first].parts))
        return [*messages[:first], changed, *messages[first + 1 :]]


def _system(value: dict[str, object], pictures: _Pictures, sources: PictureSources) -> Iterator[Message]:
    """The text that stands beside the messages, as ShareGPT has it."""
    if content := value.get(_SYSTEM_KEY):
        yield Message("system", tuple(_parts(content, _SYSTEM_KEY, pictures, sources)), _SYSTEM_KEY)


def _messages(entries: Sequence[object], key: str, pictures: _Pictures, sources: PictureSources) -> Iterator[Message]:
    after_tool = False
    for number, entry in enumerate(entries):
        place = f"{key}[{number}]"
        if not isinstance(entry, dict):
            raise TranscriptError(f"{place} is not an object")
        named = entry.get("role", entry.get("from"))
        role = named if isinstance(named, str) else ""
        uses_tool = role in _TOOLS or any(entry.get(key) for key in _TOOL_KEYS)
        if uses_tool:
            sources.leave_out(place, "the use of a tool is not kept")
        if role in _TOOLS or (uses_tool and entry.get("content") is None):
            after_tool = True
            continue
        speaker = _SPEAKERS.get(role)
        if speaker is None:
            raise TranscriptError(f"{place}: {short_line(str(named), 40)} is none of {', '.join(_SPEAKERS)}")
        had_left_out = len(sources.left_out)
        content = _content(entry, place, sources)
        parts = tuple(_parts(content, place, pictures, sources))
        is_less = len(sources.left_out) > had_left_out
        if speaker == "user" and not (_say_something(parts) if is_less else parts):
            parts = _in_the_place_of(content, is_less=is_less)
        yield Message(speaker, parts, place, goes_on=after_tool and speaker == "assistant")
        after_tool = uses_tool or (after_tool and speaker != "user")


def _content(entry: dict[str, object], place: str, sources: PictureSources) -> object:
    """What a message holds; what it has beside that is listed, and may be all it has."""
    beside = [key for key in _BESIDE_KEYS if entry.get(key)]
    for key in beside:
        sources.leave_out(f"{place}.{key}", "is not kept")
    content = entry.get("content", entry.get("value"))
    return "" if content is None and beside else content


def _say_something(parts: Sequence[Part]) -> bool:
    return any(isinstance(part, Image) or part.text.strip() for part in parts)


def _in_the_place_of(content: object, *, is_less: bool) -> tuple[Part, ...]:
    """What stands for a message of which nothing is kept; nothing for one that was empty."""
    if is_less and isinstance(content, list):
        kinds = [part["type"] for part in content if part["type"] not in _TEXT_KINDS]
        is_picture = any(kind in _PICTURE_KINDS for kind in kinds)
        return (Text(LEFT_OUT if is_picture else f"[{short_line(kinds[0], _LONGEST_KIND)} left out]"),)
    if is_less:
        return (Text(_OTHER_LEFT_OUT if content == "" else LEFT_OUT),)
    return (Text(_OTHER_LEFT_OUT),) if content and isinstance(content, str) else ()


def _parts(content: object, place: str, pictures: _Pictures, sources: PictureSources) -> Iterator[Part]:
    """What a content holds, empty texts left out."""
    if isinstance(content, str):
        yield from _marked(content, place, pictures)
        return
    if not isinstance(content, list):
        raise TranscriptError(f"{place} has no content: neither a text nor a list of parts")
    for number, part in enumerate(content):
        where = f"{place}.content[{number}]"
        kind = part.get("type") if isinstance(part, dict) else None
        if not isinstance(kind, str):
            raise TranscriptError(f"{where} is no part with a type")
        if kind in _TEXT_KINDS:
            yield from _text(part.get("text"), where)
        elif kind == "image" and pictures.are_there:
            yield from pictures.take(where)
        elif kind in _PICTURE_KINDS and kind != "image":
            yield from _picture(part.get("image_url"), where, sources)
        else:
            sources.leave_out(where, f"{short_line(kind, _LONGEST_KIND)} is not kept: text and image_url are")


def _marked(content: str, place: str, pictures: _Pictures) -> Iterator[Part]:
    """A text in which `<image>` may stand for the pictures in order."""
    content = pictures.without_others(content)
    if not pictures.are_there:
        yield from _text(content, place)
        return
    first, *others = _MARK.split(content)
    yield from _text(first, place)
    for text in others:
        yield from pictures.take(place)
        yield from _text(text, place)


def _text(text: object, place: str) -> Iterator[Part]:
    if not isinstance(text, str):
        raise TranscriptError(f"{place} has no text")
    if text:
        yield Text(text)


def _picture(named: object, place: str, sources: PictureSources) -> Iterator[Image]:
    url = named.get("url") if isinstance(named, dict) else named
    if not isinstance(url, str):
        raise TranscriptError(f"{place} has no address of a picture")
    if not url[:8].lower().startswith(("data:", "http:", "https:")):
        raise TranscriptError(f"{place}: {short_line(url, 60)} is neither a data URL nor an address")
    if (image := sources.open(url, place)) is not None:
        yield image


def _title_of(value: dict[str, object]) -> str:
    own = value.get(OWN_KEY)
    title = own.get("title") if isinstance(own, dict) else None
    return title if isinstance(title, str) else ""
