"""Conversations: listing, opening, naming, deleting and saving them as files."""

import re
import time
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Final

from chat.errors import UsageError
from chat.plain.commands.group import CommandGroup, count_of
from chat.plain.model import Stopped
from chat.plain.words import quoted
from chat.safe_text import printable, short_line
from chat.search import Piece, parse_query
from chat.session_search import search_sessions
from chat.summaries import SessionHit, SessionSummary
from chat.talk.commands import Call
from chat.talk.filing import export_file
from chat.talk.wording import count_in_words, label_of, likeness_in_words, sentence, time_in_words

LISTED: Final = 20
"""Conversations in the list, unless more are asked for."""
MOST_LISTED: Final = 1_000
TOLD_AFTER_S: Final = 1.0
"""Seconds of looking at pictures that nobody needs to be told of."""


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

    def command_search(self, call: Call) -> None:
        """Find conversations by their titles and by what was said in them."""
        query = parse_query(call.argument)
        if not query:
            raise UsageError("/search needs words: /search triangle")
        found = search_sessions(self.talk.store, query, limit=LISTED, tell=self._tell_looking())
        self.talk.listed = [hit.summary.id for hit in found.hits]
        self.tell_sessions([hit.summary for hit in found.hits], [_found_in(hit) for hit in found.hits])
        count = f"{'more than ' if found.is_cut else ''}{found.count:,}"
        if not found.hits:
            self.say(f"No conversation has {quoted(call.argument)}.")
        elif found.count > len(found.hits):
            self.say(f"The first {len(found.hits)} of {count}. /open NUMBER goes on with one.")
        else:
            self.say("/open NUMBER goes on with one.")

    def _tell_looking(self) -> Callable[[int, int], None]:
        """What says once that pictures are being looked at, if that takes long."""
        begun, is_told = time.monotonic(), False

        def tell(_: int, of: int) -> None:
            nonlocal is_told
            if not is_told and time.monotonic() - begun >= TOLD_AFTER_S:
                is_told = True
                self.say(f"Looking at {count_in_words(of, 'picture')}; that is done once.")

        return tell

    def command_pin(self, call: Call) -> None:
        """Let a conversation stand before the others, or among them again."""
        if not call.argument and self.talk.session.id is None:
            raise UsageError("This conversation is not begun yet: send a message first.")
        summary = self._named(call.argument)
        self.talk.store.pin_session(summary.id, not summary.is_pinned)
        where = "stands among the others again" if summary.is_pinned else "stands first in the list"
        self.say(f"{quoted(summary.title)} {where}.")

    def tell_sessions(self, found: Sequence[SessionSummary], snippets: Sequence[str] = ()) -> None:
        """A line for each conversation, numbered as `/open` takes them, and one for what was found in it."""
        now = datetime.now().astimezone()
        for number, summary in enumerate(found, start=1):
            parts = [
                f"{number}. {short_line(summary.title, 60) or '(no title)'}",
                count_in_words(summary.turn_count, "turn"),
                count_in_words(summary.image_count, "picture"),
                "damaged" if summary.problem else _ago(summary.updated_at, now),
                *([label_of(summary.checkpoint)] if summary.checkpoint else []),
                *(["pinned"] if summary.is_pinned else []),
                *(["open"] if summary.id == self.talk.session.id else []),
            ]
            self.say(printable(", ".join(parts), multiline=False))
            if snippets and snippets[number - 1]:
                self.say(f"   {snippets[number - 1]}")

    def command_open(self, call: Call) -> None:
        """Open another conversation."""
        if not call.argument:
            raise UsageError("/open needs a number of /sessions, or an id.")
        summary = self._named(call.argument)
        if summary.id == self.talk.session.id:
            raise UsageError("This conversation is open.")
        self.talk.open(summary.id)
        if not (self.talk.is_interactive and self.talk.session.turns):
            self.say(f"{quoted(summary.title or '(no title)')} is open.")
        self.talk.announce()

    def _named(self, name: str) -> SessionSummary:
        """The conversation with this number in the list that was told last, or with this id; the open one for none."""
        store, listed = self.talk.store, self.talk.listed
        # No id is so short a number.
        if not re.fullmatch("[0-9]{1,4}", name):
            return store.find_session(name or str(self.talk.session.id))
        if not 1 <= int(name) <= len(listed):
            raise UsageError(f"There is no conversation {name} in the list: /sessions tells it.")
        return store.find_session(listed[int(name) - 1])

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
        summary = self._named(call.argument)
        is_open = summary.id == talk.session.id
        if is_open:
            talk.open(None)
        talk.store.delete_session(summary.id)
        talk.deleted.append(summary.id)
        self.say(f"Deleted {quoted(summary.title)}; /restore brings it back.")
        if is_open:
            self.say("A new conversation.")
            talk.tell_unsent()

    def command_restore(self, call: Call) -> None:
        """Bring a deleted conversation back, and open it."""
        talk = self.talk
        if not call.argument and not talk.deleted:
            raise UsageError("No conversation was deleted here; /restore ID brings an earlier one back.")
        session_id = call.argument or talk.deleted[-1]
        talk.store.restore_session(session_id)
        if session_id in talk.deleted:
            talk.deleted.remove(session_id)
        talk.open(session_id)
        self.say(f"{quoted(talk.session.title)} is back, and open.")
        talk.announce()

    def command_export(self, call: Call) -> None:
        """Save the conversation as a file."""
        from chat.session_files import save_session

        session = self.talk.session
        if session.id is None:
            raise UsageError("There is nothing to save yet: send a message first.")
        path, overwrite = export_file(call.argument, session.id)
        self.say(f"{sentence(save_session(self.talk.store, session.id, path, overwrite=overwrite))}.")

    def command_import(self, call: Call) -> None:
        """Keep the conversations of a file, or of a folder of them; the only one of a file is opened."""
        from chat.talk.importing import file_to_import, import_file

        talk = self.talk
        brought = import_file(talk.store, file_to_import(call.argument), self._check_stopped)
        for line in brought.left_out:
            self.say(short_line(line, 400))
        self.say(brought.words)
        if len(brought.imported) == 1:
            talk.open(brought.imported[0].session_id)
            talk.announce()

    def _check_stopped(self) -> None:
        self.talk.model.check()
        if self.talk.model.is_stopped:
            raise Stopped("Stopped; what was imported by then is kept, and the same command brings in the rest.")


def _found_in(hit: SessionHit) -> str:
    """What was said or shown in a conversation that was looked for."""
    picture = f"{likeness_in_words(hit.picture)}: {short_line(hit.picture.name)}" if hit.picture else ""
    return ", ".join(part for part in (picture, _marked(hit.snippet)) if part)


def _marked(snippet: Iterable[Piece]) -> str:
    """A piece of what was said, with what was looked for in it in quotes."""
    return short_line("".join(f"«{piece.text}»" if piece.is_match else piece.text for piece in snippet), 400)


def _ago(moment: str, now: datetime) -> str:
    """How long ago, as part of a sentence: `2 h ago`, `yesterday`."""
    words = time_in_words(moment, now)
    return f"{words} ago" if words.endswith((" min", " h")) else words
