"""All sessions on one screen, for terminals too narrow to have them beside the conversation."""

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Footer, Static

from chat.talk.wording import count_in_words
from chat.tui.screens.browsing import BrowsingScreen
from chat.tui.widgets.session_list import SessionList


class SessionsScreen(ModalScreen[None]):
    """The list; what is done in it is done by the conversation screen below."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "close", "Back", tooltip="Back to the conversation"),
        Binding("f1", "help", "Help", tooltip="Show these keys"),
    ]
    AUTO_FOCUS = "#search"

    def __init__(self, conversation: BrowsingScreen) -> None:
        super().__init__()
        self._conversation = conversation

    def compose(self) -> ComposeResult:
        """Title, list, keys."""
        with Horizontal(id="sessions-title"):
            yield Static(Content.styled("Sessions", "bold"), markup=False)
            yield Static("", markup=False, id="session-count")
        yield SessionList()
        yield Footer(show_command_palette=False)

    def on_mount(self) -> None:
        """Show what is stored."""
        self._show()

    def action_close(self) -> None:
        """Back to the conversation."""
        self.dismiss()

    def action_help(self) -> None:
        """Show the keys of this screen."""
        from chat.tui.screens.help import HelpScreen

        self.app.push_screen(HelpScreen(self.active_bindings))

    def _show(self, problem: str = "") -> None:
        sessions = self._conversation.stored_sessions()
        self.query_one("#session-count", Static).update(
            Content.styled(count_in_words(len(sessions), "session"), "$quiet")
        )
        problem = problem or self._conversation.list_problem
        self.query_one(SessionList).show(sessions, self._conversation.session.id, problem)

    @on(SessionList.Opened)
    async def _open(self, message: SessionList.Opened) -> None:
        message.stop()
        await self._conversation.change_session(message.session_id)
        # Something else may be on top by now, or this screen gone.
        if self.is_active:
            self.dismiss()

    @on(SessionList.Deleted)
    async def _delete(self, message: SessionList.Deleted) -> None:
        message.stop()
        problem = await self._conversation.delete_session(message.session_id)
        if not problem:
            self.query_one(SessionList).show_deleted(message.session_id)
        self._show(problem)

    @on(SessionList.Restored)
    async def _restore(self, message: SessionList.Restored) -> None:
        message.stop()
        problem = await self._conversation.restore_session(message.session_id)
        if problem:
            self.query_one(SessionList).show_deleted(message.session_id)
        self._show(problem)
