"""How a conversation, a saved one or one in a file is played back from the conversation screen."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

from textual import on, work
from textual.message import Message

from chat.errors import ChatError, UnknownSessionError, UsageError
from chat.safe_text import short_line
from chat.talk.commands import Call
from chat.tui.screens.finding import FindingScreen
from chat.tui.widgets.session_messages import SessionAct, SessionReplayed

if TYPE_CHECKING:
    from chat.replay.branch import RecordedBranch
    from chat.transcript import Transcript
    from chat.tui.screens.replay import Comparer


class TranscriptRead(Message):
    """A conversation was read from a file, or could not be."""

    def __init__(self, transcript: "Transcript | None", problem: str = "") -> None:
        super().__init__()
        self.transcript = transcript
        self.problem = problem


class ReplayingScreen(FindingScreen):
    """Plays conversations back."""

    @property
    def comparer(self) -> "Comparer | None":
        """Has what is played back answered anew."""
        return None

    async def command_replay(self, call: Call) -> None:
        """Play the open conversation back, a saved one, or the one in a file."""
        path = Path(os.path.expanduser(call.argument))
        if not call.argument:
            self._play(self.shown_branch())
        elif os.path.exists(path) or path.suffix:
            self._read_transcript(path)
        else:
            self.replay_session(call.argument)

    def shown_branch(self) -> "RecordedBranch":
        """The open conversation as it is replayed; raises UsageError where nothing was said in it, and StoreError."""
        from chat.replay.branch import RecordedBranch, of_session

        session = self.session
        if not session.turns:
            raise UsageError("Nothing was said here yet; /replay FILE plays a saved conversation.")
        if self._store is None or session.id is None or not all(stored.id for stored in session.turns):
            # What the store has not taken has no other branches yet.
            turns = tuple(session.turns)
            return RecordedBranch(session.title, session.system, turns, (), lambda _: turns, session.not_shown)
        return of_session(self._store, session.id)

    def replay_session(self, id_or_prefix: str) -> None:
        """Play a saved conversation back; raises UsageError where there is none, and StoreError."""
        from chat.replay.branch import of_session

        if self._store is None:
            return
        try:
            branch = of_session(self._store, id_or_prefix)
        except UnknownSessionError as error:
            raise UsageError(f"{short_line(id_or_prefix, 60)} is neither a file nor a session") from error
        if not branch.turns:
            raise UsageError("There is nothing to play back in this session: it has no turns.")
        self._play(branch)

    async def act(self, message: SessionAct) -> str:
        """Play a session of a list back; everything else is done as it is elsewhere."""
        if not isinstance(message, SessionReplayed):
            return await super().act(message)
        try:
            self.replay_session(message.session_id)
        except ChatError as error:
            return str(error)
        return ""

    def _play(self, branch: "RecordedBranch") -> None:
        from chat.tui.screens.replay import ReplayScreen

        self.app.push_screen(ReplayScreen(branch, comparer=self.comparer))

    @work(thread=True, group="transcripts", exclusive=True)
    def _read_transcript(self, path: Path) -> None:
        from chat.replay.files import load_recorded

        try:
            self.post_message(TranscriptRead(load_recorded(path)))
        except ChatError as error:
            self.post_message(TranscriptRead(None, str(error)))

    @on(TranscriptRead)
    def _play_transcript(self, message: TranscriptRead) -> None:
        if message.transcript is None:
            self.say(short_line(message.problem, 400))
            return
        if not message.transcript.turns:
            self.say("There is nothing to play back in this file: it has no turns.")
            return
        from chat.replay.branch import of_transcript

        self._play(of_transcript(message.transcript))
