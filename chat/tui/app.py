"""The application: it wires the conversation screen to the store, the model and the terminal."""

import gc
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, ClassVar, Final

from textual.binding import BindingType
from textual.dom import DOMNode
from textual.screen import Screen
from textual.widget import Widget

from chat.config import Config, unknown
from chat.conversation import Image
from chat.errors import ChatError
from chat.generation import GenerationSettings
from chat.loading import Loader
from chat.safe_text import printable
from chat.tui import garbage
from chat.tui.binding import Binding
from chat.tui.leaving import LeavingApp
from chat.tui.screens.chat import ChatScreen

# Needed with the first other checkpoint, and not for the first frame.
if TYPE_CHECKING:
    from chat.session import SessionStore
    from chat.talk.offers import Catalogue
    from chat.tui.updating import Update

STYLES: Final = Path(__file__).with_name("styles")
"""A folder with the rules that the first frame does without."""
NO_CONFIG: Final = Config()
"""Nothing is set."""
TOLD_S: Final = 8.0
"""Seconds that problems with the config are shown."""
MOST_TOLD: Final = 3
"""Problems with the config that are shown."""


def _no_samples() -> Sequence[Image]:
    return ()


class ChatApp(LeavingApp):
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

    def __init__(
        self,
        *,
        open_store: "Callable[[], SessionStore]",
        store_update: "Callable[[], Update | None]" = lambda: None,
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
            store_update: Gives what has to be done first where the store is of an earlier version.
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
        super().__init__(config)
        self._open_store, self._store_update = open_store, store_update
        self._session_id = session_id
        self._continue_latest = continue_latest
        self._images = images
        self.chat = ChatScreen(
            load=load, checkpoint=checkpoint, is_demonstration=is_demonstration, settings=settings, samples=samples
        )
        self.chat.open_catalogue = catalogue
        self.chat.configured_editor = str(config.values.get("editor", ""))
        self.chat.lent_terminal = self.ending.lent

    def get_default_screen(self) -> Screen[None]:
        """The conversation."""
        return self.chat

    def on_mount(self) -> None:
        """Draw first, then open the store."""
        self.listen_to_signals()
        self.call_after_refresh(self._begin)

    async def _begin(self) -> None:
        gc.enable()
        self.stylesheet.read_all(sorted(STYLES.glob("*.tcss")))
        self.refresh_css(animate=False)
        if (update := self._store_update()) is not None:
            # Not here: whatever is to be done with keys meanwhile waits for this to return.
            self.run_worker(self._begin_after(update))
            return
        await self._open()

    async def _begin_after(self, update: "Update") -> None:
        from chat.tui.updating import bring_up_to_date

        try:
            await bring_up_to_date(update, self.chat.show_preparing)
        except ChatError as error:
            self.exit(error, return_code=error.exit_code)
            return
        await self._open()

    async def _open(self) -> None:
        try:
            store = self._open_store()
            session_id = self._session_id
            if session_id is None and self._continue_latest and (latest := store.latest_session()):
                session_id = latest.id
            await self.chat.begin(store, session_id, self._images)
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
        self.chat.say("ctrl+q leaves; ctrl+c copies what is selected.", is_problem=False)

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
