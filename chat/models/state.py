"""What a model has already computed of conversations, and how much of it a new prompt can use.

Several conversations, and several branches of one, keep their states side by side within a number of bytes. The one
used longest ago is let go first; when it returns, its prompt is computed again.
"""

from collections.abc import Sequence
from typing import Final

from chat.models.kv_cache import GROWTH, GrowingCache
from chat.models.tokens import Key

_BRANCH_WORTH: Final = 64
"""Tokens. A state that would lose more of them to a new prompt is kept apart, for whoever comes back to it."""


class KeptState:
    """The key-value cache of one conversation and the tokens it was computed from."""

    def __init__(self) -> None:
        self.cache = GrowingCache()
        self._keys: list[Key] = []
        self.draft_from: int | None = None
        """Tokens from here on are of a message that was not sent; None where there are none such."""

    def __len__(self) -> int:
        return len(self._keys)

    @property
    def nbytes(self) -> int:
        """Bytes of the cache, the room for more tokens included."""
        return self.cache.nbytes

    @property
    def is_whole(self) -> bool:
        """Whether every layer holds these tokens and no others, as it does unless a forward pass broke off."""
        return all(layer.get_seq_length() == len(self._keys) for layer in self.cache.layers)

    @property
    def sent(self) -> int:
        """How many of the tokens kept were sent."""
        return len(self) if self.draft_from is None else min(self.draft_from, len(self))

    @property
    def latest_image(self) -> str:
        """Digest of the newest picture among the tokens kept, or an empty string."""
        return next((digest for _, digest in reversed(self._keys) if digest), "")

    def shown(self, digest: str) -> int:
        """How many of the tokens kept are those of a picture."""
        return sum(kept == digest for _, kept in self._keys)

    def shared(self, keys: Sequence[Key]) -> int:
        """How many of a prompt's first tokens need no computation.

        The last one is always left to compute: its logits are what a generator asks for.
        """
        limit = min(len(keys) - 1, len(self._keys))
        # The rule, and much faster than a look at every token.
        if keys[:limit] == self._keys[:limit]:
            return limit
        shared = 0
        while shared < limit and keys[shared] == self._keys[shared]:
            shared += 1
        return shared

    def crop(self, length: int) -> None:
        """Keep only the first tokens."""
        if length < len(self._keys):
            self.cache.crop(length - len(self._keys))
            del self._keys[length:]

    def begin_with(self, other: "KeptState", length: int, *, takes: bool) -> None:
        """Begin as another state does; this one must be empty.

        Args:
            other: The other state.
            length: Of its tokens, how many.
            takes: Take them from it, and let go of its other tokens: so both are never in memory as a whole.
        """
        # Before the tokens are noted: memory may not suffice for it.
        self.cache = other.cache.moved(length) if takes else other.cache.copied(length)
        self._keys = other._keys[:length]
        if takes:
            other._keys = []

    def computed(self, keys: Sequence[Key]) -> None:
        """Note tokens that a forward pass has added to the cache."""
        self._keys.extend(keys)


class KeptStates:
    """The states of the conversations used last."""

    def __init__(self, most_bytes: int) -> None:
        """Begin with none.

        Args:
            most_bytes: That all states together may take. The one in use stays even if it is larger by itself.
        """
        self.most_bytes = most_bytes
        self._states: list[KeptState] = []
        """The one used last at the end."""

    def __len__(self) -> int:
        return len(self._states)

    @property
    def nbytes(self) -> int:
        """Bytes of all states."""
        return sum(state.nbytes for state in self._states)

    def claim(self, keys: Sequence[Key], new_tokens: int, *, draft_from: int | None = None) -> KeptState:
        """The state to compute a prompt with: it holds what the prompt begins with, as far as any state does.

        Args:
            keys: The prompt's tokens.
            new_tokens: The most that will be added behind them.
            draft_from: Where those begin that are not sent yet; None where all are.
        """
        # Of several that share as much, the one that has the least to lose.
        best = max(reversed(self._states), key=lambda state: (state.shared(keys), -len(state)), default=None)
        shared = best.shared(keys) if best else 0
        is_apart = best is not None and shared > 0 and best.sent - shared > _BRANCH_WORTH
        state = best if best is not None and shared and not is_apart else KeptState()
        if state in self._states:
            self._states.remove(state)
        self._states.append(state)
        for other in self._states[:-1]:
            other.cache.unpack()
        self._let_go(len(keys) + new_tokens)
        if best is not None and is_apart:
            state.begin_with(best, shared, takes=best not in self._states)
        state.crop(shared)
        state.draft_from = draft_from
        return state

    def borrowed(self, keys: Sequence[Key]) -> KeptState:
        """A state that begins with what a prompt begins with, as far as any does; it is not kept, and nothing changes.

        Args:
            keys: The prompt's tokens.
        """
        best = max(self._states, key=lambda state: state.shared(keys), default=None)
        state = KeptState()
        if best is not None and (shared := best.shared(keys)):
            state.begin_with(best, shared, takes=False)
        return state

    def settle(self, state: KeptState, ahead: int, *, packs: bool) -> None:
        """Prepare the state used last for the next question.

        Args:
            state: The state.
            ahead: Tokens that it shall have room for without growing.
            packs: Whether packing what it holds makes the next question faster, where there is memory for it.
        """
        self._let_go(len(state) + ahead)
        state.cache.make_room(len(state) + ahead)
        if packs and self.nbytes + state.cache.packed_cost <= self.most_bytes:
            state.cache.pack()

    def clear(self) -> None:
        """Let go of all states."""
        self._states = []

    def drop_if_broken(self, state: KeptState) -> None:
        """Let go of a state that nothing can begin with: it holds nothing, or a forward pass has failed half way."""
        if state in self._states and not (len(state) and state.is_whole):
            self._states.remove(state)

    def _let_go(self, tokens: int) -> None:
        """Let the state used last grow to so many tokens: those used longest ago make room for it."""
        *others, state = self._states
        largest = max(others, key=len, default=None)
        token_bytes = largest.nbytes / largest.cache.room if largest and largest.cache.room else 0
        wanted = max(state.nbytes, tokens * token_bytes * GROWTH + state.cache.packed_nbytes)
        while others and sum(other.nbytes for other in others) + wanted > self.most_bytes:
            others.pop(0)
        self._states = [*others, state]
