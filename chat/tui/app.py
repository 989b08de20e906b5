"""The application: it wires the conversation screen to the store, the model and the terminal."""

import asyncio
import gc
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, ClassVar, Final

from textual import on
from textual.app import App
from textual.binding import BindingType
from textual.dom import DOMNode
from textual.driver import Driver
from textual.reactive import Initialize, Reactive
from textual.screen import Screen
from textual.theme import Theme
from textual.widget import Widget

from chat.config import Config, unknown
from chat.conversation import Image
from chat.errors import ChatError, StoreError
from chat.generation import GenerationSettings, Loader
from chat.safe_text import printable
from chat.tui import garbage
from chat.tui.binding import Binding
from chat.tui.driver import patient, plain
from chat.tui.ending import Ending
from chat.tui.glyphs import ASCII, GLYPHS
from chat.tui.messages import QuitWanted
from chat.tui.pictures import picture_mode
from chat.tui.screens.chat import ChatScreen
from chat.tui.themes import DEFAULT_VARIABLES, INK, PAPER

# Needed with the first other checkpoint, and not for the first frame.
if TYPE_CHECKING:
    from chat.session import SessionStore
    from chat.talk.offers import Catalogue

STYLES: Final = Path(__file__).with_name("styles")
"""A folder with the rules that the first frame does without."""
WIDTHS: Final = ((0, "-narrow"), (100, "-normal"), (160, "-wide"))
"""Classes of the screens by columns."""
HEIGHTS: Final = ((0, "-tiny"), (12, "-short"), (30, "-tall"))
"""Classes of the screens by rows."""
SETTLE_S: Final = 0.5
"""Seconds that keys pressed before the one to leave may take at most."""
PROGRAM_ERROR: Final = 4
"""Exit code of an error that nobody caught."""
NO_CONFIG: Final = Config()
"""Nothing is set."""
TOLD_S: Final = 8.0
"""Seconds that problems with the config are shown."""
MOST_TOLD: Final = 3
"""Problems with the config that are shown."""


def _no_samples() -> Sequence[Image]:
    return ()


class ChatApp(App[ChatError]):
    """Talk about pictures. It returns the error that ended it, or None."""

    CSS_PATH: ClassVar[str | PurePath | list[str | PurePath] | None] = "first.tcss"
    TITLE = "idefics-chat"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+q", "quit", "Quit", show=False, priority=True, tooltip="Leave; everything is kept"),
        Binding("ctrl+c", "help_quit", show=False, system=True, tooltip="Copy what is selected"),
        Binding(
            "ctrl+p", "command_palette", "palette", show=False, priority=True, tooltip="Find a command by its words"
        ),
    ]

    def _first_theme(self) -> str:
        """The one that the config names; changing it later would parse every rule once more."""
        named = self._config.values.get("theme")
        return named if isinstance(named, str) and named in self.available_themes else INK.name

    theme: Reactive[str] = Reactive(Initialize(_first_theme))

    _themes: dict[str, Theme] | None = None

    def __init__(
        self,
        *,
        open_store: "Callable[[], SessionStore]",
        load: Loader,
        checkpoint: str,
        is_demonstration: bool,
        settings: GenerationSettings,
        session_id: str | None = None,
        continue_latest: bool = False,
        images: Sequence[Image] = (),
        samples: Callable[[], Sequence[Image]] = _no_samples,
        catalogue: "Callable[[], Catalogue] | None" = None,
        config: Config = NO_CONFIG,
    ) -> None:
        """Prepare the program; nothing is opened or loaded before its first frame.

        Args:
            open_store: Opens the store; called on the thread of the UI.
            load: Loads the checkpoint; called on another thread.
            checkpoint: Its name.
            is_demonstration: Whether it is the bundled one, which knows little.
            settings: How replies are generated.
            session_id: The session to show; a prefix of its id will do.
            continue_latest: Show the session that was changed last.
            images: Pictures to attach to the first message.
            samples: Gives the sample pictures of an empty conversation.
            catalogue: Opens what knows which other checkpoints there are; called when somebody asks for them.
            config: What the user has set of the UI: its theme, its keys and the editor.
        """
        # Nothing that the first frame makes is garbage; looking for it would take a tenth of the time.
        gc.disable()
        self._config = config
        self._ending = Ending()
        self._quitting: asyncio.Task[None] | None = None
        """Held here, since the event loop itself holds no task."""
        self._has_left = False
        """Whether the program ends because somebody wanted it to."""
        picture_mode()
        super().__init__()
        self.HORIZONTAL_BREAKPOINTS, self.VERTICAL_BREAKPOINTS = list(WIDTHS), list(HEIGHTS)
        self._open_store = open_store
        self._session_id = session_id
        self._continue_latest = continue_latest
        self._images = images
        self._chat = ChatScreen(
            load=load, checkpoint=checkpoint, is_demonstration=is_demonstration, settings=settings, samples=samples
        )
        self._chat.open_catalogue = catalogue
        self._chat.configured_editor = str(config.values.get("editor", ""))
        self._chat.lent_terminal = self._ending.lent
        if GLYPHS is ASCII:
            self.add_class("-ascii")

    @property
    def available_themes(self) -> dict[str, Theme]:
        """Our own themes before Textual's; here, because registering them later parses every rule once more."""
        if self._themes is None:
            self._themes = {INK.name: INK, PAPER.name: PAPER, **super().available_themes}
        return self._themes

    @property
    def failure(self) -> Exception | None:
        """What ended the program although nobody meant it to: an error that nobody caught."""
        from textual.worker import WorkerFailed

        error = self._exception
        return error.error if isinstance(error, WorkerFailed) and isinstance(error.error, Exception) else error

    def get_theme_variable_defaults(self) -> dict[str, str]:
        """Our own colours for themes that do not know them."""
        return dict(DEFAULT_VARIABLES)

    def get_driver_class(self) -> type[Driver]:
        """Textual's own, which takes any byte from the terminal and writes no sign that it does not show."""
        driver = patient(super().get_driver_class())
        return plain(driver) if GLYPHS is ASCII else driver

    def get_default_screen(self) -> Screen[None]:
        """The conversation."""
        return self._chat

    def on_mount(self) -> None:
        """Draw first, then open the store."""
        if not self.is_headless:
            self._ending.listen(self._quit_by_signal)
        self.call_after_refresh(self._begin)

    async def _begin(self) -> None:
        gc.enable()
        self.stylesheet.read_all(sorted(STYLES.glob("*.tcss")))
        self.refresh_css(animate=False)
        try:
            store = self._open_store()
            session_id = self._session_id
            if session_id is None and self._continue_latest and (latest := store.latest_session()):
                session_id = latest.id
            await self._chat.begin(store, session_id, self._images)
        except ChatError as error:
            self.exit(error, return_code=error.exit_code)
        else:
            self._configure()
        # What is there by now stays to the end.
        garbage.set_aside()

    def on_unmount(self) -> None:
        """The program that runs this may go on, and its garbage is nobody else's."""
        garbage.release()

    def _configure(self) -> None:
        """Take the keys that the user has set, and tell what cannot be used of the config."""
        problems = [*self._config.problems]
        if (theme := self._config.values.get("theme")) and theme != self.theme:
            problems.append(self._config.placed("theme", unknown("theme", str(theme), [*self.available_themes])))
        if self._config.keys:
            # Imports every screen.
            from chat.tui.keys import keymap_for

            keymap, clashes = keymap_for(self._config)
            self.set_keymap({action: ",".join(keys) for action, keys in keymap.items()})
            problems += clashes
        if problems:
            more = [f"and {len(problems) - MOST_TOLD} more: idefics-chat config"] if len(problems) > MOST_TOLD else []
            told = "\n".join([*problems[:MOST_TOLD], *more])
            self.notify(printable(told), severity="warning", timeout=TOLD_S, markup=False)

    def action_command_palette(self) -> None:
        """Show what can be done, to be found by its words.

        In the place of Textual's own, which ends the program where keys come faster than it opens and closes.
        """
        from chat.tui.screens.help import PaletteScreen
        from chat.tui.screens.lookup import LookupScreen

        if not isinstance(self.screen, LookupScreen):
            self.push_screen(PaletteScreen(self.screen.active_bindings))

    def action_help_quit(self) -> None:
        """Tell how to leave; the usual key for it copies here."""
        self._chat.say("ctrl+q leaves; ctrl+c copies what is selected.", is_problem=False)

    async def run_action(
        self,
        action: str | tuple[str, str, tuple[object, ...]],
        default_namespace: DOMNode | None = None,
        namespaces: Mapping[str, DOMNode] | None = None,
    ) -> bool:
        """Do what a key asks, unless what it is for does not have all its parts yet, or any more."""
        if isinstance(default_namespace, Widget) and not (
            default_namespace.is_mounted and default_namespace.is_attached
        ):
            return False
        return await super().run_action(action, default_namespace, namespaces)

    async def action_quit(self) -> None:
        """Leave; everything is kept, or it is said first that it cannot be."""
        asked_at = time.monotonic()
        await self._settle()
        await self._quit_in_turn(asked_at)

    @on(QuitWanted)
    async def _quit_by_command(self) -> None:
        await self._quit_in_turn(time.monotonic())

    async def _quit_in_turn(self, asked_at: float) -> None:
        if self._chat.leave(asked_at):
            self._leave(0)
            return
        while self.screen is not self._chat:
            # What has to be said is said there.
            await self.pop_screen()

    async def _settle(self) -> None:
        """Wait until the keys that were pressed before have had their effect: this one has overtaken them.

        What a widget makes of a key goes from queue to queue, and joins each behind what waits there already.
        """
        pumps = [*(self.focused or self._chat).ancestors_with_self][:-1]
        with suppress(TimeoutError):
            async with asyncio.timeout(SETTLE_S):
                for pump in pumps * len(pumps):
                    is_through = asyncio.Event()
                    pump.call_later(is_through.set)
                    await is_through.wait()

    def _handle_exception(self, error: Exception) -> None:
        """Keep everything and leave after an error that nobody caught; `failure` is for whoever ran the program.

        In the place of Textual's own, which prints the program's insides and ends with the code of a found difference.
        """
        if self._exception is not None or self._has_left:
            # Everything is kept by then, and screens that are taken apart cannot do what a late key asks.
            return
        # As Textual does it, for the sake of its test pilot, which raises this error again.
        self._exception = error
        self._exception_event.set()
        failure = self.failure
        self._return_code = failure.exit_code if isinstance(failure, ChatError) else PROGRAM_ERROR
        if not self.is_headless:
            self._ending.limit(self._return_code, f"idefics-chat: an error of the program: {type(failure).__name__}\n")
        # What failed may be what is needed to keep things; the program ends all the same.
        with suppress(Exception):
            self._chat.put_away()
        self._chat.close_model()
        self._close_messages_no_wait()

    def _quit_by_signal(self, exit_code: int) -> None:
        self._quitting = asyncio.create_task(self._quit_settled(exit_code))

    async def _quit_settled(self, exit_code: int) -> None:
        await self._settle()
        self._chat.put_away()
        self._leave(exit_code)

    def _leave(self, exit_code: int) -> None:
        """End the program, with a line about what could not be kept."""
        self._has_left = True
        lost = StoreError(f"not everything is saved: {self._chat.not_saved}") if self._chat.not_saved else None
        exit_code = exit_code or (lost.exit_code if lost else 0)
        if not self.is_headless:
            self._ending.limit(exit_code, f"idefics-chat: {lost}\n" if lost else "")
        self._chat.close_model()
        self.exit(lost, return_code=exit_code)
