"""The branches of the session that is shown: which versions a turn has, and how another branch is shown."""

from collections.abc import Iterable, Sequence
from contextlib import suppress

from chat.conversation import Role
from chat.errors import StoreError, UsageError
from chat.records import StoredTurn, TreeTurn
from chat.session import SessionStore
from chat.talk.branches import message_at
from chat.talk.waiting import WaitingSession


class TreeSession(WaitingSession):
    """A session as one branch of a tree of turns."""

    def __init__(self, store: SessionStore, session_id: str | None) -> None:
        super().__init__()
        self._store = store
        self.id = session_id
        """None until the first message is sent."""
        self.title = ""
        self._saved_system = ""
        self._versions: dict[int, tuple[int, ...]] = {}
        self._undone: list[int] = []
        """The last turns of the branches that were shown before the last exchange was undone."""

    @property
    def is_busy(self) -> bool:
        """Whether the model is at work on it."""
        raise NotImplementedError

    def _save_said(self) -> None:
        raise NotImplementedError

    # Versions

    def read_versions(self) -> None:
        """Read anew which turns stand in one place; where the store gives no answer, it is as it was."""
        with suppress(StoreError):
            found = self._store.versions(self.id) if self.id is not None else ()
            self._versions = {turn_id: versions for versions in found for turn_id in versions}

    @property
    def places(self) -> dict[int, tuple[int, int]]:
        """Of every turn that has other versions, which of how many it is, from 1."""
        return {turn_id: (versions.index(turn_id) + 1, len(versions)) for turn_id, versions in self._versions.items()}

    def version_of(self, turn_id: int, number: int) -> int | None:
        """The version of that number, from 1, of a turn; None where there is none."""
        versions = self._versions.get(turn_id, (turn_id,))
        return versions[number - 1] if 1 <= number <= len(versions) else None

    def last_branching(self) -> StoredTurn | None:
        """The last turn shown that has other versions."""
        return next((stored for stored in reversed(self.turns) if stored.id in self._versions), None)

    def tree(self) -> Sequence[TreeTurn]:
        """Every turn of every branch; raises StoreError."""
        return self._store.tree(self.id) if self.id is not None else ()

    # Showing another branch

    def require_rest(self) -> None:
        """Raise UsageError while the model is at work here, or a message waits that was written for this branch."""
        if self.is_busy:
            raise UsageError("the model is at work on this branch: wait, or stop it with escape")
        if self.waiting:
            raise UsageError("a message waits to be sent in this branch: up takes it back")

    def show_branch(self, turn_id: int) -> None:
        """Show the branch that a turn is in; raises UsageError while this one is in use, and StoreError."""
        self._settle()
        if self.id is not None:
            self._store.show_branch(self.id, turn_id)
            self.has_undone_nothing()
            self._read_shown(self.id)

    def undo(self) -> None:
        """Show the session without its last exchange, which stays in it.

        Raises:
            UsageError: There is none, or this branch is in use.
            StoreError: Nothing was undone.
        """
        self._settle()
        place = message_at(self.turns, None)
        if self.id is not None:
            last = self.turns[-1].id
            self._store.show_until(self.id, self.turns[place - 1].id if place else None)
            self._undone.append(last)
            self._read_shown(self.id)

    def redo(self) -> None:
        """Show the exchange that was undone last, or else the newest one that follows.

        Raises:
            UsageError: There is none, or this branch is in use.
            StoreError: Nothing was shown.
        """
        self._settle()
        if self.id is None:
            raise UsageError("nothing was said yet: ask something first")
        last = self._undone[-1] if self._undone else _newest_exchange(self.tree(), self.turns)
        self._store.show_until(self.id, last)
        del self._undone[-1:]
        self._read_shown(self.id)

    def _settle(self) -> None:
        """Have everything that was said in the store, and known by the ids it has there."""
        self.require_rest()
        self._save_said()
        if self.id is not None and not all(stored.id for stored in self.turns):
            self._read_shown(self.id)

    def has_undone_nothing(self) -> None:
        """Go on from what is shown: what was undone before is a branch like others."""
        self._undone = []

    def _read_shown(self, session_id: str) -> None:
        """Take the branch that the store shows; nothing waits."""
        turns, choices = self._store.turns(session_id), self._store.choices(session_id)
        self.turns, self.choices = list(turns), list(choices)

    def _append(self, session_id: str, stored: StoredTurn) -> bool:
        """Add a turn that the store has; where others may have added some before it, take all of them from there."""
        is_certain = self._is_next(stored.id)
        held = self.turns = [*self.turns, stored]
        number = self.number_of(0)
        # Without an answer what is held must do: the message is sent, and the next one asks again.
        with suppress(StoreError):
            # The store's pictures are read from the file when they are needed, those just sent are held in memory.
            if stored.turn.images or not is_certain:
                self.turns = list(self._store.turns(session_id, stored.id))
        is_other = _words_of(held) != _words_of(self.turns)
        if is_other:
            with suppress(StoreError):
                self.choices = list(self._store.choices(session_id))
        if is_other or not self.title:
            with suppress(StoreError):
                summary = self._store.find_session(session_id)
                self.title, self.system = summary.title, summary.system
                self._saved_system = self.system
        self.renumber(0, number, self.number_of(0))
        return is_other

    def _is_next(self, turn_id: int) -> bool:
        """Whether it is certain, without reading the session, that a turn follows what is held and nothing else.

        Turns are numbered through all sessions, so that whoever adds one leaves a gap here. The message and the reply
        before it count as well: had something come between those two, the reply would be a branch of its own.
        """
        last = self.turns[-2:]
        if not last or (last[-1].generation is not None and last[-1].generation.is_interrupted):
            # Nothing to compare with, or a reply that was still being written elsewhere when it was read.
            return False
        ids = [*(stored.id for stored in last), turn_id]
        return ids == list(range(ids[0], ids[0] + len(ids)))

    def _branch_off(self, path: Sequence[StoredTurn], next_number: int) -> None:
        """Take the branch that ends with a message; without an answer of the store what is known of it must do.

        Args:
            path: Its turns.
            next_number: The number that the first picture of the first message that waits had until now.
        """
        self.turns = list(path)
        if self.id is not None:
            with suppress(StoreError):
                # The store's pictures are read from the file when they are needed.
                self.turns = list(self._store.turns(self.id, path[-1].id))
        known = {stored.id for stored in self.turns}
        self.choices = [choice for choice in self.choices if choice.turn_id is None or choice.turn_id in known]
        self.renumber(0, next_number, self.number_of(0))


def _words_of(turns: Iterable[StoredTurn]) -> list[tuple[int, str]]:
    return [(stored.id, stored.turn.text) for stored in turns]


def _newest_exchange(tree: Sequence[TreeTurn], turns: Sequence[StoredTurn]) -> int:
    """The last turn of the newest exchange that follows the turns; raises UsageError where nothing does."""
    last = turns[-1].id if turns else None
    message = max((node.id for node in tree if node.parent_id == last and node.role is Role.USER), default=None)
    if message is None:
        raise UsageError("there is nothing for /redo to bring back: nothing was undone here")
    replies = [node.id for node in tree if node.parent_id == message and node.role is Role.ASSISTANT]
    return max(replies, default=message)
