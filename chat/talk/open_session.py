"""The session that is shown: what was said, what waits to be sent, and the reply being written.

Lives on the UI thread with the store; knows no widget.
"""

from contextlib import suppress
from dataclasses import replace

from chat.drafts import NOTHING, Draft, joined
from chat.errors import StoreBusyError, StoreError
from chat.generation import CheckpointFacts, Chunk, GenerationSettings, Reply, Score, StopReason
from chat.records import Choice, StoredTurn
from chat.session import SessionStore
from chat.talk.branches import AskedBranch, AskedEdit, AskedReply, as_kept
from chat.talk.kept_reply import KeptReply, now
from chat.talk.said import AskedChoice, RunningChoice, marked_message, turn_of, words_of
from chat.talk.tree_session import TreeSession


class OpenSession(TreeSession):
    """A session in use; a new one is begun in the store with its first message, or with the first labels ranked.

    What changes here is written by `save`, which can be called until the store has taken everything.
    """

    def __init__(self, store: SessionStore, session_id: str | None = None) -> None:
        """Open a session.

        Args:
            store: Keeps everything.
            session_id: Of the session; None for a new one.
        """
        super().__init__(store, session_id)
        self.choosing: RunningChoice | None = None
        """The labels that are being ranked."""
        self._unsaved_choices: list[tuple[Choice, KeptReply | None]] = []
        """What was ranked and is not in the store, with the reply it follows where that was not either."""
        self._reply: KeptReply | None = None
        self._unsaved: list[KeptReply] = []
        """The reply being written, and those before it that the store has not taken whole."""
        if session_id is not None:
            summary = store.find_session(session_id)
            self.id, self.title, self.system = summary.id, summary.title, summary.system
            self.turns, self.choices = list(store.turns(summary.id)), list(store.choices(summary.id))
            self.not_shown = store.left_out(summary.id)
        self._saved_system, self._saved_not_shown = self.system, self.not_shown
        self.draft = self._saved_draft = store.draft(self.id)
        """What is not sent: the waiting messages and the one being written, as one."""
        self._draft_as_new: Draft | None = None
        """What this session had as its draft before its first message, as long as the store may still have it."""

    @property
    def is_replying(self) -> bool:
        """Whether a reply is being written."""
        return self._reply is not None

    @property
    def is_busy(self) -> bool:
        """Whether the model is at work on it."""
        return self.is_replying or self.choosing is not None

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to show."""
        return not (self.turns or self.choices or self.waiting or self.choosing)

    def keep_draft(self, written: Draft, before: Draft = NOTHING, *, is_last: bool = False) -> None:
        """Keep what is not sent.

        Args:
            written: The message being written.
            before: What is to stand before everything.
            is_last: The session is left: this is kept even where another window has put its own in its place since.
        """
        running = [self.choosing.asked] if self.choosing else []
        self.draft = joined([before, *running, *self.waiting, written])
        if is_last and self.draft and self.draft == self._saved_draft:
            # Without an answer the store has what was written there.
            with suppress(StoreError):
                self._saved_draft = self._store.draft(self.id)

    def send(self, facts: CheckpointFacts, settings: GenerationSettings, prompt_tokens: int = 0) -> bool:
        """Keep the first waiting message as a turn and begin the reply to it, which `save` opens in the store.

        What makes a branch has that branch shown; a further reply adds no message.

        Args:
            facts: Of the checkpoint that replies.
            settings: The reply is generated with.
            prompt_tokens: Of the conversation with the message.

        Returns:
            Whether the turns before the message are other than they were here: it makes a branch, or others have added
            to the session.

        Raises:
            ChatError: Nothing was sent; the message waits.
        """
        # What was said before the message stands before it in the store too, or it is not sent.
        self._save_said()
        draft, session_id, next_number = self.waiting[0], self._begin(), self.number_of(1)
        stored = draft.path[-1] if isinstance(draft, AskedReply) else self._add_message(session_id, draft)
        # From here on it is sent, whatever fails: it must not be sent a second time.
        self.waiting.pop(0)
        words = words_of(draft, facts)
        kept = settings if isinstance(words, str) else as_kept(settings, len(words.token_ids))
        is_further = isinstance(draft, AskedReply)
        # Where only a server could count them, nobody has.
        counted = prompt_tokens if facts.context_length else 0
        self._reply = KeptReply(stored.id, facts, kept, prompt_tokens=counted, words=words, shows=is_further)
        self._unsaved.append(self._reply)
        self.has_undone_nothing()
        if isinstance(draft, AskedBranch):
            self._branch_off((*draft.path, *(() if is_further else (stored,))), next_number)
            return True
        return self._append(session_id, stored)

    def _add_message(self, session_id: str, draft: Draft) -> StoredTurn:
        turn = turn_of(draft, self.image_count + 1)
        if isinstance(draft, AskedEdit):
            turn_id = self._store.add_version(draft.message_id, turn)
        else:
            # What the store took late has no id here; it is the last turn shown there.
            last = self.turns[-1].id if self.turns else 0
            turn_id = self._store.add_user_turn(session_id, turn, last or None)
        return StoredTurn(turn_id, turn, now(), None)

    def _begin(self) -> str:
        """Begin the session in the store, where it is a new one; gives its id."""
        if self.id is None:
            self.id = self._store.new_session(system=self.system)
            self._saved_system, self._draft_as_new, self._saved_draft = self.system, self._saved_draft, Draft()
        return self.id

    @property
    def has_unsaved_draft(self) -> bool:
        """Whether the store has not taken the draft."""
        return self._draft_as_new is not None or self.draft != self._saved_draft

    @property
    def has_unsaved(self) -> bool:
        """Whether the store has not taken the draft, the system text, what is left out, a reply or a choice."""
        knows_more = (self.system, self.not_shown) != (self._saved_system, self._saved_not_shown)
        has_unsaved_said = bool(self._unsaved_choices) or any(r is not self._reply for r in self._unsaved)
        return self.has_unsaved_draft or (self.id is not None and knows_more) or has_unsaved_said

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
        if self.id is not None and self.system != self._saved_system:
            self._store.set_system(self.id, self.system)
            self._saved_system = self.system
        if self.id is not None and self.not_shown != self._saved_not_shown:
            self._store.leave_out(self.id, self.not_shown)
            self._saved_not_shown = self.not_shown
        for reply in self._unsaved:
            reply.save(self._store)
        if self.id is not None and len(self.turns) <= 2 and any(reply.is_closed for reply in self._unsaved):
            # The first reply may have made the title.
            with suppress(StoreError):
                self.title = self._store.find_session(self.id).title
        self._unsaved = [reply for reply in self._unsaved if not reply.is_closed]
        while self._unsaved_choices:
            choice, before = self._unsaved_choices[0]
            kept = replace(choice, turn_id=before.turn_id) if before else choice
            self._store.add_choice(self._begin(), kept)
            self._unsaved_choices.pop(0)
            self.choices = [kept if one is choice else one for one in self.choices]

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
        """How many tokens the reply has so far, without those of a cut one that it goes on with."""
        return self._reply.new_tokens if self._reply is not None else 0

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
        stored = running.end(running.whole(whole) if whole else running.cut(reason))
        self.turns.append(stored)
        return stored

    def begin_choice(self, asked: AskedChoice, facts: CheckpointFacts) -> RunningChoice:
        """Rank the labels that wait before everything else."""
        self.waiting.remove(asked)
        self.choosing = self.running(asked, facts)
        return self.choosing

    def give_up_choice(self) -> None:
        """Let the labels that are being ranked wait again, before everything else."""
        if self.choosing is not None:
            self.waiting.insert(0, self.choosing.asked)
            self.choosing = None

    def finish_choice(self, scores: tuple[Score, ...]) -> Choice:
        """Take how likely the labels are; `save` writes it."""
        running, self.choosing = self.choosing, None
        if running is None:
            raise RuntimeError("no labels are being ranked")
        choice = running.choice(scores, self.turns[-1].id if self.turns else None)
        self.choices.append(choice)
        self._unsaved_choices.append((choice, self._unsaved[-1] if self._unsaved else None))
        return choice

    def mark_example(self, number: int | None = None) -> StoredTurn:
        """Mark an exchange as an example, or take its mark away; gives its message as it is now.

        Args:
            number: Which one, from 1; None for the last that has a reply.

        Raises:
            UsageError: There is no such exchange, or nothing was replied in it.
            StoreError: Nothing was marked.
        """
        message = marked_message(self.turns, number)
        marked = replace(message, is_example=not message.is_example)
        self._store.mark_example(message.id, marked.is_example)
        self.turns = [marked if stored is message else stored for stored in self.turns]
        return marked
