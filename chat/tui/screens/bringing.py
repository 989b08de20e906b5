"""How pictures come from elsewhere: from the clipboard, from an address of the web, or chosen among files."""

import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Final

from textual import on
from textual.binding import BindingType
from textual.message import Message

from chat.attachments import address_of, dropped_paths, url_in
from chat.conversation import Conversation, Image, user_turn
from chat.errors import ChatError, StoreError
from chat.safe_text import short_line
from chat.talk.commands import Call, is_command
from chat.talk.wording import count_in_words
from chat.tui.binding import Binding
from chat.tui.screens.openings import Opening, Origin, PicturesOpened
from chat.tui.screens.tasks import TaskScreen
from chat.tui.widgets.composer import Composer
from chat.tui.widgets.message_input import MessageInput, Place

# Looked into when somebody pastes.
if TYPE_CHECKING:
    from chat.clipboard import Clipboard

URL_HINT: Final = "enter sends text · ctrl+o fetches the picture"


class ClipboardRead(Message):
    """The clipboard was looked into."""

    def __init__(self, opening: Opening, found: "Clipboard") -> None:
        super().__init__()
        self.opening = opening
        self.found = found


class BringingScreen(TaskScreen):
    """Asks the clipboard and the web, each time because somebody said so and never otherwise."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+v", "paste", "Paste", show=False, tooltip="Attach the picture in the clipboard, or paste text"),
    ]

    _told_url = ""
    """The address that the hint was shown for."""

    # Chosen among files

    def action_attach(self) -> None:
        """Fetch the picture whose address stands in the message, or choose some among the files."""
        text = self.composer.draft.text
        if (url := url_in(text)) and not is_command(text):
            self.fetch(url)
            return
        from chat.tui.screens.attach import AttachScreen, Chosen

        def attach(chosen: Chosen | None) -> None:
            if chosen is not None and chosen.is_from_clipboard:
                self.action_paste()
            elif chosen is not None and chosen.paths:
                self.attach_paths(chosen.paths)

        self.app.push_screen(AttachScreen(self._seen_in_words), attach)

    def _seen_in_words(self, image: Image) -> str:
        """What the model sees of a picture and what that costs; nothing where nobody can tell. On another thread."""
        from chat.talk.said import prompt_of

        generator = self._generator
        if generator is None or not generator.facts.image_size:
            return ""
        without, side = user_turn("a"), generator.facts.image_size
        tokens, alone = (
            generator.count_tokens(prompt_of(Conversation((turn,)), generator))
            for turn in (user_turn(image, "a"), without)
        )
        return f"model sees {side}×{side}, cost {count_in_words(tokens - alone, 'token')}"

    async def command_image(self, call: Call) -> None:
        """Attach pictures by their paths, fetch one, or choose some."""
        typed = f"/{call.name} {call.argument}"
        if address := address_of(call.argument):
            self.fetch(address.url, may_be_local=address.may_be_local, typed=typed)
        elif call.argument:
            paths = dropped_paths(call.argument) or [Path(call.argument)]
            self.attach_paths(paths, Origin.TYPED, typed)
        else:
            self.composer.focus_text()
            self.action_attach()

    # From the web

    def fetch(self, url: str, *, may_be_local: bool = False, typed: str = "") -> None:
        """Fetch a picture for the message being written.

        Args:
            url: Where it is.
            may_be_local: Also from this machine and its network.
            typed: The command it was asked for with, where it was one.
        """
        if any(opening.url == url for opening in self._openings):
            return
        opening = Opening(self._session, Origin.TYPED if typed else Origin.CHOSEN, text=typed, url=url)
        self.begin_opening(opening)
        self.say(f"Fetching {short_line(url, 60)} · esc leaves it", is_problem=False)

        def fetched() -> Message:
            # Here, because the first frame does without.
            from chat.fetching import fetch_image

            try:
                image = fetch_image(url, opening.stop, may_be_local=may_be_local)
            except ChatError as error:
                return PicturesOpened(opening, (), (str(error),))
            return PicturesOpened(opening, (image,), ())

        self._beside(fetched)

    @on(Composer.Changed)
    def _tell_of_url(self) -> None:
        """Say what can be done with an address, once for each; it is fetched for nobody who does not ask."""
        text = self.composer.draft.text
        url = "" if is_command(text) else url_in(text)
        if url == self._told_url:
            return
        self._told_url = url
        if url:
            self.say(URL_HINT, is_problem=False)
        elif self._notice is not None and self._notice.text == URL_HINT:
            self.say_nothing()

    # From the clipboard

    def action_paste(self) -> None:
        """Attach the picture in the clipboard, or paste its text."""
        self._paste(None)

    async def command_paste(self, _: Call) -> None:
        """Attach the picture in the clipboard, or paste its text."""
        self._paste(None)

    @on(MessageInput.PasteWanted)
    def _paste_at(self, message: MessageInput.PasteWanted) -> None:
        self._paste(message.place)

    def _paste(self, place: Place | None) -> None:
        from chat.clipboard import read_clipboard

        opening = Opening(self._session, Origin.PASTED, place=place)
        self.begin_opening(opening)
        self._beside(lambda: ClipboardRead(opening, read_clipboard()))

    @on(ClipboardRead)
    async def _take_clipboard(self, message: ClipboardRead) -> None:
        opening, found = message.opening, message.found
        if opening not in self._openings:
            return
        if found.image is not None or not self._is_shown(opening.session):
            await self._take_opened(PicturesOpened(opening, (found.image,) if found.image else (), ()))
            return
        if found.paths:
            self._openings.remove(opening)
            self.attach_paths(found.paths)
            return
        # What was copied inside the program is in the clipboard too, where the terminal has let it in.
        opening.text = self.app.clipboard or found.text
        if paths := dropped_paths(opening.text):
            self._openings.remove(opening)
            self.attach_paths(paths, Origin.PASTED, opening.text)
            return
        await self._take_opened(PicturesOpened(opening, (), () if opening.text else (found.problem,)))

    async def _attach_opened(self, message: PicturesOpened) -> None:
        await super()._attach_opened(message if message.opening.paths else self._kept(message))

    def _kept(self, message: PicturesOpened) -> PicturesOpened:
        """Pictures that are in no file of this machine, kept at once."""
        images = [self._kept_image(image) for image in message.images]
        return PicturesOpened(message.opening, images, message.problems, message.unread)

    def _kept_image(self, image: Image) -> Image:
        # What the store refuses is kept with the draft as soon as it takes that.
        with suppress(StoreError):
            if self._store is not None:
                return self._store.add_image(image.read(), image)
        return image

    def _beside(self, work: Callable[[], Message]) -> None:
        """Do something that takes long, on a thread that nobody waits for when the program ends."""

        def do() -> None:
            message = work()
            # The event loop may have ended since: then nobody is left to hear it.
            with suppress(RuntimeError):
                self.post_message(message)

        threading.Thread(target=do, name="bringing", daemon=True).start()
