"""Conversations: listing, opening, naming, deleting and saving them as files."""

import os
import re
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Final

from chat.errors import TranscriptError, UsageError
from chat.plain.commands.group import CommandGroup, count_of
from chat.plain.words import quoted
from chat.records import SessionSummary
from chat.safe_text import short_line
from chat.talk.commands import Call
from chat.talk.wording import count_in_words, label_of, time_in_words

LISTED: Final = 20
"""Conversations in the list, unless more are asked for."""
MOST_LISTED: Final = 1_000


class SessionCommands(CommandGroup):
    """What is about whole conversations."""

    def command_new(self, _: Call) -> None:
        """Begin a new conversation."""
        self.talk.open(None)
        self.say("A new conversation.")
        self.talk.announce()

    def command_sessions(self, call: Call) -> None:
        """List the conversations, the one changed last first."""
        count = count_of(call, LISTED)
        if not 1 <= count <= MOST_LISTED:
            raise UsageError(f"/sessions lists from 1 to {MOST_LISTED:,} conversations.")
        found = self.talk.store.sessions(limit=count + 1)
        self.talk.listed = [summary.id for summary in found[:count]]
        self.tell_sessions(found[:count])
        if not found:
            self.say("There are no conversations yet.")
        elif len(found) > count:
            self.say(f"There are more: /sessions {2 * count} lists more of them. /open NUMBER goes on with one.")
        else:
            self.say("/open NUMBER goes on with one.")

    def tell_sessions(self, found: Sequence[SessionSummary]) -> None:
        """A line for each conversation, numbered as `/open` takes them."""
        now = datetime.now().astimezone()
        for number, summary in enumerate(found, start=1):
            parts = [
                f"{number}. {short_line(summary.title, 60) or '(no title)'}",
                count_in_words(summary.turn_count, "turn"),
                count_in_words(summary.image_count, "picture"),
                _ago(summary.updated_at, now),
                *([label_of(summary.checkpoint)] if summary.checkpoint else []),
                *(["open"] if summary.id == self.talk.session.id else []),
            ]
            self.say(", ".join(parts))

    def command_open(self, call: Call) -> None:
        """Open another conversation."""
        if not call.argument:
            raise UsageError("/open needs a number of /sessions, or an id.")
        summary = self._named(call.argument)
        if summary.id == self.talk.session.id:
            raise UsageError("This conversation is open.")
        self.talk.open(summary.id)
        self.talk.announce()

    def _named(self, name: str) -> SessionSummary:
        """The conversation with this number in the list that was told last, or with this id."""
        if re.fullmatch("[0-9]{1,9}", name):
            if not 1 <= int(name) <= len(self.talk.listed):
                raise UsageError(f"There is no conversation {name} in the list: /sessions tells it.")
            return self.talk.store.find_session(self.talk.listed[int(name) - 1])
        return self.talk.store.find_session(name)

    def command_rename(self, call: Call) -> None:
        """Give the open conversation a title; without one, that of its first message again."""
        session = self.talk.session
        if session.id is None:
            raise UsageError("A conversation gets its title with its first message: send one first.")
        self.talk.store.rename_session(session.id, " ".join(call.argument.split()))
        session.title = self.talk.store.find_session(session.id).title
        self.say(f"It is called {quoted(session.title)}." if session.title else "It has no title.")

    def command_delete(self, call: Call) -> None:
        """Take a conversation out of the list."""
        talk = self.talk
        if not call.argument and talk.session.id is None:
            raise UsageError("This conversation is not begun yet: there is nothing to delete.")
        summary = talk.store.find_session(talk.session.id or "") if not call.argument else self._named(call.argument)
        is_open = summary.id == talk.session.id
        if is_open:
            talk.open(None)
        talk.store.delete_session(summary.id)
        talk.deleted = summary.id
        self.say(f"Deleted {quoted(summary.title)}; /restore brings it back.")
        if is_open:
            self.say("A new conversation.")
            talk.tell_unsent()

    def command_restore(self, call: Call) -> None:
        """Bring a deleted conversation back."""
        session_id = call.argument or self.talk.deleted
        if not session_id:
            raise UsageError("No conversation was deleted here; /restore ID brings an earlier one back.")
        self.talk.store.restore_session(session_id)
        title = self.talk.store.find_session(session_id).title
        self.say(f"{quoted(title)} is back; /open {session_id} goes on with it.")

    def command_export(self, call: Call) -> None:
        """Save the conversation as a file."""
        from chat.session_files import export_session
        from chat.transcript import save_transcript

        session = self.talk.session
        if not call.argument:
            raise UsageError("/export needs a file: /export talk.json")
        if session.id is None:
            raise UsageError("There is nothing to save yet: send a message first.")
        path = Path(os.path.expanduser(call.argument))
        # The pictures come first, and what is missing would be told of their folder.
        if not path.parent.is_dir():
            raise TranscriptError(f"{short_line(str(path.parent))}: there is no such folder: make it first")
        save_transcript(path, export_session(self.talk.store, session.id))
        self.say(f"Saved as {short_line(str(path.absolute()), 200)}.")


def _ago(moment: str, now: datetime) -> str:
    """How long ago, as part of a sentence: `2 h ago`, `yesterday`."""
    words = time_in_words(moment, now)
    return f"{words} ago" if words.endswith((" min", " h")) else words
