"""A stored conversation in use: what the store must be able to do, and one exchange from question to saved reply.

Knows the store and the generator by their protocols alone.
"""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final, Protocol

from chat.conversation import Conversation, Role, Turn, assistant_turn
from chat.drafts import Draft
from chat.generation import CheckpointFacts, Chunk, GenerationSettings, Reply, StopReason
from chat.picture_store import PictureStore
from chat.records import Choice, LeftOut, StoredTurn, TreeTurn
from chat.summaries import FoundSessions, SessionSummary
from chat.whole_sessions import WholeSessions

# Imported with the first prompt: the first frame of the UI does without.
if TYPE_CHECKING:
    from chat.likeness import Sought
    from chat.prompt import Said
    from chat.search import Query

SAVE_EVERY_S: Final = 0.5
"""Seconds between two commits of a reply that is being streamed; half of what is promised."""


class SessionStore(WholeSessions, PictureStore, Protocol):
    """Keeps sessions. Belongs to the thread that opened it. Every call is committed when it returns."""

    def open_again(self) -> "SessionStore":
        """Open the same sessions once more, for the calling thread, whichever that is; none are made anew."""

    def close(self) -> None:
        """Let go of the file."""

    def new_session(self, *, system: str = "", title: str = "") -> str:
        """Begin a session; gives its id."""

    def find_session(self, id_or_prefix: str) -> SessionSummary:
        """The session with this id, or the only one whose id begins so; raises UnknownSessionError."""

    def latest_session(self) -> SessionSummary | None:
        """The session that was changed last."""

    def sessions(self, *, limit: int = 200, offset: int = 0) -> Sequence[SessionSummary]:
        """Sessions: those that are pinned, then the others; of each the one changed last first."""

    def search(
        self, query: "Query", *, limit: int = 200, offset: int = 0, sought: "Sought | None" = None
    ) -> FoundSessions:
        """The sessions whose title or a turn holds all the words and that the filters let through, in that order.

        A turn of any branch counts; without words every session does. With a picture they are those that hold it, then
        those that hold one like it, the likest first; see `learn_likenesses`.
        """

    def pin_session(self, session_id: str, is_pinned: bool) -> None:
        """Let a session stand before the others in the list, or among them again."""

    def rename_session(self, session_id: str, title: str) -> None:
        """Give a session a title."""

    def delete_session(self, session_id: str) -> None:
        """Take a session out of the list; `restore_session` brings it back."""

    def restore_session(self, session_id: str) -> None:
        """Bring back a deleted session."""

    def set_system(self, session_id: str, system: str) -> None:
        """Change the text that stands before the first turn."""

    def turns(self, session_id: str, last: int | None = None) -> Sequence[StoredTurn]:
        """The turns from the first to `last`, or to the last of the shown branch."""

    def add_user_turn(self, session_id: str, turn: Turn, after: int | None = None) -> int:
        """Add a user's turn, its pictures' bytes included, and show it; gives the turn's id.

        It follows the last turn of the shown branch, after whatever others have added. But where that branch does not
        come by `after`, the turn that whoever writes sees last, it follows `after`.
        """

    def add_version(self, message_id: int, turn: Turn) -> int:
        """Add a user's turn beside another, as what is said in its place, and show it; gives the turn's id."""

    def open_reply(
        self, message_id: int, facts: CheckpointFacts, settings: GenerationSettings, shows: bool = False
    ) -> int:
        """Add an empty, unfinished reply to a user's turn; gives the reply's id.

        It is shown, unless the conversation has gone on from that turn before: then it is a branch of its own, which
        `shows` has shown all the same.
        """

    def show_until(self, session_id: str, turn_id: int | None) -> None:
        """Make a turn the last one of the shown branch, or show none; what follows it stays in the session."""

    def show_branch(self, session_id: str, turn_id: int) -> None:
        """Show the branch that a turn is in, up to the newest of all turns that follow it."""

    def versions(self, session_id: str) -> Sequence[tuple[int, ...]]:
        """The turns that stand in one place, the oldest first, for every place where there are several."""

    def tree(self, session_id: str) -> Sequence[TreeTurn]:
        """Every turn of every branch, each after the one it follows."""

    def save_reply(self, turn_id: int, text: str, token_ids: Sequence[int]) -> None:
        """Keep what an unfinished reply says so far."""

    def close_reply(self, turn_id: int, reply: Reply) -> None:
        """Keep a finished reply with its stop reason and timings."""

    def mark_example(self, message_id: int, is_example: bool) -> None:
        """Say whether a user's turn, with the reply to it, is an example of how to reply."""

    def examples(self, session_id: str) -> Sequence[StoredTurn]:
        """The marked exchanges of the shown branch, message and reply in turn; those without a word of reply are not.

        They are in order and alternate, the user's first.
        """

    def add_choice(self, session_id: str, choice: Choice) -> None:
        """Keep labels that were ranked, the bytes of the pictures that came with them included."""

    def choices(self, session_id: str) -> Sequence[Choice]:
        """What was ranked in the shown branch, in order."""

    def leave_out(self, session_id: str, left: LeftOut) -> None:
        """Keep what of a session the model is not shown, in the place of what was kept of that before."""

    def left_out(self, session_id: str) -> LeftOut:
        """What of a session the model is not shown, in whichever branch."""

    def save_draft(self, session_id: str | None, draft: Draft) -> None:
        """Keep an unsent message; None is the session not yet begun; an empty draft removes it."""

    def draft(self, session_id: str | None) -> Draft:
        """The unsent message that was kept, or an empty one."""


def conversation_of(
    turns: Iterable[StoredTurn], *, system: str = "", facts: CheckpointFacts | None = None
) -> Conversation:
    """The conversation that stored turns are.

    A message that never got a reply is followed by an empty one, so that roles alternate. A message that the model
    failed on before its first word is left out with its reply: it may be what made the model fail.

    Args:
        turns: From the first.
        system: The session's system text.
        facts: The checkpoint the conversation goes to. A reply's token ids are kept only if this checkpoint gave them,
            since ids mean nothing to another one.
    """
    conversation: list[Turn] = []
    for stored in turns:
        turn = stored.turn
        if conversation and conversation[-1].role is Role.USER and turn.role is Role.USER:
            conversation.append(assistant_turn(""))
        if turn.role is Role.ASSISTANT and _is_failure(stored):
            conversation.pop()
        elif turn.role is Role.ASSISTANT:
            conversation.append(assistant_turn(turn.text, ids_for(facts, stored)))
        else:
            conversation.append(turn)
    return Conversation(tuple(conversation), system)


def _is_failure(stored: StoredTurn) -> bool:
    return not stored.turn.text and stored.generation is not None and stored.generation.stop_reason is StopReason.ERROR


def ids_for(facts: CheckpointFacts | None, stored: StoredTurn) -> tuple[int, ...]:
    """A reply's ids without the token that closed it, or nothing where they belong to another checkpoint."""
    generation = stored.generation
    if facts is None or generation is None or not stored.turn.text:
        return ()
    if (generation.facts.name, generation.facts.revision) != (facts.name, facts.revision):
        return ()
    return generation.spoken_ids


def continued(words: str, said: str) -> str:
    """Words that a model was given the beginning of its reply in, and what it said from there on."""
    # The space between the two belongs to the tokens of the first word that is said, where it cannot be seen.
    is_word = bool(words and said) and (said[0].isalnum() or said[0] in "([{'\"“‘«")
    return f"{words.rstrip(' ')}{' ' if is_word else ''}{said}"


class ReplySoFar:
    """What a reply says so far, and when it began to."""

    def __init__(
        self,
        settings: GenerationSettings,
        *,
        prompt_tokens: int = 0,
        words: "str | Said" = "",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Begin a reply.

        Args:
            settings: It is generated with.
            prompt_tokens: Of the prompt it answers, as far as that is known.
            words: What the reply begins with; the model goes on from there. `Said` for a reply that was cut.
            clock: Gives the seconds.
        """
        self.settings = settings
        self.prompt_tokens = prompt_tokens
        self.words = words
        self._begun_ids = () if isinstance(words, str) else words.token_ids
        self.token_ids: list[int] = list(self._begun_ids)
        self._said = ""
        self._clock = clock
        self._started = clock()
        self._first_token_s = 0.0

    @property
    def text(self) -> str:
        """What the reply says so far."""
        return self._with_words(self._said)

    @property
    def new_tokens(self) -> int:
        """How many tokens it has so far that it did not begin with."""
        return len(self.token_ids) - len(self._begun_ids)

    def _with_words(self, said: str) -> str:
        return continued(self.words, said) if isinstance(self.words, str) else self.words.with_more(said).text

    def add(self, chunk: Chunk) -> None:
        """Take a streamed piece."""
        if not self.new_tokens:
            self._first_token_s = self._clock() - self._started
        self._said += chunk.text
        if chunk.token_id is not None:
            self.token_ids.append(chunk.token_id)

    def cut(self, reason: StopReason) -> Reply:
        """What was said so far as the whole reply, for one that the generator will not end."""
        said = Reply(
            text=self._said,
            token_ids=tuple(self.token_ids[len(self._begun_ids) :]),
            stop_reason=reason,
            prompt_tokens=self.prompt_tokens,
            cached_tokens=0,
            seed=self.settings.seed,
            first_token_s=self._first_token_s,
            total_s=self._clock() - self._started,
        )
        return self.whole(said)

    def whole(self, said: Reply) -> Reply:
        """The whole reply, where a generator says this much of it."""
        # Nothing is kept of a reply that failed before its first word: its message is left out for the model then.
        has_failed = said.stop_reason is StopReason.ERROR and not said.text and isinstance(self.words, str)
        ids = (*self._begun_ids, *said.token_ids)
        return said if has_failed else replace(said, text=self._with_words(said.text), token_ids=ids)


class RunningReply(ReplySoFar):
    """A reply while it is streamed: saves with the pieces, at most every half second, and how it ended.

    Used on the thread that owns the store, which waits for every save; the model may run on another.
    """

    def __init__(
        self,
        store: SessionStore,
        message_id: int,
        facts: CheckpointFacts,
        settings: GenerationSettings,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self.turn_id = store.open_reply(message_id, facts, settings)
        super().__init__(settings, clock=clock)
        self._tried = self._started

    def add(self, chunk: Chunk) -> None:
        """Take a streamed piece."""
        super().add(chunk)
        if self._clock() - self._tried >= SAVE_EVERY_S:
            try:
                self._store.save_reply(self.turn_id, self.text, self.token_ids)
            finally:
                # After a failure too: a locked store takes seconds to say so, and every piece would wait for it.
                self._tried = self._clock()

    def finish(self, reply: Reply) -> None:
        """Take the whole reply."""
        self._store.close_reply(self.turn_id, reply)

    def fail(self, reason: StopReason = StopReason.ERROR) -> Reply:
        """End a reply that the generator will not end, with what was said so far."""
        reply = self.cut(reason)
        self._store.close_reply(self.turn_id, reply)
        return reply
