"""What lies in the clipboard of this machine: a picture, the names of files, or text. Changes nothing there.

On Linux by one of two small programs, the usual ones; elsewhere by what Pillow knows of the system.
"""

import io
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from chat.attachments import dropped_paths
from chat.conversation import Image
from chat.errors import ImageError
from chat.images import MOST_BYTES, read_image

MOST_S: Final = 3.0
"""Seconds that a program may take to answer; another one may own the clipboard and hang."""
MOST_TEXT: Final = 1_000_000
"""Characters of text that are taken."""

NO_PICTURE: Final = "No picture in this machine's clipboard."
OVER_SSH: Final = "Over SSH: drop the file's path, or scp it here."

_PICTURE_TYPES: Final = ("image/png", "image/jpeg", "image/webp", "image/avif", "image/gif", "image/bmp")
_FILES_TYPE: Final = "text/uri-list"
_TEXT_TYPES: Final = ("text/plain;charset=utf-8", "UTF8_STRING", "text/plain", "STRING", "TEXT")


@dataclass(frozen=True, slots=True)
class Clipboard:
    """What was found; at most one of the first three."""

    image: Image | None = None
    paths: tuple[Path, ...] = ()
    """Of files that were copied."""
    text: str = ""
    problem: str = ""
    """Why there is no picture, and what can be done."""


@dataclass(frozen=True, slots=True)
class _Tool:
    """A program that reads the clipboard of one kind of display."""

    list_types: tuple[str, ...]
    read_type: tuple[str, ...]
    """What comes before the type."""
    ending: tuple[str, ...] = ()
    """What comes behind it."""


_WAYLAND: Final = _Tool(("wl-paste", "--list-types"), ("wl-paste", "--no-newline", "--type"))
_X11: Final = _Tool(
    ("xclip", "-selection", "clipboard", "-t", "TARGETS", "-o"), ("xclip", "-selection", "clipboard", "-t"), ("-o",)
)


def read_clipboard(environ: Mapping[str, str] | None = None) -> Clipboard:
    """What the clipboard holds, in the order picture's file, picture, text; may take seconds.

    Args:
        environ: Tells which display there is; this process's, if not given.
    """
    environ = os.environ if environ is None else environ
    try:
        if sys.platform in ("darwin", "win32"):
            return _by_pillow()
        tool = _tool(environ)
        return _by_tool(tool, environ) if tool else Clipboard(problem=_without_tool(environ))
    except ImageError as error:
        return Clipboard(problem=f"{NO_PICTURE[:-1]} that can be used: {error}")


def _tool(environ: Mapping[str, str]) -> _Tool | None:
    path = environ.get("PATH")
    if environ.get("WAYLAND_DISPLAY") and shutil.which("wl-paste", path=path):
        return _WAYLAND
    return _X11 if environ.get("DISPLAY") and shutil.which("xclip", path=path) else None


def _without_tool(environ: Mapping[str, str]) -> str:
    """Why nothing can be looked up."""
    if environ.get("WAYLAND_DISPLAY") or environ.get("DISPLAY"):
        return f"{NO_PICTURE} It is read with wl-paste or xclip: install the one for your display."
    if _is_remote(environ):
        return f"{NO_PICTURE} {OVER_SSH}"
    return f"{NO_PICTURE} There is no display: drop the file's path."


def _is_remote(environ: Mapping[str, str]) -> bool:
    return bool(environ.get("SSH_CONNECTION") or environ.get("SSH_TTY"))


def _by_tool(tool: _Tool, environ: Mapping[str, str]) -> Clipboard:
    types = _output(tool.list_types, environ).decode(errors="replace").split("\n")
    offered = {one.strip() for one in types}

    def first(kinds: Sequence[str]) -> bytes:
        kind = next((kind for kind in kinds if kind in offered), None)
        return _output((*tool.read_type, kind, *tool.ending), environ) if kind else b""

    if paths := _paths(first((_FILES_TYPE,))):
        return Clipboard(paths=paths)
    if picture := first(_PICTURE_TYPES):
        return Clipboard(read_image(picture, _name()))
    text = first(_TEXT_TYPES).decode(errors="replace")[:MOST_TEXT]
    remote = f" {OVER_SSH}" if _is_remote(environ) else ""
    return Clipboard(text=text, problem=f"{NO_PICTURE}{remote}")


def _output(command: Sequence[str], environ: Mapping[str, str]) -> bytes:
    """What a program says; nothing where it fails, takes too long, or says more than a picture may have."""
    program = shutil.which(command[0], path=environ.get("PATH")) or command[0]
    try:
        process = subprocess.Popen(
            [program, *command[1:]],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=dict(environ),
        )
    except OSError:
        return b""
    timer = threading.Timer(MOST_S, process.kill)
    timer.start()
    with process:
        content = process.stdout.read(MOST_BYTES + 1) if process.stdout else b""
        if len(content) > MOST_BYTES:
            process.kill()
    timer.cancel()
    return content if process.returncode == 0 else b""


def _paths(listed: bytes) -> tuple[Path, ...]:
    """The files of a list of URIs, where it is one of files that exist."""
    lines = [line.strip() for line in listed.decode(errors="replace").splitlines()]
    return tuple(dropped_paths("\n".join(line for line in lines if line and not line.startswith("#"))))


def _by_pillow() -> Clipboard:
    """As Pillow finds it, on systems where it asks the system itself."""
    from PIL import ImageGrab

    try:
        found = ImageGrab.grabclipboard()
    except (OSError, ValueError, NotImplementedError):
        found = None
    if found is None:
        return Clipboard(problem=NO_PICTURE)
    if isinstance(found, list):
        return Clipboard(paths=tuple(Path(name) for name in found))
    encoded = io.BytesIO()
    found.save(encoded, "PNG")
    return Clipboard(read_image(encoded.getvalue(), _name()))


def _name() -> str:
    """What to call a picture that came without a file."""
    return time.strftime("clipboard-%H%M%S.png")
