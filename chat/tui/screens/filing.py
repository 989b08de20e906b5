"""The commands about the open session as a whole: find others, give it a title, pin, delete, export it."""

from contextlib import closing
from pathlib import Path

from textual import on, work
from textual.message import Message

from chat.errors import ChatError, UsageError
from chat.safe_text import short_line
from chat.talk.commands import Call
from chat.talk.filing import export_file
from chat.tui.screens.finding import FindingScreen, OpenStore


class SessionExported(Message):
    """A session lies in its file, or could not be written."""

    def __init__(self, words: str, *, is_problem: bool) -> None:
        super().__init__()
        self.words = words
        self.is_problem = is_problem


class FilingScreen(FindingScreen):
    """Does what these commands ask; where it cannot, it raises a ChatError."""

    async def command_sessions(self, _: Call) -> None:
        """Show the sessions."""
        await self.show_sessions()

    async def command_search(self, call: Call) -> None:
        """Show the sessions with these words."""
        await self.show_sessions(" ".join(call.argument.split()))

    async def command_rename(self, call: Call) -> None:
        """Give the session a title, or that of its first words."""
        session_id = self._require_begun()
        title = " ".join(call.argument.split())
        if not self._told(await self.rename_session(session_id, title)):
            kept = short_line(self.session.title, 60)
            words = f"This conversation is called “{kept}”."
            self.say(words if title else f"{words[:-1]} again, after its first words.", is_problem=False)

    async def command_pin(self, _: Call) -> None:
        """Let the session stand before the others, or among them again."""
        session_id = self._require_begun()
        is_pinned = self._store is not None and not self._store.find_session(session_id).is_pinned
        if not self._told(await self.pin_session(session_id, is_pinned)):
            words = "This conversation stands first in the list." if is_pinned else "Not pinned any more."
            self.say(f"{words} · /pin again changes it back", is_problem=False)

    async def command_delete(self, _: Call) -> None:
        """Take the session out of the list."""
        if not self._told(await self.delete_session(self._require_begun())):
            self.say("Deleted · /restore brings it back", is_problem=False)

    async def command_restore(self, _: Call) -> None:
        """Bring back the session that was deleted last, and show it."""
        if not self.deleted:
            raise UsageError(
                "Nothing was deleted since the program began; idefics-chat sessions restore knows older ones."
            )
        session_id = self.deleted[-1]
        if not self._told(await self.restore_session(session_id)):
            await self.change_session(session_id)

    async def command_export(self, call: Call) -> None:
        """Save the session as a file, with its pictures beside it."""
        session_id = self._require_begun()
        # What is being said is part of it, as far as it has come.
        self.save()
        path, overwrite = export_file(call.argument, session_id)
        if self._store is not None:
            self._export(self._store.open_again, session_id, path, overwrite=overwrite)

    @work(thread=True, group="export")
    def _export(self, open_store: OpenStore, session_id: str, path: Path, *, overwrite: bool) -> None:
        from chat.session_files import save_session

        try:
            with closing(open_store()) as store:
                words = save_session(store, session_id, path, overwrite=overwrite)
        except ChatError as error:
            self.post_message(SessionExported(f"Not saved as a file: {error}", is_problem=True))
        else:
            self.post_message(SessionExported(words, is_problem=False))

    @on(SessionExported)
    def _tell_exported(self, message: SessionExported) -> None:
        self.say(short_line(message.words, 400), is_problem=message.is_problem)

    def _require_begun(self) -> str:
        if self.session.id is None:
            raise UsageError("This conversation has not begun: its first message begins it.")
        return self.session.id

    def _told(self, problem: str) -> bool:
        """Say what went wrong, if so; tells whether it did."""
        if problem:
            self.say(short_line(problem, 400))
        return bool(problem)
