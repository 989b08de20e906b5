"""The store of sessions: each method is one transaction."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from sqlite3 import Connection

from chat.conversation import Image, Role, Turn
from chat.drafts import Draft
from chat.errors import InvalidTurnError
from chat.generation import CheckpointFacts, GenerationSettings, Reply
from chat.records import Choice, LeftOut, StoredTurn, TreeTurn, examples_of
from chat.store import branches, choices, drafts, ids, left_out, pictures, replies, titles, turns
from chat.store.columns import Column, now, to_text
from chat.store.connection import Database, connect, read_whatever
from chat.store.faults import store_errors
from chat.store.kept_pictures import KeptPictures
from chat.store.listing import SessionLists, open_database
from chat.store.updating import Tell
from chat.store.whole import WholeSessionStore


def open_store(
    path: Path, *, owns_folder: bool = False, wait_s: float | None = None, tell: Tell = lambda _: None
) -> "SqliteStore":
    """Open the store in a file, which is created where there is none, for the calling thread.

    A file that may not be written opens all the same; then every change raises.

    Args:
        path: The file.
        owns_folder: The folder is this program's alone: nobody but its owner may look into it.
        wait_s: Seconds to wait for another program that writes, once the file is open, if not as long as usual.
        tell: Is told what goes on where the file must be brought up to date and that takes longer than a second.

    Raises:
        StoreError: The file cannot be used: it is no database, another program's, a newer version's, or damaged.
    """
    return SqliteStore(open_database(path, owns_folder=owns_folder, wait_s=wait_s, tell=tell))


class SqliteStore(SessionLists, WholeSessionStore, KeptPictures):
    """Keeps sessions in one SQLite file; see `chat.session.SessionStore` for what each method promises.

    Belongs to the thread that opened it, save for the `read` of its images, which works in any. A deleted session is
    out of every list and is not found, but whoever knows its id can still add to it, so that two windows on one session
    lose nothing. Every method may raise `StoreError`, and `UnknownSessionError` where it takes a session's id.
    """

    def open_again(self) -> "SqliteStore":
        """Open the same file once more, for the calling thread, whichever that is; it must still be there."""
        path = self._database.path
        with store_errors(path):
            return SqliteStore(Database(path, connect(path)))

    def new_session(self, *, system: str = "", title: str = "") -> str:
        """Begin a session; gives its id."""
        own_title = title if title.strip() else ""
        time = now()
        with self._database.writing() as connection:
            session_id = ids.random_id()
            while connection.execute("SELECT 1 FROM sessions WHERE id = ?", (session_id,)).fetchall():
                session_id = ids.random_id()
            connection.execute(
                "INSERT INTO sessions (id, title, title_is_own, system, created_at, updated_at)"
                " VALUES (?, '', ?, ?, ?, ?)",
                (session_id, bool(own_title), to_text(system), time, time),
            )
            if own_title:
                turns.update_session(connection, session_id, title=to_text(own_title))
        return session_id

    def pin_session(self, session_id: str, is_pinned: bool) -> None:
        """Let a session stand before the others in the list, or among them again."""
        self._update_session(session_id, pinned_at=now() if is_pinned else None)

    def rename_session(self, session_id: str, title: str) -> None:
        """Give a session a title; a blank one gives it back the one of its first message."""
        with self._database.writing(session_id) as connection:
            is_own = bool(title.strip())
            if not is_own:
                branch = turns.branch(connection, self._database.path, session_id)
                reply = branch[1].turn.text if len(branch) > 1 else ""
                title = titles.title_of(branch[0].turn, reply) if branch else ""
            turns.update_session(connection, session_id, title=to_text(title), title_is_own=is_own)

    def delete_session(self, session_id: str) -> None:
        """Take a session out of the list; `restore_session` brings it back."""
        self._update_session(session_id, deleted_at=now())

    def restore_session(self, session_id: str) -> None:
        """Bring back a deleted session."""
        self._update_session(session_id, deleted_at=None)

    def set_system(self, session_id: str, system: str) -> None:
        """Change the text that stands before the first turn."""
        self._update_session(session_id, system=to_text(system), updated_at=now())

    def turns(self, session_id: str, last: int | None = None) -> list[StoredTurn]:
        """The turns from the first to `last`, or to the last that is shown; no picture's bytes are read."""
        with self._database.reading(session_id) as connection:
            return turns.branch(connection, self._database.path, session_id, last)

    def add_user_turn(self, session_id: str, turn: Turn, after: int | None = None) -> int:
        """Add a user's turn after the last one, or after `after`, its pictures' bytes included; gives the turn's id."""
        new_pictures = self._read_pictures(turn)
        with self._database.writing(session_id) as connection:
            parent = branches.place_after(connection, session_id, after)
            return self._add_message(connection, session_id, turn, parent, new_pictures)

    def add_version(self, message_id: int, turn: Turn) -> int:
        """Add a user's turn beside another, and show it; gives the turn's id."""
        new_pictures = self._read_pictures(turn)
        with self._database.writing() as connection:
            session_id, parent = branches.place_of(connection, message_id)
            return self._add_message(connection, session_id, turn, parent, new_pictures)

    def open_reply(
        self, message_id: int, facts: CheckpointFacts, settings: GenerationSettings, shows: bool = False
    ) -> int:
        """Add an empty, unfinished reply to a user's turn; gives the reply's id."""
        with self._database.writing() as connection:
            return replies.open_reply(connection, message_id, facts, settings, shows)

    def save_reply(self, turn_id: int, text: str, token_ids: Sequence[int]) -> None:
        """Keep what an unfinished reply says so far."""
        with self._database.writing() as connection:
            replies.save_reply(connection, turn_id, text, token_ids)

    def close_reply(self, turn_id: int, reply: Reply) -> None:
        """Keep a finished reply with its stop reason and timings; from then on it cannot change."""
        with self._database.writing() as connection:
            replies.close_reply(connection, turn_id, reply)
            titles.retitle(connection, self._database.path, turn_id, reply.text)

    def show_until(self, session_id: str, turn_id: int | None) -> None:
        """Make a turn the last one of the shown branch, or show none; what follows it stays in the session."""
        with self._database.writing(session_id) as connection:
            branches.show_until(connection, session_id, turn_id)

    def show_branch(self, session_id: str, turn_id: int) -> None:
        """Show the branch that a turn is in, up to the newest of all turns that follow it."""
        with self._database.writing(session_id) as connection:
            branches.show_until(connection, session_id, branches.newest_below(connection, session_id, turn_id))

    def versions(self, session_id: str) -> list[tuple[int, ...]]:
        """The turns that stand in one place, the oldest first, for every place where there are several."""
        with self._database.reading(session_id) as connection:
            return branches.versions(connection, session_id)

    def tree(self, session_id: str) -> list[TreeTurn]:
        """Every turn of every branch, each after the one it follows."""
        with self._database.reading(session_id) as connection:
            return branches.tree(connection, session_id)

    def mark_example(self, message_id: int, is_example: bool) -> None:
        """Say whether a user's turn, with the reply to it, is an example of how to reply."""
        with self._database.writing() as connection:
            turns.mark_example(connection, message_id, is_example)

    def examples(self, session_id: str) -> list[StoredTurn]:
        """The marked exchanges of the shown branch that have a reply, message and reply in turn."""
        return examples_of(self.turns(session_id))

    def add_choice(self, session_id: str, choice: Choice) -> None:
        """Keep labels that were ranked, the bytes of the pictures that came with them included."""
        new_pictures = self._read_missing(choice.images)
        with self._database.writing(session_id) as connection:
            for image, data in new_pictures:
                pictures.insert(connection, image, data)
            choices.insert(connection, session_id, choice)

    def choices(self, session_id: str) -> list[Choice]:
        """What was ranked in the shown branch, in order; no picture's bytes are read."""
        with self._database.reading(session_id) as connection:
            return choices.of_branch(connection, self._database.path, session_id)

    def leave_out(self, session_id: str, left: LeftOut) -> None:
        """Keep what of a session the model is not shown, in the place of what was kept of that before."""
        with self._database.writing(session_id) as connection:
            left_out.replace(connection, session_id, left)

    def left_out(self, session_id: str) -> LeftOut:
        """What of a session the model is not shown, in whichever branch."""
        with self._database.reading(session_id) as connection:
            return left_out.find(connection, session_id)

    def save_draft(self, session_id: str | None, draft: Draft) -> None:
        """Keep an unsent message; None is the session not yet begun; an empty draft removes it."""
        new_pictures = self._read_missing(draft.images)
        with self._database.writing() as connection:
            if session_id is not None:
                turns.require_session(connection, session_id)
            for image, data in new_pictures:
                pictures.insert(connection, image, data)
            drafts.replace(connection, session_id, draft)

    def draft(self, session_id: str | None) -> Draft:
        """The unsent message that was kept, or an empty one."""
        with self._database.reading(session_id) as connection:
            if session_id is not None:
                turns.require_session(connection, session_id)
            return read_whatever(connection, lambda: drafts.find(connection, self._database.path, session_id))

    def _update_session(self, session_id: str, **columns: Column) -> None:
        with self._database.writing(session_id) as connection:
            turns.update_session(connection, session_id, **columns)

    def _read_pictures(self, message: Turn) -> list[tuple[Image, bytes]]:
        if message.role is not Role.USER:
            raise InvalidTurnError("an assistant's turn is added as a reply")
        return self._read_missing(message.images, reads=True)

    def _add_message(
        self,
        connection: Connection,
        session_id: str,
        turn: Turn,
        parent: int | None,
        new_pictures: Iterable[tuple[Image, bytes]],
    ) -> int:
        for image, data in new_pictures:
            pictures.insert(connection, image, data)
        turn_id = turns.append(connection, session_id, Role.USER, parent, shows=True)
        turns.insert_parts(connection, turn_id, turn.parts)
        if not turns.require_session(connection, session_id)["title"]:
            turns.update_session(connection, session_id, title=to_text(titles.title_of(turn)))
        return turn_id
