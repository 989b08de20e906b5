"""The session that is shown: what was said, what waits to be sent, and the reply being written.

Lives on the UI thread with the store; knows no widget.
"""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Final

from chat.context import without_oldest
from chat.conversation import Conversation, Image, user_turn
from chat.errors import StoreBusyError, StoreError
from chat.generation import CheckpointFacts, Chunk, GenerationSettings, Reply, StopReason
from chat.records import Draft, StoredTurn
from chat.session import SessionStore, conversation_of
from chat.tui.kept_reply import KeptReply, now
from chat.tui.marks import parts_of, renumbered

NOTHING: Final = Draft()


class OpenSession:
    """A session in use; a new one is begun in the store with its first message.

    What changes here is written by `save`, which can be called until the store has taken everything.
    """

    def __init__(self, store: SessionStore, session_id: str | None = None) -> None:
        """Open a session.

        Args:
            store: Keeps everything.
            session_id: Of the session; None for a new one.
        """
        self._store = store
        self.id = session_id
        """None until the first message is sent."""
        self.title = ""
        self.system = ""
        self.turns: list[StoredTurn] = []
        self.left_out = 0
        """How many of the oldest messages, with their replies, the model is not shown; they stay in the session."""
        self.waiting: list[Draft] = []
        """Messages to send when the model is free."""
        self._reply: KeptReply | None = None
        self._unsaved: list[KeptReply] = []
        """The reply being written, and those before it that the store has not taken whole."""
        if session_id is not None:
            summary = store.find_session(session_id)
            self.id, self.title, self.system = summary.id, summary.title, summary.system
            self.turns = list(store.turns(summary.id))
        self._saved_system = self.system
        self.draft = self._saved_draft = store.draft(self.id)
        """What is not sent: the waiting messages and the one being written, as one."""
        self._draft_as_new: Draft | None = None
        """What this session had as its draft before its first message, as long as the store may still have it."""

    @property
    def is_replying(self) -> bool:
        """Whether a reply is being written."""
        return self._reply is not None

    @property
    def image_count(self) -> int:
        """Pictures in the conversation."""
        return sum(len(stored.turn.images) for stored in self.turns)

    @property
    def next_number(self) -> int:
        """The number of the next message's first picture."""
        return self.image_count + sum(len(draft.images) for draft in self.waiting) + 1

    def numbered(self) -> Iterable[tuple[StoredTurn, int]]:
        """The turns, each with the number of its first picture."""
        number = 1
        for stored in self.turns:
            yield stored, number
            number += len(stored.turn.images)

    def conversation(self, facts: CheckpointFacts) -> Conversation:
        """All that was said, as far as the model is shown it."""
        return without_oldest(conversation_of(self.turns, system=self.system, facts=facts), self.left_out)

    def conversation_with(self, draft: Draft, facts: CheckpointFacts) -> Conversation:
        """The conversation if the draft were sent next."""
        turn = user_turn(*parts_of(draft.text, draft.images, self.image_count + 1))
        pending = StoredTurn(0, turn, "", None)
        conversation = conversation_of([*self.turns, pending], system=self.system, facts=facts)
        return without_oldest(conversation, self.left_out)

    def leave_out(self, count: int) -> None:
        """Show the model so many of the oldest messages less, as far as there are any."""
        # A message without a reply counts as well: it gets an empty one as soon as another follows.
        exchanges = (len(conversation_of(self.turns).turns) + 1) // 2
        self.left_out = min(self.left_out + count, exchanges)

    def keep_draft(self, written: Draft, before: Draft = NOTHING, *, is_last: bool = False) -> None:
        """Keep what is not sent.

        Args:
            written: The message being written.
            before: What is to stand before everything.
            is_last: The session is left: this is kept even where another window has put its own in its place since.
        """
        self.draft = joined([before, *self.waiting, written])
        if is_last and self.draft and self.draft == self._saved_draft:
            # Without an answer the store has what was written there.
            with suppress(StoreError):
                self._saved_draft = self._store.draft(self.id)

    def number_of(self, position: int) -> int:
        """The number of a waiting message's first picture."""
        return self.image_count + sum(len(draft.images) for draft in self.waiting[:position]) + 1

    def take_back(self, position: int = -1) -> Draft | None:
        """Take a waiting message back, the last one unless told which; None where there is no such message."""
        if not -len(self.waiting) <= position < len(self.waiting):
            return None
        position %= len(self.waiting)
        number = self.number_of(position)
        draft = self.waiting.pop(position)
        self._renumber(position, number + len(draft.images), number)
        return draft

    def _renumber(self, position: int, number: int, new_number: int) -> None:
        """Give new numbers to the pictures of the waiting messages from a position on."""
        for later in range(position, len(self.waiting)):
            draft = self.waiting[later]
            self.waiting[later] = renumbered(draft, number, new_number)
            number, new_number = number + len(draft.images), new_number + len(draft.images)

    def send(self, facts: CheckpointFacts, settings: GenerationSettings, prompt_tokens: int = 0) -> bool:
        """Keep the first waiting message as a turn and begin the reply to it, which `save` opens in the store.

        Args:
            facts: Of the checkpoint that replies.
            settings: The reply is generated with.
            prompt_tokens: Of the conversation with the message.

        Returns:
            Whether the turns before the message are other than they were here: others have added to the session.

        Raises:
            ChatError: Nothing was sent; the message waits.
        """
        # What was said before the message stands before it in the store too, or it is not sent.
        self._save_said()
        draft = self.waiting[0]
        turn = user_turn(*parts_of(draft.text, draft.images, self.image_count + 1))
        if self.id is None:
            self.id = self._store.new_session(system=self.system)
            self._saved_system, self._draft_as_new, self._saved_draft = self.system, self._saved_draft, Draft()
        stored = StoredTurn(self._store.add_user_turn(self.id, turn), turn, now(), None)
        # From here on it is sent, whatever fails: it must not be sent a second time.
        self.waiting.pop(0)
        self._reply = KeptReply(stored.id, facts, settings, prompt_tokens)
        self._unsaved.append(self._reply)
        return self._append(self.id, stored)

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
        if is_other or not self.title:
            with suppress(StoreError):
                summary = self._store.find_session(session_id)
                self.title, self.system = summary.title, summary.system
                self._saved_system = self.system
        self._renumber(0, number, self.number_of(0))
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

    @property
    def has_unsaved_draft(self) -> bool:
        """Whether the store has not taken the draft."""
        return self._draft_as_new is not None or self.draft != self._saved_draft

    @property
    def has_unsaved(self) -> bool:
        """Whether the store has not taken the draft, the system text or a reply that has ended."""
        return self.has_unsaved_draft or self._has_unsaved_system or any(r is not self._reply for r in self._unsaved)

    @property
    def _has_unsaved_system(self) -> bool:
        return self.id is not None and self.system != self._saved_system

    def save(self) -> None:
        """Write what is not in the store yet, so that what fails keeps nothing else out of it.

        Raises:
            StoreError: The first that was met; a store that is busy is not asked twice.
        """
        problem: StoreError | None = None
        for write in (self._save_said, self._save_draft):
            try:
                write()
            except StoreBusyError:
                raise
            except StoreError as error:
                problem = problem or error
        if problem is not None:
            raise problem

    def _save_said(self) -> None:
        if self.id is not None and self._has_unsaved_system:
            self._store.set_system(self.id, self.system)
            self._saved_system = self.system
        for reply in self._unsaved:
            reply.save(self._store)
        self._unsaved = [reply for reply in self._unsaved if not reply.is_closed]

    def _save_draft(self) -> None:
        if self.draft != self._saved_draft:
            self._store.save_draft(self.id, self.draft)
            self._saved_draft = self.draft
        if self._draft_as_new is not None:
            if self._store.draft(None) == self._draft_as_new:
                self._store.save_draft(None, Draft())
            self._draft_as_new = None

    def add(self, chunk: Chunk) -> None:
        """Take a piece of the reply."""
        if self._reply is not None:
            self._reply.add(chunk)

    @property
    def reply(self) -> KeptReply | None:
        """The reply being written."""
        return self._reply

    @property
    def reply_text(self) -> str:
        """What the reply says so far."""
        return self._reply.text if self._reply is not None else ""

    @property
    def reply_tokens(self) -> int:
        """How many tokens the reply has so far."""
        return len(self._reply.token_ids) if self._reply is not None else 0

    def finish(self, reply: Reply) -> StoredTurn:
        """Take the whole reply, which `save` writes."""
        return self._end(reply)

    def fail(self, reason: StopReason) -> StoredTurn:
        """End the reply where it is; `save` writes it."""
        return self._end(None, reason)

    def _end(self, whole: Reply | None, reason: StopReason = StopReason.ERROR) -> StoredTurn:
        running, self._reply = self._reply, None
        if running is None:
            raise RuntimeError("no reply is being written")
        # Into the conversation whatever becomes of it in the store: what cannot be saved is still said.
        stored = running.end(whole or running.cut(reason))
        self.turns.append(stored)
        return stored


def joined(drafts: Sequence[Draft]) -> Draft:
    """Unsent messages as one; their pictures keep their numbers, since those run on from draft to draft."""
    images: tuple[Image, ...] = tuple(image for draft in drafts for image in draft.images)
    return Draft("\n\n".join(draft.text for draft in drafts if draft.text.strip()), images)


def _words_of(turns: Iterable[StoredTurn]) -> list[tuple[int, str]]:
    return [(stored.id, stored.turn.text) for stored in turns]
