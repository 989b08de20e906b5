"""Files that somebody takes for saved conversations: what they are instead, and what to do."""

from pathlib import PurePath
from typing import Final

from chat.images import UNKNOWN_MEDIA_TYPE, media_type

OWN_DATABASE: Final = (
    "is a database of idefics-chat: `idefics-chat sessions export --all --db FILE -o FOLDER` makes files of it, which"
    " can be imported"
)
_FOR_READING: Final = "which is for reading alone: export the session as .json, and import that"
_ARCHIVES: Final = (b"PK\x03\x04", b"\x1f\x8b", b"BZh", b"\xfd7zXZ", b"7z\xbc\xaf", b"Rar!")
_MARK: Final = b"\xef\xbb\xbf"


def in_words(name: str, content: bytes) -> str:
    """What a file is that is surely no JSON, with the cure; empty where nothing is known of it.

    Args:
        name: The file's; what it holds goes before it.
        content: What it holds, or the beginning of that.
    """
    text = content.removeprefix(_MARK).lstrip()
    if not text:
        return "is empty: export the session again"
    if text.startswith((b"{", b"[")):
        return ""
    if media_type(content) != UNKNOWN_MEDIA_TYPE:
        return "is a picture, not a conversation: `idefics-chat ask QUESTION -i FILE` asks about it"
    if content.startswith(_ARCHIVES):
        return "is an archive: unpack it first"
    suffix = PurePath(name).suffix.lower()
    if text.startswith(b"<") or suffix in (".html", ".htm"):
        return f"is HTML, {_FOR_READING}"
    return f"is Markdown, {_FOR_READING}" if suffix in (".md", ".markdown") else ""
