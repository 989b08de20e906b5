"""What tasks give: a text for one picture or several, and the reply it was taken from.

A task is prepared as `Asked` values, which whoever wants the text piece by piece can run for themselves.
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from chat.conversation import Image
from chat.errors import ChatError, GenerationError, UsageError
from chat.generation import NO_REPLY, Chunk, GenerationSettings, Reply, StopReason, TextGenerator
from chat.images import open_image, read_later
from chat.prompt import Prompt
from chat.session import continued
from chat.tasks.batching import replies

Picturable = Image | str | Path
"""A picture, or the file that holds one."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a task gives for a picture, or for several together."""

    images: tuple[Image, ...]
    text: str
    """The reply as the task is to be read: a caption with what it was to begin with, an answer's first line."""
    reply: Reply
    """As the model gave it."""
    is_cut: bool = False
    """Whether the text ended before the model had finished it."""

    @property
    def image(self) -> Image:
        """The first of its pictures."""
        return self.images[0]


@dataclass(frozen=True, slots=True)
class Asked:
    """One thing that is asked of a model for a task."""

    images: tuple[Image, ...]
    """What it is asked about; the prompt may show others as examples."""
    prompt: Prompt
    settings: GenerationSettings
    prefix: str = ""
    """What the text begins with and the model goes on from."""
    is_line: bool = False
    """Whether the first line is the answer, whatever the model says after it."""

    def text_of(self, said: str) -> str:
        """The text where the model has said this much; what is said later only adds to it."""
        if self.is_line:
            return said.lstrip().partition("\n")[0].rstrip()
        return continued(self.prefix, said)

    def answer(self, reply: Reply) -> Answer:
        """What the whole reply gives."""
        has_ended = self.is_line and "\n" in reply.text.lstrip()
        is_cut = reply.stop_reason.is_cut and (reply.stop_reason is StopReason.CANCELLED or not has_ended)
        return Answer(self.images, self.text_of(reply.text), reply, is_cut)


def pictures(images: Sequence[Picturable] | Picturable) -> list[Image]:
    """The pictures; those of files are opened, and called as the files were named, to be told apart.

    Raises:
        ImageError: A file holds none.
        UsageError: There are none.
    """
    given = [images] if isinstance(images, Image | str | Path) else list(images)
    if not given:
        raise UsageError("there is no picture: name one or more")
    return [one if isinstance(one, Image) else read_later(open_image(one, str(one)), one) for one in given]


def answers(
    generator: TextGenerator,
    asked: Sequence[Asked],
    stop: threading.Event | None = None,
    told: Callable[[str], None] | None = None,
) -> Iterator[Answer]:
    """Yield what a model answers, in the order asked: one alone as it would in a conversation, several as a batch.

    Args:
        generator: A loaded checkpoint.
        asked: What it is asked.
        stop: Ends the answer at hand when it is set; there are none after it.
        told: Given what is new in the text of one alone, as it is said.

    Raises:
        GenerationError: The model failed; the answers yielded so far are whole.
    """
    stop = stop or threading.Event()
    if len(asked) == 1:
        yield asked[0].answer(_reply(generator, asked[0], stop, told or _tell_nobody))
        return
    requests = [(one.prompt, one.settings) for one in asked]
    for one, reply in zip(asked, replies(generator, requests, stop), strict=False):
        if isinstance(reply, ChatError):
            raise reply
        yield one.answer(reply)


def _tell_nobody(_: str) -> None:
    pass


def _reply(generator: TextGenerator, asked: Asked, stop: threading.Event, told: Callable[[str], None]) -> Reply:
    said, shown = "", ""
    for piece in generator.generate(asked.prompt, asked.settings, stop):
        if isinstance(piece, Reply):
            return piece
        if isinstance(piece, Chunk):
            said += piece.text
            text = asked.text_of(said)
            told(text[len(shown) :])
            shown = text
    raise GenerationError(NO_REPLY)
