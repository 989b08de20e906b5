"""What is being read as pictures for a message, and what is told when it has been."""

import threading
from collections.abc import Sequence
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING

from textual.message import Message

from chat.conversation import Image
from chat.tui.widgets.message_input import Place

# The first frame does without.
if TYPE_CHECKING:
    from chat.talk.open_session import OpenSession


class Origin(Enum):
    """How pictures were given; it decides what becomes of the text they were given in."""

    CHOSEN = "chosen in a list"
    PASTED = "pasted into the message"
    TYPED = "typed as the message or behind a command"


class Opening:
    """Files, an address or the clipboard, being read as pictures for a message."""

    def __init__(
        self,
        session: "OpenSession | None",
        origin: Origin = Origin.CHOSEN,
        *,
        paths: Sequence[Path] = (),
        text: str = "",
        url: str = "",
        place: Place | None = None,
    ) -> None:
        self.session = session
        """Whose message they are for; None where there was none yet."""
        self.origin = origin
        self.paths = paths
        self.text = text
        """What was pasted or typed."""
        self.url = url
        """The address that a picture is fetched from."""
        self.place = place
        """Where in the message the text goes, if that is what it turns out to be."""
        self.stop = threading.Event()
        """Set when nobody waits any more."""

    @property
    def name(self) -> str:
        """What is being read, in words."""
        return ", ".join(path.name for path in self.paths) or self.url or "the clipboard"


class PicturesOpened(Message):
    """What was given was read as pictures, as far as there are any in it."""

    def __init__(
        self, opening: Opening, images: Sequence[Image], problems: Sequence[str], unread: Sequence[str] = ()
    ) -> None:
        super().__init__()
        self.opening = opening
        self.images = images
        self.problems = problems
        self.unread = unread
        """Names of the files that are no pictures."""


class SamplesOpened(Message):
    """The sample pictures were read."""

    def __init__(self, samples: Sequence[Image]) -> None:
        super().__init__()
        self.samples = samples
