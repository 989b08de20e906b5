"""A program that plays saved conversations back: one, or several to choose from. It has no model and no store."""

from collections.abc import Sequence
from pathlib import Path, PurePath
from typing import ClassVar, Final

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import Screen
from textual.widgets import Footer, OptionList, Static

from chat.config import Config
from chat.replay.branch import Named, RecordedBranch
from chat.safe_text import printable, short_line
from chat.talk.wording import count_in_words
from chat.tui.binding import Binding
from chat.tui.key_order import KeysInOrderApp
from chat.tui.screens.layer import SizedScreen
from chat.tui.screens.replay import ReplayScreen
from chat.tui.themed import ThemedApp
from chat.tui.widgets.choices import Choices

MOST_TITLE: Final = 40
"""Characters of a title in the list."""
STYLES: Final = Path(__file__).with_name("styles")


class RecordingsScreen(SizedScreen[None]):
    """The conversations, to choose one."""

    BINDINGS: ClassVar[list[BindingType]] = [
        # Before the list's own, which is not named below it.
        Binding("enter", "play_chosen", "Play", key_display="enter", priority=True, tooltip="Play the conversation"),
        Binding("escape,q", "app.quit", "Leave", tooltip="Leave"),
        Binding("f1", "help", "Help", tooltip="Show these keys"),
    ]
    AUTO_FOCUS = "OptionList"

    def __init__(self, named: Sequence[Named]) -> None:
        """A list.

        Args:
            named: The conversations.
        """
        super().__init__()
        self._named = named

    def compose(self) -> ComposeResult:
        """Title, list, keys."""
        with Vertical(id="recordings"):
            count = count_in_words(len(self._named), "conversation")
            yield Static(Content.assemble(("Replay", "bold"), f" · {count}"), id="recordings-title", markup=False)
            yield Choices(*(self._row(*named) for named in self._named))
        yield Footer(show_command_palette=False)

    def action_play_chosen(self) -> None:
        """Play the conversation that is chosen."""
        self.query_one(Choices).action_select()

    def action_help(self) -> None:
        """Show the keys of this screen."""
        from chat.tui.screens.help import HelpScreen

        self.app.push_screen(HelpScreen(self.active_bindings))

    def _row(self, name: str, branch: RecordedBranch) -> Content:
        facts = count_in_words(len(branch.turns), "turn")
        title = short_line(branch.title, MOST_TITLE) or "(no title)"
        return Content.assemble(title, (f"  {printable(name, multiline=False)} · {facts}", "$quiet"))


class OnlyReplayScreen(ReplayScreen):
    """All there is in the program, but for the list that it was chosen from."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("q", "app.quit", "Quit", show=False, tooltip="Leave")]


class ListedReplayScreen(OnlyReplayScreen):
    """One of several."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("n", "app.beside(1)", "Next", show=False, tooltip="Play the next conversation"),
        Binding("p", "app.beside(-1)", "Previous", show=False, tooltip="Play the previous conversation"),
    ]


class ReplayApp(KeysInOrderApp, ThemedApp):
    """Plays conversations back."""

    CSS_PATH: ClassVar[str | PurePath | list[str | PurePath] | None] = ["first.tcss", *sorted(STYLES.glob("*.tcss"))]
    TITLE = "idefics-chat replay"
    ENABLE_COMMAND_PALETTE = False
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+q", "quit", "Quit", show=False, priority=True, tooltip="Leave"),
        # Behind the screens' own, which copies the words that are selected.
        Binding("ctrl+c", "quit", "Quit", show=False, tooltip="Leave"),
    ]

    def __init__(self, named: Sequence[Named], *, speed: float, config: Config) -> None:
        """Play back.

        Args:
            named: One conversation or several.
            speed: 1 is the recorded one.
            config: What the user has set.
        """
        super().__init__(config)
        self._named = named
        self._speed = speed
        self._place = 0

    def _handle_exception(self, error: Exception) -> None:
        """Leave after an error that nobody caught; `failure` is for whoever ran the program.

        In the place of Textual's own, which prints the program's insides.
        """
        if self._exception is None:
            self._exception = error
            # As Textual does it, for the sake of its test pilot, which raises this error again.
            self._exception_event.set()
            self._close_messages_no_wait()

    def get_default_screen(self) -> Screen[None]:
        """The list, also of one."""
        return RecordingsScreen(self._named)

    def on_mount(self) -> None:
        """One needs no choice."""
        if len(self._named) == 1:
            self._play(0)

    @on(OptionList.OptionSelected)
    def _play_chosen(self, message: OptionList.OptionSelected) -> None:
        self._play(message.option_index)

    def _play(self, place: int) -> None:
        self._place = place
        self.push_screen(self._replay(), self._end)

    def _replay(self) -> ReplayScreen:
        kind = ListedReplayScreen if len(self._named) > 1 else OnlyReplayScreen
        return kind(self._named[self._place][1], speed=self._speed)

    def _end(self, _: None) -> None:
        if len(self._named) == 1:
            self.call_after_refresh(self.exit)

    async def action_beside(self, by: int) -> None:
        """Play the next conversation, or the previous one."""
        if 0 <= self._place + by < len(self._named):
            self._place += by
            await self.switch_screen(self._replay())
        elif isinstance(self.screen, ReplayScreen):
            self.screen.say(f"This is the {'last' if by > 0 else 'first'} conversation.", is_problem=False)
