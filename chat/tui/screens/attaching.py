"""How the conversation screen comes by pictures: dropped, typed, chosen, or the samples of an empty conversation."""

import shlex
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from textual import on, work

from chat.attachments import dropped_paths, leading_pictures, missing_picture
from chat.conversation import Image
from chat.drafts import Draft
from chat.errors import ChatError
from chat.generation import GenerationSettings
from chat.loading import Loader
from chat.safe_text import short_line
from chat.tui.pictures import PICTURES
from chat.tui.screens.choosing import ChoosingScreen
from chat.tui.screens.openings import Opening, Origin, PicturesOpened, SamplesOpened
from chat.tui.widgets.composer import Composer
from chat.tui.widgets.message_input import MessageInput

if TYPE_CHECKING:
    from chat.talk.open_session import OpenSession
    from chat.tui.widgets.welcome import Welcome


class AttachingScreen(ChoosingScreen):
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
        self._openings: list[Opening] = []
        self._held_text: str | None = None
        """The message that is to be sent with the pictures that are being read."""

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

    def paths_to_keep(self) -> Draft:
        """The names of files that are being read, as a message may begin with them."""
        typed = [opening for opening in self._openings if opening.text and self._is_shown(opening.session)]
        names = [shlex.quote(str(path)) for opening in typed for path in opening.paths]
        return Draft(" ".join([*names, *(opening.url for opening in typed if opening.url)]))

    def forget_typed(self) -> None:
        """Leave files that are being read to the draft that has their names."""
        self._openings = [opening for opening in self._openings if not opening.text]

    def _is_bare_sample(self, draft: Draft) -> bool:
        return self._sample is not None and draft.images == (self._sample,) and not draft.text.strip()

    def attach_paths(self, paths: Sequence[Path], origin: Origin = Origin.CHOSEN, text: str = "") -> None:
        """Read files and attach them."""
        opening = Opening(self._session, origin, paths=paths, text=text)
        self.begin_opening(opening)
        self._open_pictures(opening)

    def begin_opening(self, opening: Opening) -> None:
        """Wait for pictures; what answers is `PicturesOpened`."""
        if self._held_text is None:
            self.say_nothing()
        self._openings.append(opening)

    @work(thread=True, group="open")
    def _open_pictures(self, opening: Opening) -> None:
        images: list[Image] = []
        problems: list[str] = []
        unread: list[str] = []
        for path in opening.paths:
            try:
                images.append(PICTURES.open(path))
            except ChatError as error:
                problems.append(str(error))
                unread.append(path.name)
        self.post_message(PicturesOpened(opening, images, problems, unread))

    @on(PicturesOpened)
    async def _take_opened(self, message: PicturesOpened) -> None:
        if message.opening not in self._openings:
            return
        self._openings.remove(message.opening)
        if self._is_shown(message.opening.session):
            await self._attach_opened(message)
        else:
            name = short_line(message.opening.name, 60)
            self.say(f"{name} was not attached: another conversation is open now.")

    async def _attach_opened(self, message: PicturesOpened) -> None:
        composer, opening, session = self.composer, message.opening, self._session
        held, self._held_text = self._held_text, None
        is_as_held = held == composer.draft.text
        if opening.origin is Origin.PASTED and not message.images:
            # What was pasted is a path, but of no picture: then it is text.
            composer.insert(opening.text, opening.place)
        if opening.origin is Origin.TYPED and message.problems:
            await composer.put_back(Draft(opening.text), self._next_number)
        if message.images and self._is_bare_sample(composer.draft):
            # Whoever brings a picture does not ask about the sample.
            await composer.show_draft(Draft(), self._next_number)
        again = await composer.attach(message.images)
        if opening.url and message.images:
            composer.put_in_place(opening.url, message.images[0])
        await composer.show_unread(message.unread)
        if session is not self._session:
            # What is written there is another message, and nobody has asked to send it.
            return
        composer.focus_text()
        if message.problems:
            self.say(self._problem_in_words(message))
        elif held is not None:
            await self._go_on_with(held if is_as_held else None)
        elif again:
            self.say(f"{short_line(again[0].name, 60)} is attached already.", is_problem=False)

    def _problem_in_words(self, message: PicturesOpened) -> str:
        problems = message.problems
        rest = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        was_named = message.opening.paths or message.opening.url
        kept = " · the draft is kept" if was_named and self.composer.draft else ""
        return short_line(problems[0]) + rest + kept

    async def _go_on_with(self, held: str | None) -> None:
        """Send the message that waited for pictures; None where it was changed, so that half a thought is not sent."""
        if held is None:
            self.say("The picture is attached; enter sends the message as it is now.", is_problem=False)
        elif self.is_reading:
            self._held_text = held
        else:
            await self.submit(self.composer.take())

    async def _hold(self, draft: Draft) -> None:
        """Let a message wait in its place for the pictures that are being read."""
        await self.composer.put_back(draft, self._next_number)
        self._held_text = None if self._is_bare_sample(draft) else self.composer.draft.text
        self.say("Reading the picture; the message goes with it.", is_problem=False)

    def leave_pictures_out(self) -> bool:
        """Wait for no picture any more that is fetched or that a message waits for; tells whether one was."""
        left = [opening for opening in self._openings if self._held_text is not None or opening.url]
        if not left:
            return False
        for opening in left:
            opening.stop.set()
            self._openings.remove(opening)
        held, self._held_text = self._held_text, None
        after = "; enter sends the message without it" if held is not None else ""
        self.say(f"The picture is left out{after}.", is_problem=False)
        return True

    @property
    def is_reading(self) -> bool:
        """Whether a picture of the message being written is being read."""
        return any(self._is_shown(opening.session) for opening in self._openings)

    def _is_shown(self, session: "OpenSession | None") -> bool:
        if session is None or session is self._session:
            return True
        return session.id is not None and self._session is not None and session.id == self._session.id

    @property
    def _next_number(self) -> int:
        return self.session.next_number if self._session is not None else 1

    def put_away(self) -> None:
        """Keep everything as it is; a message that waited for pictures is a draft again, and none is fetched."""
        self._held_text = None
        for opening in self._openings:
            opening.stop.set()
        super().put_away()

    @on(MessageInput.Dropped)
    def _take_dropped(self, message: MessageInput.Dropped) -> None:
        self.attach_paths(message.paths, Origin.PASTED, message.text)

    @on(Composer.Submitted)
    async def _take_message(self, message: Composer.Submitted) -> None:
        draft = message.draft
        if self._session is None:
            # Faster than the store was opened: nothing is lost, the next enter sends it.
            await self.composer.put_back(draft, 1)
            return
        if await self._takes_paths(draft):
            return
        if self.is_reading:
            await self._hold(draft)
        elif self._is_bare_sample(draft):
            await self.submit(Draft(self.welcome.first_example, draft.images))
        else:
            await self.submit(draft)

    async def _takes_paths(self, draft: Draft) -> bool:
        """Attach what a message names: a path alone, or pictures that it begins with and that the rest goes with."""
        # A space in front says that it is meant as a text.
        if draft.text.startswith(" "):
            return False
        is_line = "\n" not in draft.text.strip()
        paths, rest = (dropped_paths(draft.text) if is_line else []), ""
        if not paths:
            paths, rest = leading_pictures(draft.text)
        if missing := missing_picture(rest if paths else draft.text):
            await self.composer.put_back(draft, self.session.next_number)
            self.say(f"{short_line(str(missing), 60)}: there is no such file; a space in front sends it as text.")
            return True
        if not paths:
            return False
        # Whoever brings a picture does not ask about the sample.
        images = () if rest and draft.images == (self._sample,) else draft.images
        self.attach_paths(paths, Origin.TYPED, draft.text.rstrip().removesuffix(rest).strip() if rest else draft.text)
        await self.composer.put_back(Draft(rest, images), self.session.next_number)
        if rest:
            self._held_text = self.composer.draft.text
            self.say("Reading the picture; the message goes with it.", is_problem=False)
        return True

    async def submit(self, *drafts: Draft) -> None:
        """Send messages, or let them wait."""
        if self._is_bare_sample(self.composer.draft):
            # It came between the key and this call.
            self.composer.take()
        await super().submit(*drafts)

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
        await self.offer_sample()

    async def offer_sample(self) -> None:
        """Attach the sample in view to the first message of a conversation, where that is not begun yet."""
        is_begun = self.composer.draft or self._openings or not self.session.is_empty
        if self._sample is not None and not is_begun:
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
        if self.is_reading:
            self.say("The picture is still being read: ask when it is attached.", is_problem=False)
            return
        images = self.composer.take_images() or ((self._sample,) if self._sample else ())
        await self.submit(Draft(message.text, images))
        self.composer.focus_text()

    def on_examples_left(self) -> None:
        """Come back to the message."""
        self.composer.focus_text()
