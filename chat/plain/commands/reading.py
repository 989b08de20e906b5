"""What was said, when and how."""

import os
from datetime import datetime
from pathlib import Path

from chat.errors import UnknownSessionError, UsageError
from chat.plain.commands.group import CommandGroup, count_of
from chat.plain.words import choice_in_words, picture_in_words, quoted, said_in_words
from chat.records import Choice, StoredTurn
from chat.replay.branch import RecordedBranch, missing_pictures, of_session, of_transcript
from chat.replay.playback import Playback
from chat.safe_text import printable, short_line
from chat.talk.commands import Call
from chat.talk.details import clock_in_words, details_of


class ReadingCommands(CommandGroup):
    """What tells the conversation again."""

    def command_history(self, call: Call) -> None:
        """Tell what was said."""
        session = self.talk.session
        entries = session.entries()
        if not entries:
            self.say("Nothing was said yet.")
            return
        count = count_of(call, len(entries))
        if session.system and count >= len(entries):
            self.output.begin("System", session.system)
        for entry, number in entries[len(entries) - min(count, len(entries)) :]:
            if isinstance(entry, Choice):
                self._tell_choice(entry)
            else:
                self._tell_turn(entry, number)
        self.output.end_line()

    def _tell_turn(self, stored: StoredTurn, number: int) -> None:
        self.output.begin(*said_in_words(stored, number))
        for position, image in enumerate(stored.turn.images):
            self.say(picture_in_words(image, number + position))

    def _tell_choice(self, choice: Choice) -> None:
        self.output.begin("You", f"/choose {' | '.join(choice.ranking.labels)}")
        self.output.begin(*choice_in_words(choice))

    def command_last(self, _: Call) -> None:
        """Tell the last turn again."""
        if not self.talk.session.turns:
            raise UsageError("Nothing was said yet.")
        self.talk.tell_turns(1)

    def command_times(self, _: Call) -> None:
        """Tell of each turn when it was said."""
        turns = self.talk.session.turns
        if not turns:
            raise UsageError("Nothing was said yet.")
        now = datetime.now().astimezone()
        for stored, number in self.talk.session.numbered():
            speaker, said = said_in_words(stored, number)
            when = " ".join(clock_in_words(stored.created_at, now)) or "at an unknown time"
            self.output.begin(speaker, f"{when}, {quoted(said, 50)}")
        self.output.end_line()

    def command_details(self, _: Call) -> None:
        """Tell when, how and why the last reply came about."""
        replies = [stored for stored in self.talk.session.turns if stored.generation is not None]
        if not replies:
            raise UsageError("There is no reply yet.")
        for line in details_of(replies[-1]):
            self.say(printable(line.replace(" · ", ", "), multiline=False))

    def command_replay(self, call: Call) -> None:
        """Tell a conversation from its first turn to its last: this one, a saved one, or that in a file."""
        if not call.argument:
            if not self.talk.session.turns:
                raise UsageError("There is nothing to tell yet; /replay FILE tells a saved conversation.")
            self.command_history(Call("history"))
            return
        branch = self._recorded(call.argument)
        if missing := missing_pictures(branch.turns):
            names = ", ".join(image.name for image in missing)
            self.say(f"Pictures that are missing: {short_line(names, 400)}")
        if branch.system:
            self.output.begin("System", branch.system)
        for step in Playback(branch.turns).steps:
            self._tell_turn(step.stored, step.number)
        self.output.end_line()

    def _recorded(self, name: str) -> RecordedBranch:
        """What is in a file, or what a saved conversation holds."""
        path = Path(os.path.expanduser(name))
        if os.path.exists(path) or path.suffix:
            from chat.replay.files import load_recorded

            return of_transcript(load_recorded(path))
        try:
            return of_session(self.talk.store, name)
        except UnknownSessionError as error:
            raise UsageError(f"{short_line(name, 60)} is neither a file nor a conversation.") from error
