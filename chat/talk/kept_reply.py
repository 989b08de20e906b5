"""The reply being written, as the store is to have it: opened there, and closed when it has ended."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from chat.conversation import assistant_turn
from chat.generation import CheckpointFacts, GenerationSettings, Reply
from chat.records import Generation, StoredTurn
from chat.session import ReplySoFar, SessionStore

# Imported with the first prompt: the first frame does without.
if TYPE_CHECKING:
    from chat.prompt import Said


class KeptReply(ReplySoFar):
    """A reply to a stored message. Where the store refuses to open or to close it, that can be tried again."""

    def __init__(
        self,
        message_id: int,
        facts: CheckpointFacts,
        settings: GenerationSettings,
        *,
        prompt_tokens: int = 0,
        words: "str | Said" = "",
        shows: bool = False,
    ) -> None:
        """Begin a reply.

        Args:
            message_id: Of the message that it is the reply to.
            facts: Of the checkpoint that gives it.
            settings: It is kept with.
            prompt_tokens: Of the prompt it answers.
            words: What it begins with.
            shows: Show it in the place of whatever is shown after the message.
        """
        super().__init__(settings, prompt_tokens=prompt_tokens, words=words)
        self.turn_id = 0
        """0 until the store has opened it."""
        self.is_closed = False
        """Whether the store has the whole of it."""
        self._message_id = message_id
        self._shows = shows
        self._facts = facts
        self._whole: Reply | None = None

    def end(self, whole: Reply) -> StoredTurn:
        """Take the whole reply; gives the turn that it is."""
        self._whole = whole
        generation = Generation.of(whole, self._facts, self.settings)
        return StoredTurn(self.turn_id, assistant_turn(whole.text), now(), generation)

    def save(self, store: SessionStore) -> None:
        """Open it in the store, and close it there if it has ended; raises StoreError."""
        if not self.turn_id:
            self.turn_id = store.open_reply(self._message_id, self._facts, self.settings, self._shows)
            if self.text:
                # Before the model has said anything: should the program die now, they stay.
                store.save_reply(self.turn_id, self.text, self.token_ids)
        if self._whole is not None and not self.is_closed:
            store.close_reply(self.turn_id, self._whole)
            self.is_closed = True


def now() -> str:
    """The time as the store writes it."""
    return datetime.now(UTC).isoformat()
