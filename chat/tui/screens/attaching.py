"""How the conversation screen comes by pictures: dropped, typed, chosen, or the samples of an empty conversation."""

from collections.abc import Callable, Sequence
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING

from textual import on, work
from textual.message import Message

from chat.attachments import dropped_paths
from chat.conversation import Image
from chat.errors import ChatError
from chat.generation import GenerationSettings, Loader
from chat.images import open_image
from chat.records import Draft
from chat.safe_text import short_line
from chat.tui.screens.talk import TalkScreen
from chat.tui.widgets.composer import Composer
from chat.tui.widgets.message_input import MessageInput

if TYPE_CHECKING:
    from chat.tui.widgets.welcome import Welcome


class Origin(Enum):
    """How paths were given; it decides what becomes of the text they were given in."""

    CHOSEN = "chosen in a list"
    PASTED = "pasted into the message"
    TYPED = "typed as the message or behind a command"


class PicturesOpened(Message):
    """Files were read as pictures, as far as they are pictures."""

    def __init__(self, images: Sequence[Image], problems: Sequence[str], origin: Origin, text: str) -> None:
        super().__init__()
        self.images = images
        self.problems = problems
        self.origin = origin
        self.text = text
        """What was pasted or typed."""


class SamplesOpened(Message):
    """The sample pictures were read."""

    def __init__(self, samples: Sequence[Image]) -> None:
        super().__init__()
        self.samples = samples


class AttachingScreen(TalkScreen):
    """Turns paths into pictures of the message being written."""

    def __init__(
        self,
        *,
        load: Loader,
        checkpoint: str,
        is_demonstration: bool,
        settings: GenerationSettings,
        samples: Callable[[], Sequence[Image]],
    ) -> None:
        super().__init__(load=load, checkpoint=checkpoint, is_demonstration=is_demonstration, settings=settings)
        self._find_samples = samples
        self._welcome: Welcome | None = None
        self._sample: Image | None = None
        self._wants_sample = False
        """Whether a sample is to be attached as soon as there is one."""

    @property
    def welcome(self) -> "Welcome":
        """What an empty conversation shows."""
        if self._welcome is None:
            raise RuntimeError("the welcome comes after the first frame")
        return self._welcome

    def draft_to_keep(self) -> Draft:
        """The message being written, without a sample picture that nobody asked for."""
        draft = self.composer.draft
        return Draft() if self._is_bare_sample(draft) else draft

    def _is_bare_sample(self, draft: Draft) -> bool:
        return self._sample is not None and draft.images == (self._sample,) and not draft.text.strip()

    def attach_paths(self, paths: Sequence[Path], origin: Origin = Origin.CHOSEN, text: str = "") -> None:
        """Read files and attach them."""
        self.say_nothing()
        self._open_pictures(paths, origin, text)

    @work(thread=True, group="open", exit_on_error=False)
    def _open_pictures(self, paths: Sequence[Path], origin: Origin, text: str) -> None:
        images: list[Image] = []
        problems: list[str] = []
        for path in paths:
            try:
                images.append(open_image(path))
            except ChatError as error:
                problems.append(str(error))
        self.post_message(PicturesOpened(images, problems, origin, text))

    @on(PicturesOpened)
    async def _attach_opened(self, message: PicturesOpened) -> None:
        composer = self.composer
        if message.origin is Origin.PASTED and not message.images:
            # What was pasted is a path, but of no picture: then it is text.
            composer.insert(message.text)
        if message.origin is Origin.TYPED and message.problems:
            await composer.put_back(Draft(message.text), self.session.next_number)
        if message.images and self._is_bare_sample(composer.draft):
            # Whoever brings a picture does not ask about the sample.
            await composer.show_draft(Draft(), self.session.next_number)
        await composer.attach(message.images)
        if message.problems:
            rest = f" (and {len(message.problems) - 1} more)" if len(message.problems) > 1 else ""
            self.say(short_line(message.problems[0]) + rest)
        composer.focus_text()

    @on(MessageInput.Pasted)
    def _take_pasted(self, message: MessageInput.Pasted) -> None:
        if paths := dropped_paths(message.text):
            self.attach_paths(paths, Origin.PASTED, message.text)
        else:
            self.composer.insert(message.text)

    @on(Composer.Submitted)
    async def _take_message(self, message: Composer.Submitted) -> None:
        draft = message.draft
        if self._session is None:
            # Faster than the store was opened: nothing is lost, the next enter sends it.
            await self.composer.put_back(draft, 1)
            return
        # A space in front says that it is meant as a text.
        is_path = not draft.text.startswith(" ") and "\n" not in draft.text.strip()
        if is_path and (paths := dropped_paths(draft.text)):
            await self.composer.put_back(Draft("", draft.images), self.session.next_number)
            self.attach_paths(paths, Origin.TYPED, draft.text)
        elif self._is_bare_sample(draft):
            await self.submit(Draft(self.welcome.first_example, draft.images))
        else:
            await self.submit(draft)

    @work(thread=True, group="samples", exit_on_error=False)
    def open_samples(self) -> None:
        """Read the sample pictures."""
        try:
            samples = self._find_samples()
        except ChatError:
            # Nobody asked for them: without samples the welcome shows its words alone.
            samples = ()
        self.post_message(SamplesOpened(samples))

    @on(SamplesOpened)
    async def _show_samples(self, message: SamplesOpened) -> None:
        await self.welcome.show_samples(message.samples)
        self._sample = self.welcome.shown_sample
        if self._wants_sample and self._sample is not None and not self.session.turns and not self.composer.draft:
            self._wants_sample = False
            await self.composer.attach([self._sample])
            self.composer.suggest(self.welcome.first_example)

    async def on_welcome_sample_chosen(self, message: "Welcome.SampleChosen") -> None:
        """Attach the sample in view in the place of the one before."""
        previous, self._sample = self._sample, message.image
        if previous is not None:
            await self.composer.replace_image(previous, message.image)
            if self._is_bare_sample(self.composer.draft):
                self.composer.suggest(self.welcome.first_example)

    async def on_welcome_asked(self, message: "Welcome.Asked") -> None:
        """Send an example with the sample picture, or with the pictures that are attached."""
        written = self.composer.draft
        images = written.images or ((self._sample,) if self._sample else ())
        await self.composer.show_draft(Draft(written.text), self.session.next_number)
        await self.submit(Draft(message.text, images))
        self.composer.focus_text()

    def on_examples_left(self) -> None:
        """Come back to the message."""
        self.composer.focus_text()
