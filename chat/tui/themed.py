"""How every program of ours looks in a terminal: its themes, its classes by the size of the window, its signs."""

from typing import Final

from textual.app import App
from textual.driver import Driver
from textual.reactive import Initialize, Reactive
from textual.theme import Theme

from chat.config import Config
from chat.errors import ChatError
from chat.tui.driver import patient, plain
from chat.tui.glyphs import ASCII, GLYPHS
from chat.tui.pictures import picture_mode
from chat.tui.themes import DEFAULT_VARIABLES, INK, PAPER

WIDTHS: Final = ((0, "-narrow"), (100, "-normal"), (160, "-wide"))
"""Classes of the screens by columns."""
HEIGHTS: Final = ((0, "-tiny"), (12, "-short"), (30, "-tall"))
"""Classes of the screens by rows."""


class ThemedApp(App[ChatError]):
    """An app in the themes of our own or of Textual. It returns the error that ended it, or None."""

    def _first_theme(self) -> str:
        """The one that the config names; changing it later would parse every rule once more."""
        named = self._config.values.get("theme")
        return named if isinstance(named, str) and named in self.available_themes else INK.name

    theme: Reactive[str] = Reactive(Initialize(_first_theme))

    _themes: dict[str, Theme] | None = None

    def __init__(self, config: Config) -> None:
        """Prepare the look; the terminal is asked what it can draw.

        Args:
            config: What the user has set.
        """
        self._config = config
        super().__init__()
        picture_mode()
        self.HORIZONTAL_BREAKPOINTS, self.VERTICAL_BREAKPOINTS = list(WIDTHS), list(HEIGHTS)
        if GLYPHS is ASCII:
            self.add_class("-ascii")

    @property
    def failure(self) -> Exception | None:
        """What ended the program although nobody meant it to: an error that nobody caught."""
        from textual.worker import WorkerFailed

        error = self._exception
        return error.error if isinstance(error, WorkerFailed) and isinstance(error.error, Exception) else error

    @property
    def available_themes(self) -> dict[str, Theme]:
        """Our own themes before Textual's; here, because registering them later parses every rule once more."""
        if self._themes is None:
            self._themes = {INK.name: INK, PAPER.name: PAPER, **super().available_themes}
        return self._themes

    def get_theme_variable_defaults(self) -> dict[str, str]:
        """Our own colours for themes that do not know them."""
        return dict(DEFAULT_VARIABLES)

    def get_driver_class(self) -> type[Driver]:
        """Textual's own, which takes any byte from the terminal and writes no sign that it does not show."""
        driver = patient(super().get_driver_class())
        return plain(driver) if GLYPHS is ASCII else driver
