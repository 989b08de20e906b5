"""The session that is shown: what was said, what waits to be sent, and the reply being written.

Lives on the UI thread with the store; knows no widget.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from chat.conversation import Conversation, Image, assistant_turn, user_turn
from chat.generation import CheckpointFacts, Chunk, GenerationSettings, Reply, StopReason
from chat.records import Draft, Generation, StoredTurn
from chat.session import RunningReply, SessionStore, conversation_of
from chat.tui.marks import moved, parts_of


class OpenSession:
    """A session in use; a new one is begun in the store with its first message."""

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
        self.waiting: list[Draft] = []
        """Messages to send when the model is free."""
        self._reply: RunningReply | None = None
        self._facts = CheckpointFacts("")
        self._settings = GenerationSettings()
        if session_id is not None:
            summary = store.find_session(session_id)
            self.id, self.title, self.system = summary.id, summary.title, summary.system
            self.turns = list(store.turns(summary.id))

    @property
    def draft(self) -> Draft:
        """The unsent message that was kept."""
        return self._store.draft(self.id)

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

    def conversation_with(self, draft: Draft, facts: CheckpointFacts) -> Conversation:
        """The conversation if the draft were sent next."""
        turn = user_turn(*parts_of(draft.text, draft.images, self.image_count + 1))
        pending = StoredTurn(0, turn, "", None)
        return conversation_of([*self.turns, pending], system=self.system, facts=facts)

    def keep_draft(self, draft: Draft) -> None:
        """Keep what is not sent: the waiting messages and the one being written, as one."""
        self._store.save_draft(self.id, joined([*self.waiting, draft]))

    def take_back(self, position: int = -1) -> Draft:
        """Take a waiting message back, the last one unless told which."""
        position %= len(self.waiting)
        draft = self.waiting.pop(position)
        first = self.image_count + sum(len(earlier.images) for earlier in self.waiting[:position]) + 1
        for later in range(position, len(self.waiting)):
            moving = self.waiting[later]
            count = len(moving.images)
            text = moved(moving.text, first + len(draft.images), count, -len(draft.images))
            self.waiting[later] = Draft(text, moving.images)
            first += count
        return draft

    def set_system(self, system: str) -> None:
        """Change the text before the first turn."""
        self.system = system
        if self.id is not None:
            self._store.set_system(self.id, system)

    def send(self, facts: CheckpointFacts, settings: GenerationSettings) -> tuple[StoredTurn, Conversation]:
        """Keep the first waiting message as a turn and begin the reply to it.

        Returns:
            The user's turn, and the conversation up to it.
        """
        draft = self.waiting[0]
        turn = user_turn(*parts_of(draft.text, draft.images, self.image_count + 1))
        is_new = self.id is None
        if self.id is None:
            self.id = self._store.new_session(system=self.system)
        stored = StoredTurn(self._store.add_user_turn(self.id, turn), turn, _now(), None)
        # Only now: a store that failed above leaves the message where it waits.
        self.waiting.pop(0)
        self.turns.append(stored)
        if is_new:
            self._store.save_draft(None, Draft())
        if not self.title:
            self.title = self._store.find_session(self.id).title
        self._facts, self._settings = facts, settings
        self._reply = RunningReply(self._store, stored.id, facts, settings)
        return stored, conversation_of(self.turns, system=self.system, facts=facts)

    def add(self, chunk: Chunk) -> None:
        """Take a piece of the reply."""
        if self._reply is not None:
            self._reply.add(chunk)

    @property
    def reply_text(self) -> str:
        """What the reply says so far."""
        return self._reply.text if self._reply is not None else ""

    @property
    def reply_tokens(self) -> int:
        """How many tokens the reply has so far."""
        return len(self._reply.token_ids) if self._reply is not None else 0

    def finish(self, reply: Reply) -> StoredTurn:
        """Take the whole reply."""
        return self._end(reply)

    def fail(self, reason: StopReason) -> StoredTurn:
        """End the reply where it is."""
        return self._end(None, reason)

    def _end(self, reply: Reply | None, reason: StopReason = StopReason.ERROR) -> StoredTurn:
        running, self._reply = self._reply, None
        if running is None:
            raise RuntimeError("no reply is being written")
        # First into the conversation, then to the store: what cannot be saved is still said.
        ended = reply or _cut_reply(running, reason, self._settings.seed)
        generation = Generation.of(ended, self._facts, self._settings)
        stored = StoredTurn(running.turn_id, assistant_turn(ended.text), _now(), generation)
        self.turns.append(stored)
        if reply is None:
            running.fail(reason)
        else:
            running.finish(reply)
        return stored


def joined(drafts: Sequence[Draft]) -> Draft:
    """Unsent messages as one; their pictures keep their numbers, since those run on from draft to draft."""
    images: tuple[Image, ...] = tuple(image for draft in drafts for image in draft.images)
    return Draft("\n\n".join(draft.text for draft in drafts if draft.text.strip()), images)


def _cut_reply(running: RunningReply, reason: StopReason, seed: int | None) -> Reply:
    return Reply(
        text=running.text,
        token_ids=tuple(running.token_ids),
        stop_reason=reason,
        prompt_tokens=0,
        cached_tokens=0,
        seed=seed,
        first_token_s=0,
        total_s=0,
    )


def _now() -> str:
    return datetime.now(UTC).isoformat()
