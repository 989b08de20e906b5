"""All sessions on one screen, for terminals too narrow to have them beside the conversation."""

from typing import ClassVar, Final

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.timer import Timer
from textual.widgets import Footer, Static

from chat.tui.binding import Binding
from chat.tui.screens.finding import FindingScreen
from chat.tui.screens.layer import Dialog
from chat.tui.widgets.session_keys import SessionOptions
from chat.tui.widgets.session_list import SessionList
from chat.tui.widgets.session_messages import (
    NextMatchWanted,
    SessionAct,
    SessionHighlighted,
    SessionOpened,
    SessionsCounted,
    SessionsWanted,
)
from chat.tui.widgets.session_preview import SessionPreview

PREVIEW_FROM: Final = 100
"""Columns from which there is room to show what was found beside the list."""
PREVIEW_DELAY_S: Final = 0.08
"""Seconds for which the pointer rests on a session before that is read."""


class SessionsScreen(Dialog[None]):
    """The list; what is done in it is done by the conversation screen below."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "close", "Back", tooltip="Back to the conversation"),
        Binding("f1", "help", "Help", tooltip="Show these keys"),
    ]
    AUTO_FOCUS = "#search"

    def __init__(self, conversation: FindingScreen, typed: str = "") -> None:
        """A list over a conversation.

        Args:
            conversation: Does what is asked for.
            typed: What is looked for at first.
        """
        super().__init__()
        self._conversation = conversation
        self._typed = typed
        self._pointed: SessionHighlighted | None = None
        self._preview_timer: Timer | None = None

    def compose(self) -> ComposeResult:
        """Title, list, what was found, keys."""
        with Horizontal(id="sessions-title"):
            yield Static(Content.styled("Sessions", "bold"), markup=False)
            yield Static("", markup=False, id="session-count")
        with Horizontal(id="sessions"):
            yield SessionList(typed=self._typed)
            yield SessionPreview()
        yield Footer(show_command_palette=False)

    def on_mount(self) -> None:
        """Show what is stored."""
        self._list.show(self._conversation.session.id)

    def action_close(self) -> None:
        """Back to the conversation."""
        self.dismiss()

    def action_help(self) -> None:
        """Show the keys of this screen."""
        from chat.tui.screens.help import HelpScreen

        self.app.push_screen(HelpScreen(self.active_bindings))

    @property
    def _list(self) -> SessionList:
        return self.query_one(SessionList)

    @property
    def _preview(self) -> SessionPreview:
        return self.query_one(SessionPreview)

    @on(SessionsWanted)
    def _look_up(self, message: SessionsWanted) -> None:
        message.stop()
        self._conversation.look_up(self._list, message)

    @on(SessionsCounted)
    def _count(self, message: SessionsCounted) -> None:
        message.stop()
        self.query_one("#session-count", Static).update(Content.styled(message.words, "$quiet"))

    @on(SessionAct)
    async def _act(self, message: SessionAct) -> None:
        message.stop()
        excerpt = self._preview.excerpt
        if isinstance(message, SessionOpened) and excerpt is not None and excerpt.summary.id == message.session_id:
            # The match that is shown, which need not be the newest one.
            message.turn_id = excerpt.turn_id or message.turn_id
        problem = await self._conversation.act(message)
        # Something else may be on top by now, or this screen gone.
        if not self.is_active:
            return
        if isinstance(message, SessionOpened):
            self.dismiss()
            return
        if not problem:
            self._list.show(self._conversation.session.id)
        self._list.tell(message, problem)
        if problem:
            self._list.say(problem, is_problem=True)

    # What was found

    @on(SessionHighlighted)
    def _highlight(self, message: SessionHighlighted) -> None:
        message.stop()
        self._pointed = message
        self._preview_later()

    def on_resize(self) -> None:
        """Show what was found where there is room for it."""
        self._preview_later()

    def _preview_later(self) -> None:
        has_room = self.app.size.width >= PREVIEW_FROM
        self._preview.display = has_room
        self.query_one(SessionOptions).has_preview = has_room
        if self._preview_timer is not None:
            self._preview_timer.stop()
        if has_room:
            self._preview_timer = self.set_timer(PREVIEW_DELAY_S, self._show_preview)

    async def _show_preview(self) -> None:
        pointed = self._pointed
        if pointed is None or pointed.hit is None:
            await self._preview.clear()
            return
        hit = pointed.hit
        self._conversation.look_into(self._preview, hit.summary.id, pointed.words, hit.turn_id)

    @on(NextMatchWanted)
    def _show_next(self, message: NextMatchWanted) -> None:
        message.stop()
        excerpt = self._preview.excerpt
        if excerpt is not None and excerpt.count > 1:
            summary = excerpt.summary
            self._conversation.look_into(self._preview, summary.id, self._preview.words, excerpt.turn_id, 1)
