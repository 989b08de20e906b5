"""How a conversation, or one in a file, is played back from the conversation screen."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

from textual import on, work
from textual.message import Message

from chat.errors import ChatError, UsageError
from chat.safe_text import short_line
from chat.talk.commands import Call
from chat.tui.screens.tasks import TaskScreen

if TYPE_CHECKING:
    from chat.transcript import Transcript


class TranscriptRead(Message):
    """A conversation was read from a file, or could not be."""

    def __init__(self, transcript: "Transcript | None", problem: str = "") -> None:
        super().__init__()
        self.transcript = transcript
        self.problem = problem


class ReplayingScreen(TaskScreen):
    """Plays conversations back."""

    async def command_replay(self, call: Call) -> None:
        """Play the open conversation back, or the one in a file."""
        if call.argument:
            self._read_transcript(Path(os.path.expanduser(call.argument)))
            return
        if not self.session.turns:
            raise UsageError("There is nothing to play back yet; /replay FILE plays a saved conversation.")
        from chat.tui.screens.replay import ReplayScreen

        self.app.push_screen(ReplayScreen(self.session.title, self.session.turns, system=self.session.system))

    @work(thread=True, group="transcripts", exclusive=True)
    def _read_transcript(self, path: Path) -> None:
        from chat.transcript import load_transcript

        try:
            self.post_message(TranscriptRead(load_transcript(path)))
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
        from chat.tui.screens.replay import ReplayScreen

        transcript = message.transcript
        self.app.push_screen(ReplayScreen(transcript.title, transcript.turns, system=transcript.system))
