"""Attachments in the logs of `llm`: the pictures that are as they were, and what is known of the others."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from chat.conversation import Image
from chat.errors import ImageError
from chat.files import read_file
from chat.images import MOST_BYTES, read_image
from chat.safe_text import short_line
from chat.store.llm_reading import Logs, text_in
from chat.transcript.folder import is_gone
from chat.transcript.pictures import gone, is_digest


class Attachments:
    """The pictures of one conversation, and a list of what stays out."""

    def __init__(self, logs: Logs) -> None:
        self._logs = logs
        self.left_out: list[str] = []
        """A line for each attachment and message that is not kept."""
        self.gone: set[Image] = set()
        """Pictures of which only this is known; each has a line, too."""

    def open(self, attachment_id: object) -> Image | None:
        """The picture with an id; what is not there, or is none, is listed.

        One that is gone or was changed cannot be read; None is given for what is none, or never was in a file.
        """
        found = self._logs.rows("attachments", ("type", "path", "url", "content"), "WHERE id = ?", attachment_id)
        if not found:
            self.left_out.append(f"attachment {short_line(str(attachment_id), 20)} is not in the database")
            return None
        kind, path, url = (text_in(found[0], column) for column in ("type", "path", "url"))
        name = short_line(path or url or f"attachment {attachment_id}")
        attached = _Attached(str(attachment_id), kind, path, found[0]["content"])
        try:
            content = attached.read()
        except ImageError as error:
            line = self._leave_out(name, error)
            return self._known(attached, line)
        try:
            return read_image(content, attached.name)
        except ImageError as error:
            self._leave_out(name, error)
            return None

    def _leave_out(self, name: str, error: ImageError) -> str:
        self.left_out.append(f"{name}: {str(error).removeprefix(f'{name}: ')}")
        return self.left_out[-1]

    def _known(self, attached: "_Attached", line: str) -> Image | None:
        """What stands for a picture whose bytes cannot be had; None where its digest is not known."""
        if not attached.is_known:
            return None
        image = gone(attached.digest, attached.name, line)
        self.gone.add(image)
        return image


@dataclass(frozen=True, slots=True)
class _Attached:
    """What a row says of an attachment."""

    digest: str
    """sha256 of its bytes, or of its address where it has only one."""
    kind: str
    path: str
    content: object

    @property
    def name(self) -> str:
        """What a picture of it is called."""
        return Path(self.path).name or f"picture.{self.kind.removeprefix('image/') or 'png'}"

    @property
    def is_known(self) -> bool:
        """Whether it is surely a picture, and one that is known by its digest."""
        has_bytes = bool(self.path) or isinstance(self.content, bytes)
        return has_bytes and self.kind.startswith("image/") and is_digest(self.digest)

    def read(self) -> bytes:
        """Its bytes; raises ImageError with the reason where they cannot be had, or it is no picture."""
        if self.kind and not self.kind.startswith("image/"):
            raise ImageError(f"is {short_line(self.kind, 40)}, not a picture")
        content = self.content
        if not isinstance(content, bytes):
            if not self.path:
                raise ImageError("was not fetched: nothing is")
            if is_gone(self.path):
                raise ImageError("the picture is not there any more")
            content = read_file(self.path, most_bytes=MOST_BYTES, error=ImageError)
        # Only what was attached is taken, so that no file can be brought in by its name alone.
        if hashlib.sha256(content).hexdigest() != self.digest:
            raise ImageError("the picture was changed since")
        return content
