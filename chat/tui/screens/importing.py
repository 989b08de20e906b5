"""How conversations come in from files, of this program and of others."""

from contextlib import closing
from typing import TYPE_CHECKING

from textual import on, work
from textual.message import Message

from chat.errors import ChatError
from chat.safe_text import short_line
from chat.talk.commands import Call
from chat.tui.screens.finding import FindingScreen, OpenStore

# Imported with the first file.
if TYPE_CHECKING:
    from chat.talk.importing import Brought, Wanted
    from chat.talk.open_session import OpenSession


class SessionsImported(Message):
    """The conversations of a file are sessions."""

    def __init__(self, session: "OpenSession", brought: "Brought") -> None:
        super().__init__()
        self.session = session
        """The one in which it was asked for."""
        self.brought = brought


class ImportFailed(Message):
    """Nothing more of a file was kept."""

    def __init__(self, problem: str) -> None:
        super().__init__()
        self.problem = problem


class ImportingScreen(FindingScreen):
    """Reads files on a thread; the only conversation of one is shown, unless something else is begun meanwhile."""

    async def command_import(self, call: Call) -> None:
        """Keep the conversations of a file, or of a folder of them, as sessions."""
        from chat.talk.importing import file_to_import

        wanted = file_to_import(call.argument)
        if self._store is not None:
            self.say(f"Reading {short_line(wanted.path.name, 60)} …", is_problem=False)
            self._import(self._store.open_again, self.session, wanted)

    @work(thread=True, group="import", exit_on_error=False)
    def _import(self, open_store: OpenStore, session: "OpenSession", wanted: "Wanted") -> None:
        from chat.talk.importing import import_file

        try:
            with closing(open_store()) as store:
                brought = import_file(store, wanted)
        except ChatError as error:
            self.post_message(ImportFailed(str(error)))
        else:
            self.post_message(SessionsImported(session, brought))

    @property
    def _is_at_rest(self) -> bool:
        """Whether nothing is under way that goes on in this session: no reply, no message, no dialog."""
        is_busy = self.is_working or self.session.waiting or self.composer.draft
        return self.app.screen is self and not is_busy

    @on(ImportFailed)
    def _tell_failure(self, message: ImportFailed) -> None:
        self.say(short_line(f"Not imported: {message.problem}", 400))

    @on(SessionsImported)
    async def _show_imported(self, message: SessionsImported) -> None:
        brought, words = message.brought, message.brought.words
        if len(brought.imported) == 1 and message.session is self._session and self._is_at_rest:
            await self.change_session(brought.imported[0].session_id)
        else:
            await self.show_pane()
            words = f"{words.rstrip('.')} · /sessions lists all"
        self.say(" · ".join(filter(None, (words, brought.less))), is_problem=False)
