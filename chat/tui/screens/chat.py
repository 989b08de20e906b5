"""The conversation screen: its parts, its keys and its commands."""

import time
from typing import TYPE_CHECKING, ClassVar, Final

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.events import Resize, ScreenResume
from textual.timer import Timer

from chat.drafts import Draft
from chat.errors import ChatError
from chat.safe_text import short_line
from chat.talk.commands import Call, no_command
from chat.tui.binding import Binding
from chat.tui.messages import QuitWanted
from chat.tui.screens.branching import BranchingScreen
from chat.tui.screens.bringing import BringingScreen
from chat.tui.screens.changing import ChangingScreen
from chat.tui.screens.comparing import ComparingScreen
from chat.tui.screens.configuring import ConfiguringScreen
from chat.tui.screens.copying import CopyingScreen
from chat.tui.screens.drafting import DraftingScreen
from chat.tui.screens.filing import FilingScreen
from chat.tui.screens.following import ECHO_S
from chat.tui.screens.importing import ImportingScreen
from chat.tui.screens.overflowing import OverflowingScreen
from chat.tui.screens.reading import ReadingScreen
from chat.tui.screens.seeing import SeeingScreen
from chat.tui.screens.viewing import ViewingScreen
from chat.tui.screens.weighing import WeighingScreen
from chat.tui.widgets.composer import Composer
from chat.tui.widgets.message_input import MessageInput
from chat.tui.widgets.status_row import StatusRow
from chat.tui.widgets.title_bar import TitleBar

if TYPE_CHECKING:
    from chat.tui.widgets.notice import BelowNotice

DRAFT_DELAY_S: Final = 1.0
"""Seconds of quiet before an unsent message is kept."""
DRAFT_MOST_S: Final = 3.0
"""Seconds after which it is kept even where its writer never pauses."""
COUNT_DELAY_S: Final = 0.15
"""Seconds of quiet before the context is counted again."""
PREFILL_DELAY_S: Final = 0.4
"""Seconds of quiet before the model begins to read the message: between two keys it would take time from the next."""


class ChatScreen(
    BringingScreen,
    OverflowingScreen,
    FilingScreen,
    ImportingScreen,
    ConfiguringScreen,
    DraftingScreen,
    WeighingScreen,
    SeeingScreen,
    ViewingScreen,
    CopyingScreen,
    ComparingScreen,
    ChangingScreen,
    ReadingScreen,
    BranchingScreen,
    is_whole=True,
):
    """The conversation, and everything that is reached from it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+o", "attach", "Picture", tooltip="Choose a picture to attach"),
        Binding("ctrl+r", "sessions", "Sessions", tooltip="Open an earlier conversation"),
        Binding("ctrl+t", "model_view", "Model's view", tooltip="Show or hide what the model sees"),
        Binding("ctrl+n", "new", "New", tooltip="Begin a new conversation; this one is kept"),
        Binding("f1", "help", "Help", tooltip="Show these keys and commands"),
        Binding("escape", "back", "Back", show=False, tooltip="Close a list; stop the reply or the loading"),
    ]
    AUTO_FOCUS = "#message"

    _below: "BelowNotice | None" = None
    _draft_timer: Timer | None = None
    _unkept_since: float | None = None
    _count_timer: Timer | None = None
    _prefill_timer: Timer | None = None

    def compose(self) -> ComposeResult:
        """The conversation and the composer below it; the sessions come beside it where there is room."""
        with Horizontal(id="panes"), Vertical(id="conversation"):
            yield TitleBar()
            with Vertical(id="foot"), Vertical(id="foot-column"):
                yield StatusRow()
                yield Composer()
        yield Vertical(id="keys")

    @on(ScreenResume)
    def _keep_styles(self, event: ScreenResume) -> None:
        """The first time, every widget was styled as it was mounted just before; once more would delay the frame."""
        if not self.stack_updates:
            event.refresh_styles = False

    @on(Resize)
    def _fit(self) -> None:
        self.composer.fit(self.size.height)

    async def compose_rest(self) -> None:
        """Add what the first frame does without: each widget would delay it, and it may be a session or the welcome."""
        from textual.widgets import Footer

        from chat.tui.widgets.log import ConversationLog
        from chat.tui.widgets.notice import BelowNotice, Notice
        from chat.tui.widgets.welcome import Welcome

        self._welcome = Welcome(is_demonstration=self._is_demonstration)
        self._log_view, self._notice, self._below = ConversationLog(), Notice(), BelowNotice()
        with self.app.batch_update():
            await self.query_one("#conversation").mount(self._welcome, self._log_view, before="#foot")
            await self.query_one("#foot-column").mount(self._below, self._notice, before=0)
            await self.query_one("#keys").mount(Footer())

    # Keys

    async def action_new(self) -> None:
        """Begin a new conversation."""
        await self.change_session(None)

    async def action_back(self) -> None:
        """Whatever is nearest: close the list, come back to the message, wait for no picture, stop reply or loading."""
        if self.composer.is_completing:
            await self.composer.close_list()
        elif self.focused is None or self.focused.id != "message":
            self.composer.focus_text()
        elif await self.leave_edit():
            return
        elif not self.leave_pictures_out() and not self.stop():
            self.say_nothing()

    def action_help(self) -> None:
        """Show keys and commands."""
        from chat.tui.screens.help import HelpScreen

        self.app.push_screen(HelpScreen(self.active_bindings))

    # Commands

    @on(Composer.Called)
    async def _run_command(self, message: Composer.Called) -> None:
        call = message.call
        self.say_nothing()
        if self._session is None:
            await self.composer.put_back(Draft(message.text), 1)
            return
        if not call.is_known:
            await self._give_back(message.text)
            self.say(f"{no_command(call.name)}; a space in front makes it text.")
            return
        if call.argument and not call.takes_argument:
            await self._give_back(message.text)
            self.say(f"/{call.name} takes nothing behind it; a space in front makes it text.")
            return
        try:
            self.check_call(call)
            await getattr(self, f"command_{call.name}")(call)
        except ChatError as error:
            await self._give_back(message.text)
            self.say(short_line(str(error), 400))

    async def _give_back(self, command: str) -> None:
        """Put a command back that was not run; what is typed next takes its place."""
        await self.composer.put_back(Draft(command), self.session.next_number)
        self.composer.select(command)

    async def command_new(self, _: Call) -> None:
        """Begin a new conversation."""
        await self.action_new()

    async def command_stop(self, _: Call) -> None:
        """Stop whatever is under way."""
        if not self.stop():
            self.say("There is nothing to stop.")

    async def command_help(self, _: Call) -> None:
        """Show keys and commands."""
        self.action_help()

    async def command_quit(self, _: Call) -> None:
        """Leave, in turn with what was typed before."""
        self.post_message(QuitWanted())

    async def command_load(self, _: Call) -> None:
        """Load the checkpoint, if that has failed before."""
        if self.facts is None and not self.is_loading:
            self.start_loading()
        else:
            self.say("The checkpoint is loaded." if self.facts else "The checkpoint is being loaded.", is_problem=False)

    # The message being written

    @on(Composer.Changed)
    def _take_change(self) -> None:
        for timer in (self._draft_timer, self._count_timer, self._prefill_timer):
            if timer is not None:
                timer.stop()
        self.typed()
        self.stop_prefill()
        if self._session is not None:
            self._draft_timer = self.set_timer(DRAFT_DELAY_S, self._keep_in_pause)
            self._keep_while_typing()
            self._count_timer = self.set_timer(COUNT_DELAY_S, self.count_context)
            self._prefill_timer = self.set_timer(PREFILL_DELAY_S, self.prefill_draft)

    def _keep_in_pause(self) -> None:
        self._unkept_since = None
        self.keep_draft()

    def _keep_while_typing(self) -> None:
        """Keep what is written behind the echo of a key, if that has not been done for long."""
        now = time.monotonic()
        if self._unkept_since is None:
            self._unkept_since = now
        elif now - self._unkept_since >= DRAFT_MOST_S:
            self._unkept_since = now
            self.call_after_refresh(self.set_timer, ECHO_S, self.keep_draft)

    @on(Composer.LeftUpward)
    async def _leave_upward(self) -> None:
        if self._session is None:
            return
        if self.session.waiting:
            await self.take_back(-1, to_edit=True)
        elif not self.read_upward():
            self.welcome.focus_examples()

    # The transcript

    @on(MessageInput.Scrolled)
    async def _scroll(self, message: MessageInput.Scrolled) -> None:
        if self._session is None:
            return
        match message.by:
            case -1:
                self.log_view.scroll_page_up(animate=False)
            case 1:
                self.log_view.scroll_page_down(animate=False)
            case -2:
                await self.log_view.go_first()
            case _:
                await self.log_view.go_last()

    def show_below(self, lines_below: int | None) -> None:
        """Say that the conversation goes on below, or that it does not any more."""
        if self._below is not None:
            self._below.show(lines_below)
